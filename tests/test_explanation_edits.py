"""What the sliders do to a digit, and where its answer changes."""

import numpy as np
import pytest
from drawing import DIGITS, draw, placed

from digit_core.explanation import edits
from digit_core.explanation.edits import LIMITS, Edit


@pytest.fixture
def digit(recognizer):
    return recognizer.read(draw(placed(DIGITS[7], 100, 60, 250))).digits[0].image


def centre(image: np.ndarray) -> np.ndarray:
    """Row and column of the ink's centre of mass."""
    return np.array([(np.indices(image.shape)[axis] * image).sum() / image.sum() for axis in (0, 1)])


def test_nothing_done_is_nothing_changed(digit):
    assert np.array_equal(edits.apply(digit, Edit()), digit)


def test_moving_moves_the_ink(digit):
    moved = edits.apply(digit, Edit(right=3, down=-2))
    np.testing.assert_allclose(centre(moved) - centre(digit), [-2, 3], atol=0.2)


def test_a_right_turn_is_clockwise():
    image = np.zeros((28, 28), np.uint8)
    image[2:14, 13:15] = 255  # a bar that points up
    turned = edits.apply(image, Edit(turn=90))
    assert turned[13:15, 16:26].min() > 200


def test_a_thicker_pen_leaves_more_ink_and_a_thinner_one_less(digit):
    inks = [edits.apply(digit, Edit(pen=pen)).sum() for pen in (-1, 0, 1, 2)]
    assert inks == sorted(inks)
    assert inks[0] < inks[1] < inks[2]


def test_every_step_of_the_pen_changes_the_ink(digit):
    least, most, step = LIMITS["pen"]
    inks = [int(edits.apply(digit, Edit(pen=pen)).sum()) for pen in np.arange(least, most + step, step)]
    assert inks == sorted(set(inks))


def test_noise_is_the_same_each_time(digit):
    noisy = edits.apply(digit, Edit(noise=0.3))
    assert np.array_equal(noisy, edits.apply(digit, Edit(noise=0.3)))
    assert 0.05 < np.mean(noisy != digit) < 0.35


def test_the_answer_tips_over_where_it_changes():
    """A network that reads 1 if the ink's centre of mass is in the left half, and 0 otherwise."""
    image = np.zeros((28, 28), np.uint8)
    image[8:20, 10:12] = 255

    def halves(digits):
        return np.eye(10)[[1 if digit.sum() and centre(digit)[1] < 13.5 else 0 for digit in digits]]

    tips = {tip.name: tip for tip in edits.tips(halves, image, Edit()) if tip.name == "right"}
    assert tips["right"].digit == 0
    assert 3 <= tips["right"].amount <= 5  # its centre of mass is at column 10.5


def test_every_slider_begins_within_its_limits():
    for name, (least, most, step) in LIMITS.items():
        assert least <= getattr(Edit(), name) <= most
        assert step > 0


def test_a_tip_is_exact_to_a_step_of_its_slider():
    """The answer changes at a given column of the centre of mass, wherever the coarse search steps are."""

    def at(column: float):
        def classify(digits: np.ndarray) -> np.ndarray:
            weight = digits.reshape(len(digits), 28, 28).astype(float).sum(1)
            middle = (weight @ np.arange(28)) / np.maximum(weight.sum(1), 1e-9)
            return np.stack([middle < column, middle >= column], 1).astype(float)

        return classify

    image = np.zeros((28, 28), np.uint8)
    image[8:20, 10] = 255
    for column in (11.0, 12.0, 13.0):
        [tip] = [tip for tip in edits.tips(at(column), image, Edit()) if tip.name == "right"]
        step = edits.LIMITS["right"][2]
        assert at(column)(edits.apply(image, Edit(right=tip.amount))[np.newaxis]).argmax() == 1
        assert at(column)(edits.apply(image, Edit(right=tip.amount - step))[np.newaxis]).argmax() == 0
