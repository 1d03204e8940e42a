"""Fit the weights of page and line network for drawings, on hypotheses with known truth; and the threshold."""

from dataclasses import replace

import numpy as np
import pytest

from digit_core.data.scenes import Mark
from digit_core.reading.drawn_lines import Candidate
from digit_core.training import drawing_calibration
from digit_core.training.page_calibration import CalibrationError, Example

EMPTY = np.zeros((28, 28), np.uint8)


def hypotheses(rng: np.random.Generator, count: int = 300):
    """Detection count, features of two hypotheses, true index. With two detections column 0 identifies the true one,
    with one detection column 1; the other columns are noise."""
    for number in range(count):
        truth = int(rng.integers(2))
        features = rng.normal(0, 1, (2, 7))
        features[:, number % 2] = -3.0
        features[truth, number % 2] = -1.0
        yield 2 - number % 2, features, truth


def test_who_is_always_right_is_believed(monkeypatch):
    monkeypatch.setattr(drawing_calibration, "_hypotheses", lambda *_: hypotheses(np.random.default_rng(0)))
    several, alone = drawing_calibration.fit_weights(None, None, None, [])
    assert several.line > 1
    assert alone.digit > 1
    assert abs(several.digit) < 0.5 * several.line
    assert abs(alone.line) < 0.5 * alone.digit


def test_without_anything_found_there_is_nothing_to_fit(monkeypatch):
    monkeypatch.setattr(drawing_calibration, "_hypotheses", lambda *_: iter(()))
    with pytest.raises(CalibrationError, match="more training"):
        drawing_calibration.fit_weights(None, None, None, [])


class Reader:
    """Fake reader with given candidates; a picture's first pixel is their index."""

    def __init__(self, candidates):
        self._candidates = candidates

    def marks(self, picture):
        return []

    def candidates(self, page, picture, drawn):
        return self._candidates[int(picture[0, 0])]


def test_the_threshold_accepts_nearly_all_digits_that_are_found():
    candidate = Candidate(20, 20, 20, 30, 3, 0.9, 0.0, np.full(10, 0.1), EMPTY, EMPTY)
    chances = np.linspace(0.01, 1, 200)
    reader = Reader([[replace(candidate, digit=chance)] for chance in chances])
    mark = Mark(0, 10, 5, 20, 30, 30, 1.0)
    drawings = [
        Example(np.full((40, 40), number, np.uint8), [replace(mark, label=number % 10)])
        for number in range(len(chances))
    ]
    threshold = drawing_calibration.threshold(reader, reader, drawings)
    assert np.mean(chances >= threshold) == pytest.approx(drawing_calibration.ACCEPTED, abs=0.006)
    with pytest.raises(CalibrationError, match="ten digits"):
        drawing_calibration.threshold(reader, reader, drawings[:5])
