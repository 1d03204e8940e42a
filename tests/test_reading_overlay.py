import numpy as np
import pytest

from digit_core.reading import overlay
from digit_core.reading.result import Digit


def _digit(box, trusted=True, confidence=0.99):
    return Digit(3, confidence, trusted, box, np.zeros(10), None, None)


def test_a_sure_mark_is_boxed_in_blue_and_others_in_vermilion():
    picture = np.full((300, 400), 255, np.uint8)
    digits = [
        _digit((50, 100, 60, 80)),
        _digit((200, 100, 60, 80), trusted=False),
        _digit((320, 100, 60, 80), confidence=0.6),
    ]
    shown = overlay.draw_boxes(picture, digits)
    assert shown.shape == (300, 400, 3)
    assert tuple(shown[140, 49]) == overlay.ACCEPTED
    assert tuple(shown[140, 199]) == tuple(shown[140, 319]) == overlay.UNKNOWN
    assert tuple(shown[140, 80]) == (255, 255, 255)


def test_the_picture_itself_is_left_alone():
    picture = np.full((300, 400, 3), 255, np.uint8)
    overlay.draw_boxes(picture, [_digit((50, 100, 60, 80))])
    assert (picture == 255).all()


@pytest.mark.parametrize("shape", [(28, 28), (3000, 40), (1, 1), (2400, 3200, 3), (50, 60, 4)])
def test_any_picture_is_shown_at_a_screens_size(shape):
    shown = overlay.draw_boxes(np.zeros(shape, np.uint8), [_digit((0, 0, 1, 1))])
    assert max(shown.shape[:2]) == min(max(shape[:2]), 1000)
    assert shown.shape[2] == 3


def test_a_close_up_shows_the_boxes_and_little_more():
    picture = np.full((500, 1000), 255, np.uint8)
    shown = overlay.draw_boxes(picture, [_digit((400, 200, 100, 100)), _digit((520, 210, 80, 90))], close_up=True)
    assert shown.shape == (260, 360, 3)  # the boxes span 100x200; the margin is 80 pixels
