"""What is a digit, and what is only a piece of one or more than one."""

import numpy as np
import pytest

from digit_core import counterexamples, datasets, segmentation
from digit_core.counterexamples import PIECES
from digit_core.segmentation import Mark


@pytest.fixture(scope="module")
def digits():
    return datasets.load("builtin").train


def test_numbers_give_their_digits_and_pieces(digits):
    pictures, classes = counterexamples.numbers(digits.images, digits.labels, 12, np.random.default_rng(0))
    assert pictures.shape == (len(classes), 28, 28)
    assert pictures.dtype == np.uint8
    assert (classes == PIECES).sum() > (classes < 10).sum() > 12
    assert set(classes.tolist()) <= {*range(10), PIECES}


def test_the_same_seed_gives_the_same_numbers(digits):
    first, second = (
        counterexamples.numbers(digits.images, digits.labels, 3, np.random.default_rng(5)) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_likeness_is_intersection_over_union():
    own = np.zeros((20, 40), np.uint8)
    own[5:15, 10:20] = 255
    mark = Mark((15, 5, 10, 10), np.full((10, 10), 255, np.uint8))
    assert counterexamples._likeness(mark, own) == 50 / 150


def test_digits_far_apart_are_whole_and_their_pair_is_none():
    images = np.zeros((2, 28, 28), np.uint8)
    images[:, 4:24, 9:19] = 255
    rng = np.random.default_rng(0)
    placed = counterexamples._beside(images, rng)
    found = list(counterexamples._cut_up(placed))
    assert {digit for _, digit in found} <= {0, 1, None}
    assert sum(digit is not None for _, digit in found) >= 2
    page = np.maximum.reduce(placed)
    assert np.count_nonzero(page > segmentation.INK) == sum(np.count_nonzero(p > segmentation.INK) for p in placed)


def test_symbols_are_drawn_and_differ():
    symbols = counterexamples.symbols(40, np.random.default_rng(0))
    assert symbols.shape == (40, 28, 28)
    assert (symbols.reshape(40, -1).max(1) > 200).all()
    assert len(np.unique(symbols.reshape(40, -1), axis=0)) == 40


def test_a_symbol_is_cut_into_parts_that_are_not_all_of_it():
    bars = np.zeros((1, 28, 28), np.uint8)
    bars[:, 4:24, 5:8] = bars[:, 4:24, 20:23] = bars[:, 13:15, 8:20] = 255  # an H
    parts = counterexamples.parts(bars, np.random.default_rng(0))
    assert len(parts) > 1
    assert parts.shape[1:] == (28, 28)
    assert all(np.abs(part.astype(int) - bars[0]).mean() > 5 for part in parts)


def test_a_broken_digit_loses_a_thin_cut_and_nothing_else(digits):
    images = digits.images[:50]
    broken = counterexamples.broken(images, np.random.default_rng(0))
    assert (broken <= images).all()
    lost = (images.astype(int) - broken).sum((1, 2)) / images.astype(int).sum((1, 2))
    assert 0.03 < lost.mean() < 0.2
