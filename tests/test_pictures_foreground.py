"""Ink extraction from plain pictures of one digit."""

import numpy as np
import pytest

from digit_core.pictures import foreground


def test_ink_is_bright_on_nothing_whatever_the_polarity():
    picture = np.full((60, 60), 200, np.uint8)
    picture[20:40, 28:32] = 40
    ink = foreground.extract(picture)
    assert (ink[20:40, 28:32] == 255).all()
    assert np.count_nonzero(ink) == 80
    np.testing.assert_array_equal(ink, foreground.extract(255 - picture))
    np.testing.assert_array_equal(ink, foreground.extract(np.dstack([picture] * 3)))


@pytest.mark.parametrize("grey", [0, 127, 255])
def test_a_blank_sheet_has_no_ink(grey, rng):
    blank = np.full((80, 120), grey, np.uint8)
    assert not foreground.extract(blank).any()
    noisy = np.clip(blank + rng.normal(0, 3, blank.shape), 0, 255).astype(np.uint8)
    assert not foreground.extract(noisy).any()


def test_soft_edges_stay_soft():
    picture = np.full((30, 30), 255, np.uint8)
    picture[10:20, 12:18], picture[10:20, 11] = 0, 127
    ink = foreground.extract(picture)
    assert 40 < ink[15, 11] < 215
