"""Context features of marks, on pages worked out by hand."""

import numpy as np
import pytest

from digit_core.reading.context import FAMILY, SUREST, context
from digit_core.reading.page_network import Answer, Detection
from digit_core.reading.settings import ReadingSettings

ANSWER = Answer(np.zeros((8, 8), np.uint8), np.zeros((2, 4, 2), np.float32), (0, 0), (1.0, 1.0))


def mark(x: float, label: int, y: float = 50, height: float = 30, heat: float = 1.0, width: float = 20) -> Detection:
    probabilities = np.full(13, 1e-9)
    probabilities[label] = 1.0
    return Detection(x, y, width, height, heat, probabilities, 30.0, ANSWER)


def columns(marks, contrasts=None):
    digit = np.array([mark.probabilities[:10].sum() for mark in marks])
    contrasts = np.full(len(marks), 0.5) if contrasts is None else np.array(contrasts)
    return context(marks, digit, contrasts, ReadingSettings()).T


def test_a_mark_alone_has_no_context():
    np.testing.assert_array_equal(
        context([mark(20, 3)], np.ones(1), np.array([0.4]), ReadingSettings()), np.zeros((1, 4))
    )
    assert context([], np.zeros(0), np.zeros(0), ReadingSettings()).shape == (0, 4)


def test_letters_beside_it_speak_against_a_mark_and_digits_for_it():
    among_letters = columns([mark(20, 10), mark(45, 0), mark(70, 10)])
    among_digits = columns([mark(20, 7), mark(45, 0), mark(70, 7)])
    assert among_letters[0][1] == pytest.approx(-among_digits[0][1])
    assert -SUREST < among_letters[0][1] < -1
    assert among_letters[1][1] == pytest.approx(-SUREST * 2 / (2 * FAMILY + 2))


@pytest.mark.parametrize(
    "other", [mark(45, 7, y=90), mark(45, 7, height=90), mark(900, 7)], ids=["other line", "larger", "far away"]
)
def test_only_marks_of_the_same_line_and_size_are_neighbours(other):
    near, page, _, _ = columns([mark(20, 3), other])
    assert abs(near[0]) < 1e-6
    assert page[0] > 1


def test_points_and_minus_signs_say_nothing():
    np.testing.assert_allclose(columns([mark(20, 3), mark(45, 11), mark(70, 12)])[:2, 0], 0, atol=1e-9)


def test_a_part_of_a_better_mark_is_covered_and_the_better_one_is_not():
    covered = columns([mark(20, 8), mark(20, 0, y=57, height=15, heat=0.5)])[2]
    np.testing.assert_allclose(covered, [0, 1])


def test_what_is_fainter_than_the_digits_is_told():
    faintness = columns([mark(20, 3, height=90), mark(120, 4, height=90), mark(300, 1, height=12)], [0.8, 0.4, 0.04])[3]
    np.testing.assert_allclose(faintness, [0, 0, np.log(0.1)], atol=1e-9)


def test_faint_grain_says_little_of_a_dark_mark_and_paler_ink_says_all():
    grain = [mark(x, 10, y=300 + x, height=8, heat=0.4) for x in range(100, 500, 10)]
    alone, pale, equal = (columns([mark(20, 0), *grain], [0.6] + [c] * len(grain))[1][0] for c in (0.03, 0.4, 0.6))
    assert pale == pytest.approx(equal)
    assert equal < -2.5
    assert alone > -0.5
