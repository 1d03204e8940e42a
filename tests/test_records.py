"""JSON from disk is checked, and whatever is wrong with it is a ValueError or an OSError."""

import os
from dataclasses import dataclass

import pytest

from digit_core import records


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
