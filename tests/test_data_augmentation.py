from dataclasses import replace

import numpy as np
import pytest

from digit_core.data import augmentation
from digit_core.data.augmentation import DISTORTIONS, Distortion, distort


@pytest.fixture(scope="module")
def digits():
    from digit_core.data import datasets

    split = datasets.load("builtin").train
    return split.images[:200], split.labels[:200]


def _rng(seed=3):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", ["gentle", "strong"])
def test_a_batch_keeps_its_form_and_changes(digits, name):
    out = distort(*digits, DISTORTIONS[name], _rng())
    assert out.shape == digits[0].shape
    assert out.dtype == np.uint8
    assert np.mean([np.array_equal(a, b) for a, b in zip(out, digits[0], strict=True)]) == 0


def test_the_same_generator_state_gives_the_same_batch(digits):
    first, again, other = (distort(*digits, DISTORTIONS["gentle"], _rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_none_changes_nothing(digits):
    assert np.array_equal(distort(*digits, DISTORTIONS["none"], _rng()), digits[0])


def test_the_originals_stay_as_they_are(digits):
    before = digits[0].copy()
    distort(*digits, DISTORTIONS["strong"], _rng())
    assert np.array_equal(digits[0], before)


def test_a_shift_moves_the_picture_by_at_most_its_limit():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 13:15, 13:15] = 255
    for seed in range(20):
        out = distort(image, np.array([5]), Distortion(shift=2), _rng(seed))[0].astype(float)
        rows, columns = np.indices(out.shape)
        assert abs((rows * out).sum() / out.sum() - 13.5) <= 2.1
        assert abs((columns * out).sum() / out.sum() - 13.5) <= 2.1


def test_the_pen_grows_thicker_and_thinner_and_paper_stays_black(digits):
    weights = [distort(*digits, Distortion(pen=0.8), _rng(seed)).sum((1, 2)) for seed in range(8)]
    assert (np.max(weights, 0) > np.min(weights, 0)).all()
    out = distort(*digits, Distortion(pen=0.8), _rng())
    assert (out[:, :3, :3] == 0).all()
    assert (out.max((1, 2)) == 255).all()


@pytest.mark.parametrize("digit", sorted(augmentation.HABITS))
def test_habits_add_a_stroke_to_the_digits_that_have_them(digits, digit):
    images, labels = digits[0][digits[1] == digit], digits[1][digits[1] == digit]
    out = distort(images, labels, Distortion(habits=1.0), _rng())
    assert not any(np.array_equal(a, b) for a, b in zip(out, images, strict=True))
    assert (out.max((1, 2)) == 255).all()


def test_habits_leave_other_digits_alone(digits):
    others = ~np.isin(digits[1], list(augmentation.HABITS))
    out = augmentation._with_habits(*digits, 1.0, _rng())
    assert np.array_equal(out[others], digits[0][others])


@pytest.mark.parametrize("peak", [0, 1, 100])
def test_faint_and_blank_digits_are_distorted_as_well(peak):
    images = np.zeros((30, 28, 28), np.uint8)
    images[:, 6:22, 13:15] = peak
    labels = np.tile([0, 1, 7], 10)
    out = distort(images, labels, replace(DISTORTIONS["gentle"], habits=1.0), _rng())
    assert out.shape == images.shape
    assert bool(out.any()) == bool(peak)


def test_digits_stay_as_sharp_as_they_were(digits):
    """A network trained only on blurred digits misreads sharp ones."""

    def steepness(images):
        return np.abs(np.diff(images.astype(float), axis=2)).sum() / images.astype(float).sum()

    images, labels = digits
    assert steepness(distort(images, labels, DISTORTIONS["gentle"], _rng())) > 0.85 * steepness(images)
