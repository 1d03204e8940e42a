import cv2
import numpy as np
import pytest

from digit_core.pictures import normalization


def _centre_of_mass(picture):
    rows, columns = np.indices(picture.shape)
    return (rows * picture.astype(float)).sum() / picture.sum(), (columns * picture.astype(float)).sum() / picture.sum()


def test_a_bar_becomes_twenty_pixels_high_in_the_middle():
    """By hand: 100x25 shrinks to 20x5, with its middle at index (9.5, 2), so it starts at row 4, column 12."""
    ink = np.zeros((200, 300), np.uint8)
    ink[50:150, 200:225] = 180
    expected = np.zeros((28, 28), np.uint8)
    expected[4:24, 12:17] = 255
    np.testing.assert_array_equal(normalization.normalize(ink), expected)


def test_the_longer_side_is_twenty_and_the_peak_white(rng):
    for _ in range(20):
        height, width = rng.integers(10, 300, 2)
        ink = np.zeros((400, 400), np.uint8)
        cv2.ellipse(ink, (200, 200), (int(width) // 2, int(height) // 2), 0, 0, 300, 255, 8)
        digit = normalization.normalize(ink)
        _, _, w, h = cv2.boundingRect((digit > 40).astype(np.uint8))
        assert max(w, h) in (19, 20)
        assert digit.max() == 255
        assert _centre_of_mass(digit) == pytest.approx((14, 14), abs=0.51)


def test_place_and_brightness_do_not_matter():
    ink = np.zeros((300, 300), np.uint8)
    cv2.line(ink, (40, 30), (90, 160), 250, 12)
    moved = np.roll(ink, (90, 120), (0, 1)) // 2
    difference = normalization.normalize(ink).astype(int) - normalization.normalize(moved)
    assert np.abs(difference).max() <= 3


def test_no_ink_gives_an_empty_picture():
    assert not normalization.normalize(np.zeros((50, 50), np.uint8)).any()


def test_a_single_pixel_is_enlarged_not_lost():
    ink = np.zeros((9, 9), np.uint8)
    ink[4, 4] = 255
    assert normalization.normalize(ink).sum() == 400 * 255


def test_an_unbalanced_digit_stays_inside_the_frame():
    """Centring by mass alone would push the end with less ink out of the frame."""
    ink = np.zeros((100, 100), np.uint8)
    ink[0:100, 50:52] = 255
    ink[80:100, 20:80] = 255
    digit = normalization.normalize(ink)
    assert cv2.boundingRect((digit > 60).astype(np.uint8))[3] == 20


def test_mnist_is_already_normal(mnist):
    """Nearly all MNIST digits have a longer side of 20 pixels and their centre of mass at index 14."""
    sample = mnist.train.images[:2000]
    longest = [max(cv2.boundingRect((image > 0).astype(np.uint8))[2:]) for image in sample]
    assert np.mean(np.array(longest) == 20) > 0.99
    centres = np.array([_centre_of_mass(image) for image in sample])
    assert centres.mean(0) == pytest.approx((normalization.CENTRE, normalization.CENTRE), abs=0.1)
