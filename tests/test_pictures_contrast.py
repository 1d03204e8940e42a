"""Contrast normalisation removes lighting and paper, and keeps the ink."""

import numpy as np

from digit_core.pictures import contrast


def drawn() -> np.ndarray:
    grey = np.full((90, 120), 200, np.uint8)
    grey[30:60, 50:54] = 40
    return grey


def test_even_paper_is_zero_whatever_its_grey():
    for level in (0, 130, 255):
        np.testing.assert_allclose(contrast.normalize(np.full((80, 80), level, np.uint8)), 0, atol=1e-3)


def test_ink_is_below_zero_on_paper_and_above_on_a_blackboard():
    assert contrast.normalize(drawn())[45, 52] < -2
    assert contrast.normalize(255 - drawn())[45, 52] > 2


def test_a_shadow_hardly_matters():
    light = np.linspace(1, 0.4, 120)
    shaded = (drawn() * light).astype(np.uint8)
    local = contrast.normalize(shaded)
    assert local[45, 52] < -2
    assert np.abs(local[45, [5, 30, 80, 110]]).max() < 1


def test_paper_goes_on_beyond_the_edge_and_ink_does_not():
    grey = drawn()
    grey[:20, 70:75] = 40  # a stroke that reaches the upper edge
    out = contrast.extend(grey, 10, 6, 4, 8)
    assert out.shape == (106, 132)
    np.testing.assert_array_equal(out[10:100, 4:124], grey)
    assert (out[:10] == 200).all()
    assert (out[:, :4] == 200).all()


def test_tiny_pictures_are_extended_too():
    assert contrast.extend(np.full((1, 1), 7, np.uint8), 2, 2, 2, 2).tolist() == [[7] * 5] * 5
