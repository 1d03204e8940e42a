"""The mark network's input."""

import numpy as np
import pytest

from digit_core.models.mark_format import SIDE
from digit_core.reading.mark_network import INK, PAPER, view

BAR = np.full((40, 8), 255, np.uint8)  # a mark's own ink


def picture(paper: int, ink: int) -> np.ndarray:
    """An 8 x 40 pixel bar centred at (60, 80)."""
    grey = np.full((160, 120), paper, np.uint8)
    grey[60:100, 56:64] = ink
    return grey


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (200, 150), (20, 220)], ids=["dark", "faint", "light on dark"])
def test_paper_and_ink_have_their_grey_in_any_light(paper, ink):
    seen = view(picture(paper, ink), (60, 80), 40, BAR, (56, 60, 1, 1))
    assert seen.shape == (SIDE, SIDE, 2)
    middle = SIDE // 2
    assert abs(int(seen[middle, middle, 0]) - INK) < 3
    assert abs(int(seen[middle, 3, 0]) - PAPER) < 3
    assert seen[middle, middle, 1] == 255
    assert seen[middle, 3, 1] == 0


def test_a_mark_at_the_edge_is_in_the_middle_and_the_paper_goes_on():
    grey = picture(230, 30)[60:, 56:]  # cropped at the bar's top and left edges
    seen = view(grey, (4, 20), 40, BAR, (0, 0, 1, 1))
    whole = view(picture(230, 30), (60, 80), 40, BAR, (56, 60, 1, 1))
    np.testing.assert_array_equal(seen[..., 1], whole[..., 1])
    np.testing.assert_allclose(seen[25:, 25:, 0].astype(int), whole[25:, 25:, 0].astype(int), atol=12)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3000, 2)])
def test_no_picture_is_too_small(size):
    grey = np.full(size, 128, np.uint8)
    for reach in (0.2, 5, 4000):
        assert view(grey, (0.5, 0.5), reach, BAR[:1, :1], (0, 0, 1, 1)).shape == (SIDE, SIDE, 2)


def test_even_paper_and_no_ink_stay_even():
    seen = view(np.full((50, 50), 90, np.uint8), (25, 25), 20, np.zeros((10, 10), np.uint8), (20, 20, 1, 1))
    assert np.ptp(seen[..., 0]) == 0
    assert not seen[..., 1].any()
