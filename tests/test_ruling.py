import cv2
import numpy as np
import pytest
from drawing import DIGITS, draw, number, placed

from digit_core import images, ruling


def _ruled(ink, slope=0.0, spacing=60, width=2):
    """The same ink on ruled paper."""
    page = ink.copy()
    for row in range(30, ink.shape[0], spacing):
        cv2.line(page, (0, row), (ink.shape[1], round(row + slope * ink.shape[1])), 255, width, cv2.LINE_AA)
    return page


def _ink(strokes, **options):
    return 255 - draw(strokes, **options)


@pytest.mark.parametrize("slope", [0.0, 0.02, -0.02])
def test_ruled_lines_go_and_what_they_cross_stays(slope):
    ink = _ink(number("2747", 40, 60, 180), width=700, height=320, pen=12)
    rest = ruling.without_lines(_ruled(ink, slope))
    kept = np.count_nonzero(rest[ink > 128] > 128) / np.count_nonzero(ink > 128)
    left = np.count_nonzero(rest[ink == 0] > 128) / np.count_nonzero(ink > 128)
    assert kept > 0.95
    assert left < 0.03


def test_table_lines_go_in_both_directions():
    ink = _ink(placed(DIGITS[5], 150, 100, 180), pen=12)
    page = _ruled(ink, spacing=330)
    page = _ruled(page.T.copy(), spacing=330).T.copy()
    rest = ruling.without_lines(page)
    assert np.count_nonzero(rest[ink == 0] > 128) < 0.05 * np.count_nonzero(ink > 128)


@pytest.mark.parametrize("digit", [1, 4, 5, 7])
@pytest.mark.parametrize("pen", [3, 8, 20])
def test_a_drawn_digit_is_no_ruling(digit, pen):
    ink = _ink(placed(DIGITS[digit], 60, 30, 340), pen=pen)
    np.testing.assert_array_equal(ruling.without_lines(ink), ink)


def test_a_line_alone_stays():
    ink = np.zeros((300, 300), np.uint8)
    ink[2:298, 148:152] = 255
    np.testing.assert_array_equal(ruling.without_lines(ink), ink)


def test_a_small_picture_is_left_alone():
    ink = np.zeros((28, 28), np.uint8)
    ink[14] = ink[:, 14] = 255
    assert ruling.without_lines(ink) is ink


def test_numbers_on_ruled_paper_are_read(recognizer):
    ink = _ruled(_ink(number("2747", 40, 60, 180), width=700, height=320, pen=12))
    assert recognizer.read(255 - ink).text == "2747"


def test_lines_that_are_taken_out_are_a_stage_on_the_way_to_the_ink():
    picture = 255 - _ruled(_ink(number("2747", 40, 60, 180), width=700, height=320, pen=12))
    found = images.steps(picture)
    assert list(found) == ["Evenly lit", "Ink", "Without ruled lines"]
    np.testing.assert_array_equal(found["Without ruled lines"], images.extract_ink(picture))
    assert np.count_nonzero(found["Without ruled lines"]) < np.count_nonzero(found["Ink"])
