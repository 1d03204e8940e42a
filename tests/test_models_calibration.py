import numpy as np
import pytest

from digit_core.models.calibration import COLDEST, HOTTEST, fit_temperature


def _drawn(rng, n=20_000):
    """Probabilities and labels sampled from them: calibrated by construction."""
    logits = rng.normal(0, 2, (n, 10))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (probabilities.cumsum(1) > rng.random((n, 1))).argmax(1)
    return probabilities, labels


def _at(probabilities, temperature):
    powers = probabilities ** (1 / temperature)
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_what_was_heated_is_cooled(rng, temperature):
    honest, labels = _drawn(rng)
    assert fit_temperature(_at(honest, temperature), labels) == pytest.approx(1 / temperature, rel=0.03)


def test_the_ends_of_the_range():
    sure = np.full((10, 10), 0.02) + 0.8 * np.eye(10)
    assert fit_temperature(sure, np.arange(10)) == pytest.approx(COLDEST, rel=0.01)  # always right: underconfident
    assert fit_temperature(sure, (np.arange(10) + 1) % 10) == pytest.approx(HOTTEST, rel=0.01)
    assert np.isfinite(fit_temperature(np.eye(10), np.arange(10)))
