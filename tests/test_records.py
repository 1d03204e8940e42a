"""JSON and arrays from disk are validated; any problem raises ValueError or OSError."""

import os
from dataclasses import dataclass

import numpy as np
import pytest

from digit_core import paths, records


@dataclass(frozen=True)
class Point:
    x: int
    y: float
    name: str = ""
    open: bool | None = None


def test_an_object_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"x": 1}')
    assert records.read_json(tmp_path / "a.json") == {"x": 1}


@pytest.mark.parametrize("text", ["", "{", "3", "[]", "null", "[" * 200_000, '{"a": ' * 100_000, "\udcff"])
def test_what_is_no_object_is_a_value_error(tmp_path, text):
    (tmp_path / "a.json").write_bytes(os.fsencode(text))
    with pytest.raises(ValueError):  # noqa: PT011 - json's own messages
        records.read_json(tmp_path / "a.json")


def test_a_pipe_does_not_keep_us_waiting(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(OSError, match="no regular file"):
        records.read_json(tmp_path / "a.json")


def test_a_huge_file_is_not_read(tmp_path):
    with open(tmp_path / "a.json", "wb") as file:
        file.truncate(records.LARGEST + 1)
    with pytest.raises(ValueError, match="larger than"):
        records.read_json(tmp_path / "a.json")


def test_fields_have_types():
    assert records.from_dict(Point, {"x": 1, "y": 2, "open": None}) == Point(1, 2)
    for wrong in ({"x": "1"}, {"x": True}, {"x": 1.5}, {"y": "2"}, {"y": float("nan")}, {"name": 3}, {"open": 1}):
        with pytest.raises(ValueError, match="cannot be"):
            records.from_dict(Point, {"x": 1, "y": 2.0} | wrong)
    with pytest.raises(ValueError, match="missing"):
        records.from_dict(Point, {"x": 1})
    with pytest.raises(ValueError, match="unexpected"):
        records.from_dict(Point, {"x": 1, "y": 2.0, "z": 3})


def test_only_the_newest_files_are_kept(tmp_path):
    for number in range(5):
        (tmp_path / str(number)).write_text("x")
        os.utime(tmp_path / str(number), (number, number))
    paths.keep_newest(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4"]
    paths.keep_newest(tmp_path / "gone", 2)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"\x93NUMPY\x01\x00\xff\xff"])
def test_broken_arrays_are_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011 - NumPy's own words
        records.read_arrays(tmp_path / "a", 1000)


def test_arrays_that_are_too_large_or_objects_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "large.npz", a=np.zeros(100_000))
    with pytest.raises(ValueError, match="more than"):
        records.read_arrays(tmp_path / "large.npz", 10_000)
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="pickle"):
        records.read_arrays(tmp_path / "object.npy", 10_000)
    with pytest.raises(OSError, match="no regular file"):
        records.read_arrays(tmp_path, 10_000)


def test_arrays_are_read_as_they_were_written(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(3))
    np.savez(tmp_path / "two.npz", a=np.arange(3), b=np.eye(2))
    assert records.read_arrays(tmp_path / "one.npy", 10_000)[""].tolist() == [0, 1, 2]
    assert set(records.read_arrays(tmp_path / "two.npz", 10_000)) == {"a", "b"}
