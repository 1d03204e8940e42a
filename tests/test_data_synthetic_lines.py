"""Synthetic lines match their labels and are reproducible from a seed."""

import itertools

import numpy as np
import pytest

from digit_core.data import datasets, fonts, synthetic_lines
from digit_core.data.marks import Sources
from digit_core.data.synthetic_lines import SyntheticLines
from digit_core.models.line_format import BLOCK, HEIGHT, MARGIN, OTHER, WIDEST, prepare


def lines(seed: int) -> SyntheticLines:
    digits = datasets.load("builtin").train
    return SyntheticLines(Sources(digits.images, digits.labels, fonts=fonts.load([])), seed)


def test_a_batch_is_of_one_width_and_its_labels_end_with_minus_one():
    inputs, labels = lines(1).batch(8)
    assert inputs.shape[:2] == (8, HEIGHT)
    assert inputs.shape[2] % BLOCK == 0
    assert (inputs.min(), inputs.max()) == (0, 1)
    assert labels.shape[0] == 8
    for row in labels:
        count = np.count_nonzero(row >= 0)
        assert count > 0
        assert (row[count:] == -1).all()
        assert row.max() <= OTHER


def test_the_same_seed_gives_the_same_lines():
    (one, marks), (other, same) = (lines(5).line() for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert marks == same
    assert not np.array_equal(one, lines(6).line()[0])


def test_longer_lines_are_wider():
    source = lines(2)
    made = [source.line() for _ in range(200)]
    widths = {count: [p.shape[1] for p, m in made if len(m) == count] for count in (1, 6)}
    assert np.mean(widths[6]) > 2 * np.mean(widths[1])


def test_drawings_are_dark_on_white():
    picture, labels = lines(3).drawing()
    assert labels
    assert (picture[0] == 255).all()
    assert picture.min() < 60


def test_words_are_no_digits_whatever_their_letters_look_like(monkeypatch):
    monkeypatch.setattr(synthetic_lines, "TEXTS", 1.0)
    source = lines(4)
    for _ in range(20):
        picture, labels = source.line()
        assert 3 <= len(labels) <= 8
        assert set(labels) == {OTHER}
        assert picture.shape[1] > HEIGHT


def test_slashes_stand_between_digits_and_are_none(monkeypatch):
    monkeypatch.setattr(synthetic_lines, "TEXTS", 0.0)
    monkeypatch.setattr(synthetic_lines, "SLASHES", 1.0)
    monkeypatch.setattr(synthetic_lines, "SO_MANY", (1.0, 0.0, 0.0, 0.0))
    source = lines(4)
    made = [labels for _, labels in (source.line() for _ in range(60))]
    assert any(OTHER in labels for labels in made)
    for labels in made:
        assert len(labels) <= 8
        assert labels[0] != OTHER  # a slash follows a digit
        assert (OTHER, OTHER) not in itertools.pairwise(labels)


def test_a_line_is_brought_to_one_height():
    ink = np.zeros((300, 500), np.uint8)
    ink[100:212, 50:450] = 120
    picture = prepare(ink)
    assert picture.shape == (HEIGHT, 100 + 2 * MARGIN)
    assert (picture[2:30, MARGIN : 100 + MARGIN] == 255).all()
    assert not picture[:2].any()
    assert not picture[:, :MARGIN].any()


@pytest.mark.parametrize("ink", [np.zeros((50, 90), np.uint8), np.full((2, 2 * WIDEST + 1), 255, np.uint8)])
def test_what_is_no_line_is_not_read(ink):
    assert prepare(ink) is None
