"""Snapshots of the first layer's filters that a run keeps."""

import numpy as np
import pytest

from digit_core.runs import filters
from digit_core.runs.filters import MOST, SHOWN, FilterLog


def moment(number: int, side: int = 3) -> np.ndarray:
    return np.full((side, side, SHOWN + 4), number, np.float32)


@pytest.mark.parametrize("count", [1, 2, 8, 9, 30, 100])
def test_the_first_and_the_newest_are_kept_and_the_rest_is_spread(tmp_path, count):
    log = FilterLog(tmp_path)
    for number in range(count):
        log.add(moment(number))
    found = filters.read(tmp_path)[:, 0, 0, 0]
    assert len(found) <= MOST
    assert found[0] == 0
    assert found[-1] == count - 1
    assert (np.diff(found) > 0).all() or count == 1
    assert np.diff(found).max(initial=0) <= max(count / 3, 1)


def test_a_training_that_goes_on_keeps_its_beginning(tmp_path):
    FilterLog(tmp_path).add(moment(0))
    FilterLog(tmp_path).add(moment(5))
    assert filters.read(tmp_path).shape == (2, 3, 3, SHOWN)


def test_other_filters_begin_anew(tmp_path):
    FilterLog(tmp_path).add(moment(0))
    FilterLog(tmp_path).add(moment(1, side=5))
    assert filters.read(tmp_path).shape == (1, 5, 5, SHOWN)


@pytest.mark.parametrize(
    "content",
    [np.zeros((2, 3, 3, 4)), np.zeros((3, 3, 4), np.float32), np.zeros((1, 99, 99, 4), np.float32),
     np.full((1, 3, 3, 4), np.nan, np.float32), np.zeros((900, 3, 3, 4), np.float32),
     np.zeros((1, 0, 3, 4), np.float32), np.zeros((1, 3, 3, 0), np.float32)],
    ids=["double", "flat", "large", "nan", "many", "no side", "no filter"],
)  # fmt: skip
def test_what_cannot_be_is_none(tmp_path, content):
    np.save(tmp_path / filters.FILE, content)
    assert filters.read(tmp_path) is None


def test_broken_files_and_objects_are_none(tmp_path):
    assert filters.read(tmp_path) is None
    (tmp_path / filters.FILE).write_bytes(b"\x93NUMPY")
    assert filters.read(tmp_path) is None
    np.save(tmp_path / filters.FILE, np.array([{}]), allow_pickle=True)
    assert filters.read(tmp_path) is None
