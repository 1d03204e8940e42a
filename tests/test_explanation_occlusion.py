"""Occlusion evidence for a network whose decision rule is known."""

import numpy as np
import pytest
from drawing import DIGITS, draw, placed

from digit_core.explanation import occlusion


def halves(digits: np.ndarray) -> np.ndarray:
    """A network that knows two digits: ink on the left is evidence for 3, ink on the right for 8."""
    ink = digits.astype(float) / 255
    scores = np.zeros((len(digits), 10))
    scores[:, 3], scores[:, 8] = ink[:, :, :14].sum((1, 2)) / 4, ink[:, :, 14:].sum((1, 2)) / 4
    shares = np.exp(scores)
    return shares / shares.sum(1, keepdims=True)


def two_bars(left: int, right: int) -> np.ndarray:
    """A vertical bar on each side, `left` and `right` pixels high."""
    image = np.zeros((28, 28), np.uint8)
    image[4 : 4 + left, 5], image[4 : 4 + right, 22] = 255, 255
    return image


def test_ink_speaks_for_the_digit_that_it_raises():
    found = occlusion.explain(halves, two_bars(20, 12))
    assert (found.maps[3][4:24, 5] > 0).all()
    assert (found.maps[3][4:16, 22] < 0).mean() > 0.9  # all but what the random masks blur at its end
    assert (found.maps[8][4:16, 22] > 0).all()
    assert not found.maps[:, :, 10].any()  # no ink here
    assert found.probabilities.argmax() == 3


def test_a_patch_counts_as_much_as_its_ink_raises_the_score():
    """A pixel under two of three patches gets the mean score drop of these two."""
    scores = np.zeros((4, 10))
    scores[0, 3], scores[1:, 3] = 5, (3, 4, 5)
    maps = occlusion.by_patches([(0, 0), (0, 3), (12, 12)], 9, scores)
    assert maps[3][0, 0] == pytest.approx(2)
    assert maps[3][0, 5] == pytest.approx(1.5)
    assert maps[3][14, 14] == 0
    assert maps[3][27, 27] == 0


def test_masks_tell_which_pixel_raises_the_score(rng):
    """If the score is three times the mask at one pixel, that pixel's weight is 3 and all others are 0."""
    masks, inked = rng.random((400, 28, 28)), np.zeros((28, 28), bool)
    inked[3:8, 4:9] = True
    scores = np.zeros((400, 10))
    scores[:, 7] = 3 * masks[:, 4, 5]
    maps = occlusion.by_masks(masks, scores, inked, 1e-6)
    assert maps[7][4, 5] == pytest.approx(3, abs=1e-3)
    assert np.abs(np.delete(maps[7].ravel(), 4 * 28 + 5)).max() < 1e-3
    assert np.abs(maps[2]).max() == 0
    held = occlusion.by_masks(masks, scores, inked, 10.0)
    assert 1 < held[7][4, 5] < 2.9
    assert held[7].argmax() == 4 * 28 + 5
    assert not held[:, ~inked].any()


def test_what_is_read_without_a_patch_is_told():
    found = occlusion.explain(halves, two_bars(12, 10))
    assert found.without[10, 5] == 8  # without nine pixels on the left, the right has more
    assert found.without[10, 22] == 3
    assert found.without[0, 0] == -1


def test_no_ink_has_no_evidence():
    with pytest.raises(ValueError, match="no ink"):
        occlusion.explain(halves, np.zeros((28, 28), np.uint8))


@pytest.mark.parametrize(
    ("y", "x", "said"),
    [(3, 24, "at the top right"), (14, 14, "in the middle"), (24, 14, "at the bottom"), (14, 3, "on the left")],
)
def test_a_place_in_words(y, x, said):
    evidence = np.full((28, 28), -0.1)
    evidence[y, x] = 5
    assert occlusion.place(evidence) == said


def test_colours_say_for_and_against():
    image, evidence = np.full((28, 28), 255, np.uint8), np.zeros((28, 28))
    evidence[:, :9], evidence[:, 19:] = 1, -1
    shown = occlusion.coloured(image, evidence, most=1, scale=2)
    assert tuple(shown[20, 6]) == occlusion.FOR
    assert tuple(shown[20, 50]) == occlusion.AGAINST
    assert len(set(shown[20, 28].tolist())) == 1  # grey where there is no evidence
    assert not occlusion.coloured(np.zeros((28, 28), np.uint8), evidence, 1).any()


def test_the_flagship_needs_the_ink_that_it_goes_by(recognizer):
    """Removing the inked pixels with above-median evidence lowers the probability more than removing the rest."""
    worse = 0
    for digit in (2, 3, 5, 7, 8):
        [read] = recognizer.read(draw(placed(DIGITS[digit], 100, 60, 250))).digits
        found = occlusion.explain(recognizer.classify, read.image)
        evidence = found.maps[digit]
        inked = read.image >= occlusion.INKED
        middle = np.median(evidence[inked])
        kept = [np.where(inked & mask, 0, read.image) for mask in (evidence > middle, evidence <= middle)]
        without_best, without_rest = recognizer.classify(np.stack(kept))[:, digit]
        worse += without_best < without_rest
    assert worse >= 4
