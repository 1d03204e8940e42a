"""The line reader: what its answers mean, the rows that it learns from, and a fit for real on little."""

import numpy as np
import pytest

from digit_core import lines, segmentation, synthetic_lines
from digit_core.datasets import Split
from digit_core.lines import NOTHING, SYMBOL
from digit_core.segmentation import Grouping, Mark


def _answers(*classes):
    """Steps at which these classes are nearly sure."""
    logits = np.zeros((len(classes), lines.CLASSES), np.float32)
    logits[range(len(classes)), classes] = 9
    return logits


@pytest.mark.parametrize(
    ("steps", "read"),
    [
        ((NOTHING, 4, 4, NOTHING, 2), [4, 2]),
        ((4, NOTHING, 4), [4, 4]),
        ((4, 4, 4), [4]),
        ((1, 7, NOTHING, SYMBOL), [1, 7, SYMBOL]),
        ((NOTHING, NOTHING), []),
    ],
)
def test_what_is_said_twice_in_a_row_counts_once(steps, read):
    assert [mark.value for mark in lines.marks_in(_answers(*steps), 64)] == read


def test_marks_have_places_and_probabilities():
    steps = [NOTHING] * 29  # 58 pixels: 46 of ink between margins of 6
    steps[3], steps[25] = 5, SYMBOL
    first, last = lines.marks_in(_answers(*steps), 58)
    assert first.place == pytest.approx((3.5 * 2 - 6) / 46)
    assert last.place == pytest.approx((25.5 * 2 - 6) / 46)
    assert first.probabilities.shape == (11,)
    assert first.probabilities.sum() == pytest.approx(1)
    assert first.probabilities.argmax() == 5
    assert last.probabilities[SYMBOL] > 0.99


def test_a_row_is_brought_to_one_height():
    ink = np.zeros((300, 500), np.uint8)
    ink[100:212, 50:450] = 120
    picture = lines.prepare(ink)
    assert picture.shape == (32, 100 + 2 * lines.MARGIN)
    assert (picture[2:30, 6:106] == 255).all()
    assert not picture[:2].any()
    assert not picture[:, :6].any()


@pytest.mark.parametrize("ink", [np.zeros((50, 90), np.uint8), np.full((2, 900), 255, np.uint8)])
def test_what_is_no_row_is_not_read(ink):
    assert lines.prepare(ink) is None


def test_an_aligned_path_has_as_many_groupings_as_there_are_marks():
    mark = Mark((0, 0, 1, 1), np.ones((1, 1), np.uint8))
    candidates = [Grouping(first, last, mark, 0.0) for first in range(3) for last in range(first + 1, 4)]
    spans = [(c.first, c.last) for c in candidates]

    def covered(marks, best):
        scores = np.zeros((len(candidates), marks))
        for place, span in enumerate(best):
            scores[spans.index(span), place] = 1
        path = segmentation.aligned_path(candidates, scores)
        return path and [spans[index] for index in path]

    assert covered(2, [(0, 1), (1, 3)]) == [(0, 1), (1, 3)]
    assert covered(2, [(0, 2), (2, 3)]) == [(0, 2), (2, 3)]
    assert covered(3, [(0, 2)]) == [(0, 1), (1, 2), (2, 3)]
    assert covered(1, []) == [(0, 3)]
    assert covered(4, []) is None


@pytest.fixture(scope="module")
def stock():
    from digit_core import datasets

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic_lines, "GENERATED", 200)
        yield synthetic_lines.Stock([datasets.load("builtin").train], None, seed=1)


def test_made_rows_are_what_they_are_said_to_be(stock):
    rows = stock.rows(200, np.random.default_rng(1))
    assert len(rows) == 200
    assert all(row.picture.shape[0] == lines.HEIGHT and row.picture.dtype == np.uint8 for row in rows)
    marks = np.concatenate([row.marks for row in rows])
    assert set(marks) == set(range(11))
    assert {len(row.marks) for row in rows} == set(range(1, 9))
    one, eight = (np.mean([r.picture.shape[1] for r in rows if len(r.marks) == n]) for n in (1, 8))
    assert eight > 3 * one


def test_the_same_generator_makes_the_same_rows(stock):
    first, second = (stock.rows(20, np.random.default_rng(5)) for _ in range(2))
    assert all((a.picture.shape == b.picture.shape) and (a.picture == b.picture).all()
               for a, b in zip(first, second, strict=True))  # fmt: skip


def test_a_mark_alone_is_drawn_as_it_is():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    split = Split(np.stack([image] * 5), np.full(5, 1, np.uint8))
    stock = synthetic_lines.Stock([split], image[None], seed=1)
    rows = [row for row in stock.rows(30, np.random.default_rng(2), distorted=False) if row.marks.tolist() == [1]]
    assert rows
    for row in rows:
        inked = row.picture.max(0) > 100
        assert 3 <= inked.sum() <= 9  # 4 of 20 wide, at 28 high
        assert row.picture[lines.HEIGHT // 2, inked].min() > 200


@pytest.mark.slow
def test_it_learns_and_its_file_answers_as_it_does(tmp_path, monkeypatch, capsys):
    """Two marks a row, one digit each of the built-in ones: after some hundred steps it beats chance by far."""
    from digit_core import cli, line_training, model_store

    for name, value in {"CHUNKS": 10, "CHUNK": 8, "BATCH": 32, "MEASURED": 200, "AVERAGING": 0.9}.items():
        monkeypatch.setattr(line_training, name, value)
    monkeypatch.setattr(synthetic_lines, "GENERATED", 100)
    monkeypatch.setattr(synthetic_lines, "LENGTHS", (0.5, 0.5))
    monkeypatch.setattr(synthetic_lines, "GAP", (0.2, 0.3))
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    model_store.copy(model_store.find("lenet5"), "mine")
    assert cli.main(["lines", "--model", "mine", "--data", "builtin", "--epochs", "2"]) == 0
    stored = model_store.find("mine")
    assert stored.has_lines
    assert stored.card["lines"]["exact"]["test"] > 0.4
    assert "read without a mistake" in capsys.readouterr().out
    reader = lines.LineReader(stored.lines_bytes())
    assert reader(np.zeros((40, 60), np.uint8)) == []
