"""Calibration on synthetic findings with known weights."""

import numpy as np
import pytest

from digit_core.data.scenes import Mark
from digit_core.reading.acceptance import KINDS
from digit_core.reading.page_network import Answer, Detection
from digit_core.training.page_calibration import ARRAYS, CalibrationError, Example, Findings, fit, joined, matched

ANSWER = Answer(np.zeros((8, 8), np.uint8), np.zeros((2, 4, 2), np.float32), (0, 0), (1.0, 1.0))


def findings(rng: np.random.Generator, kind: str, count: int = 4000) -> Findings:
    """Half digits, half other marks; the page network is right 90% of the time, the classifier guesses."""
    truth = np.where(rng.random(count) < 0.5, rng.integers(0, 10, count), -1)
    seen = np.where(rng.random(count) < 0.9, truth, rng.integers(0, 10, count))
    network = np.full((count, 13), 0.02)
    network[np.arange(count), np.where(seen < 0, 10, seen)] = 0.76
    classifier = rng.dirichlet(np.ones(10), count)
    heat = np.where(truth >= 0, rng.uniform(0.4, 1, count), rng.uniform(0.1, 0.8, count))
    look = np.full((count, 11), 1 / 11)
    around = np.zeros((count, 4))
    return Findings(heat, network, classifier, look, around, np.full(count, kind), truth, 0, int((truth >= 0).sum()))


def everything() -> Findings:
    """Equally many of each kind; only on pages, the classifier knows the digits and the page network guesses."""
    alone, several, page = (findings(np.random.default_rng(n), kind) for n, kind in enumerate(KINDS))
    digits = page.truth >= 0
    page.classifier[digits] = 0.01 + 0.9 * np.eye(10)[page.truth[digits]]
    page.network[:] = np.random.default_rng(9).dirichlet(np.ones(13), len(page.truth))
    return joined(joined(alone, several), page)


def test_who_guesses_has_no_say_on_marks_of_that_kind():
    calibration = fit(everything())
    for fusion in (calibration.alone, calibration.several):
        assert fusion.network > 0.3
        assert fusion.classifier < 0.1 * fusion.network
        assert min(fusion.acceptance[:2]) > 0
        assert abs(fusion.acceptance[2]) < 0.3
    assert calibration.page.classifier > 0.3
    assert calibration.page.network < 0.1 * calibration.page.classifier


def test_the_threshold_is_where_an_invented_digit_costs_as_much_as_two_refused():
    assert 0.5 < fit(everything()).several.threshold < 0.8  # 2 / 3 if the probabilities are calibrated


def test_a_network_that_finds_too_little_is_not_calibrated():
    found = everything()
    only_ones = Findings(*(getattr(found, name)[found.truth == 1] for name in ARRAYS), 0, 200)
    with pytest.raises(CalibrationError, match="more training"):
        fit(only_ones)


def test_each_mark_is_found_once_and_the_doubtful_do_not_count():
    def detection(x: float, heat: float) -> Detection:
        return Detection(x, 20, 20, 30, heat, np.eye(13)[3] * 0.9 + 0.005, 30.0, ANSWER)

    marks = [Mark(3, 10, 5, 20, 30, 30, 1.0), Mark(10, 60, 5, 20, 30, 30, 1.0), Mark(8, 110, 5, 20, 30, 30, 1.0)]
    example = Example(np.zeros((40, 160), np.uint8), marks, frozenset({2}))
    seen = [detection(20, 0.6), detection(21, 0.9), detection(70, 0.9), detection(120, 0.9), detection(150, 0.9)]
    truth, found = matched(seen, example)
    assert truth == [-1, 3, -1, -2, -1]
    assert found == {0, 1, 2}
