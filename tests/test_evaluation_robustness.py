"""Distortions checked on a few pixels, and curves measured with a real model."""

import numpy as np
import pytest

from digit_core.data.datasets import Split
from digit_core.evaluation import robustness


def _dot(row, column, size=1):
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, row : row + size, column : column + size] = 255
    return image


def _middle(image):
    rows, columns = np.nonzero(image > 60)
    return rows.mean(), columns.mean()


def test_a_quarter_turn_about_the_centre(rng):
    [turned] = robustness.turned(_dot(4, 13, 2), 90, rng)
    row, column = _middle(turned)
    assert row == pytest.approx(13.5, abs=0.6)
    assert column == pytest.approx(4.5, abs=0.6) or column == pytest.approx(22.5, abs=0.6)


def test_a_shift_goes_as_far_as_it_says(rng):
    [moved] = robustness.moved(_dot(13, 13, 2), 6, rng)
    assert np.hypot(*(np.array(_middle(moved)) - 13.5)) == pytest.approx(6, abs=0.7)


def test_scale_shear_and_contrast(rng):
    assert robustness.scaled(_dot(9, 9, 10), 0.5, rng).sum() / 255 == pytest.approx(25, rel=0.1)
    sheared = robustness.sheared(_dot(4, 13, 2), 0.5, rng)[0]
    assert abs(_middle(sheared)[1] - 13.5) == pytest.approx(4.5, abs=0.7)
    assert robustness.paler(_dot(4, 4), 0.2, rng).max() == 51


def test_noise_blur_and_occlusion(rng):
    blank = np.full((50, 28, 28), 128, np.uint8)
    assert robustness.noisy(blank, 0.1, rng).std() == pytest.approx(25.5, rel=0.05)
    blurred = robustness.blurred(_dot(14, 14), 1.0, rng)[0]
    assert blurred[14, 14] == pytest.approx(255 / (2 * np.pi), abs=4)
    assert (robustness.hidden(np.full((3, 28, 28), 255, np.uint8), 5, rng) == 0).sum() == 3 * 25


def test_pens(rng):
    bar = np.zeros((1, 28, 28), np.uint8)
    bar[0, 4:24, 12:16] = 255
    widths = [(robustness.penned(bar, amount, rng)[0, 14] > 128).sum() for amount in (-1, 0, 1)]
    assert widths == [2, 4, 6]


@pytest.mark.parametrize("name", robustness.DISTORTIONS)
def test_every_distortion_begins_with_what_is_there(name, rng):
    distort, _, amounts = robustness.DISTORTIONS[name]
    neutral = 1 if name in ("scale", "contrast") else 0
    assert neutral in amounts
    image = rng.integers(0, 256, (2, 28, 28), dtype=np.uint8)
    assert (distort(image, neutral, rng) == image).all()
    assert all(distort(image, amount, rng).shape == image.shape for amount in amounts)


def test_the_sample_is_fixed_and_no_larger_than_what_there_is(rng):
    many = Split(rng.integers(0, 256, (1500, 28, 28), dtype=np.uint8), np.zeros(1500, np.uint8))
    assert len(robustness.sample_of(many)) == robustness.SAMPLE
    assert (robustness.sample_of(many).images == robustness.sample_of(many).images).all()
    few = Split(many.images[:5], many.labels[:5])
    assert robustness.sample_of(few) is few


def test_curves_fall_are_kept_and_take_mnist_c_where_it_lies(tmp_path, monkeypatch):
    from digit_core.data import datasets

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    monkeypatch.setenv("DIGIT_DATA_DIR", str(tmp_path))
    test = datasets.load("builtin").test
    few = Split(test.images[:100], test.labels[:100])
    curves = {curve.name: curve for curve in robustness.measure("simple_cnn", few)}
    assert set(curves) == set(robustness.DISTORTIONS)
    rotation = curves["rotation"]
    assert rotation.accuracies[0] > 0.85
    assert rotation.accuracies[-1] < rotation.accuracies[0]
    assert all(low <= share <= high for share, (low, high) in zip(rotation.accuracies, rotation.intervals, strict=True))
    assert robustness.is_kept("simple_cnn", few)
    assert robustness.measure("simple_cnn", few) == list(curves.values())
    fog = tmp_path / "mnist_c" / "fog"
    fog.mkdir(parents=True)
    np.save(fog / "test_images.npy", test.images[:50, ..., None])
    np.save(fog / "test_labels.npy", test.labels[:50])
    (tmp_path / "mnist_c" / "broken").mkdir()
    with_fog = robustness.measure("simple_cnn", few)
    assert with_fog[-1].name == "MNIST-C: fog"
    assert len(with_fog) == len(curves) + 1


def test_examples_show_one_digit_under_each_amount(rng):
    digits = Split(rng.integers(0, 256, (3, 28, 28), dtype=np.uint8), np.arange(3, dtype=np.uint8))
    for name, (_, _, amounts) in robustness.DISTORTIONS.items():
        shown = robustness.examples(name, digits)
        assert shown.shape == (len(amounts), 28, 28)
        untouched = [i for i, amount in enumerate(amounts) if amount == (1 if name in ("scale", "contrast") else 0)]
        assert np.array_equal(shown[untouched[0]], digits.images[0])
