"""Calibration on findings whose right weights are known."""

import numpy as np
import pytest

from digit_core.data.scenes import Mark
from digit_core.reading.page_network import Answer, Detection
from digit_core.training.page_calibration import CalibrationError, Example, Findings, fit, matched

ANSWER = Answer(np.zeros((8, 8), np.uint8), np.zeros((2, 4, 2), np.float32), (0, 0), (1.0, 1.0))


def findings(rng: np.random.Generator, count: int = 4000, drawn: bool = False) -> Findings:
    """Half digits, half others; the page network is right nine times in ten, the classifier guesses."""
    truth = np.where(rng.random(count) < 0.5, rng.integers(0, 10, count), -1)
    seen = np.where(rng.random(count) < 0.9, truth, rng.integers(0, 10, count))
    network = np.full((count, 13), 0.02)
    network[np.arange(count), np.where(seen < 0, 10, seen)] = 0.76
    classifier = rng.dirichlet(np.ones(10), count)
    heat = np.where(truth >= 0, rng.uniform(0.4, 1, count), rng.uniform(0.1, 0.8, count))
    look = np.full((count, 11), 1 / 11)
    around, is_drawn = np.zeros((count, 4)), np.full(count, drawn)
    return Findings(heat, network, classifier, look, around, is_drawn, truth, 0, int((truth >= 0).sum()))


def test_who_guesses_has_no_say():
    calibration = fit(findings(np.random.default_rng(0)), findings(np.random.default_rng(1), drawn=True))
    assert calibration.network > 0.3
    assert calibration.classifier < 0.1 * calibration.network
    assert min(calibration.acceptance[:2]) > 0
    assert abs(calibration.acceptance[2]) < 0.3


def test_the_threshold_weighs_errors_on_pages():
    pages, drawings = (findings(np.random.default_rng(seed), drawn=seed > 0) for seed in (0, 1))
    assert 0.3 < fit(pages, drawings).page_threshold < 0.7


def test_a_network_that_finds_too_little_is_not_calibrated():
    everything = findings(np.random.default_rng(0))
    only_ones = Findings(*(getattr(everything, f)[everything.truth == 1] for f in
                           ("heat", "network", "classifier", "mark", "context", "drawn", "truth")), 0, 200)  # fmt: skip
    with pytest.raises(CalibrationError, match="more training"):
        fit(only_ones, only_ones)


def test_each_mark_is_found_once_and_the_doubtful_do_not_count():
    def detection(x: float, heat: float) -> Detection:
        return Detection(x, 20, 20, 30, heat, np.eye(13)[3] * 0.9 + 0.005, 30.0, ANSWER)

    marks = [Mark(3, 10, 5, 20, 30, 30, 1.0), Mark(10, 60, 5, 20, 30, 30, 1.0), Mark(8, 110, 5, 20, 30, 30, 1.0)]
    example = Example(np.zeros((40, 160), np.uint8), marks, frozenset({2}))
    seen = [detection(20, 0.6), detection(21, 0.9), detection(70, 0.9), detection(120, 0.9), detection(150, 0.9)]
    truth, found = matched(seen, example)
    assert truth == [-1, 3, -1, -2, -1]
    assert found == {0, 1, 2}
