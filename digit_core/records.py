"""Load JSON and arrays from disk with type checks, so that a bad file is reported and affects nothing else.

Files may have been truncated by a full disk, edited by hand or supplied by others.
"""

import functools
import io
import json
import logging
import stat
import types
import typing
import zipfile
import zlib
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

log = logging.getLogger(__name__)

LARGEST = 4_000_000  # bytes of a JSON file
LARGEST_WHOLE = 2**63
MOST = 1e300  # largest number; excludes infinity and NaN

Record = TypeVar("Record")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        OSError: it cannot be read, or is not a regular file (a pipe could block forever).
        ValueError: it is too large, not JSON, nested too deeply, or not an object.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path} is no regular file")
    if status.st_size > LARGEST:
        raise ValueError(f"{path} is larger than {LARGEST:,} bytes")
    return parse(path.read_bytes())


def read_arrays(path: Path, most: int) -> dict[str, np.ndarray]:
    """The arrays of an NPZ file, or under "" the one of an NPY file.

    Args:
        most: maximum bytes of the file, and of its unpacked arrays.

    Raises:
        OSError: it cannot be read, or is no regular file.
        ValueError: it is too large, or holds something else.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path} is no regular file")
    if status.st_size > most:
        raise ValueError(f"{path} is larger than {most:,} bytes")
    content = io.BytesIO(path.read_bytes())
    try:
        if zipfile.is_zipfile(content):
            with zipfile.ZipFile(content) as parts:
                if sum(part.file_size for part in parts.infolist()) > most:
                    raise ValueError(f"{path} unpacks to more than {most:,} bytes")
            content.seek(0)
            with np.load(content, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        content.seek(0)
        return {"": np.load(content, allow_pickle=False)}
    except (EOFError, KeyError, TypeError, MemoryError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} holds no arrays that can be read") from error


def parse(text: bytes | str) -> dict[str, Any]:
    """The JSON object in a text.

    Raises:
        ValueError: it is no JSON, nested too deeply, or no object.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"an object is needed, not {type(found).__name__}")
    return found


def from_dict(cls: type[Record], values: dict[str, Any]) -> Record:
    """Build a dataclass from a JSON object; int, float, str and bool fields must have these types.

    Raises:
        ValueError: a field is missing, unknown, or of another type.
    """
    hints = typing.get_type_hints(cls)
    for name, value in values.items():
        if name in hints and not _fits(value, hints[name]):
            raise ValueError(f"{name} cannot be {value!r:.60}")
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(str(error)) from error


def number(value: Any) -> float:
    """The value, if it is a finite number.

    Raises:
        ValueError: it is something else.
    """
    if not _fits(value, float):
        raise ValueError(f"a number is needed, not {value!r:.60}")
    return value


def text(value: Any) -> str:
    """The value, if it is a text.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, str):
        raise ValueError(f"a text is needed, not {value!r:.60}")
    return value


@functools.lru_cache(maxsize=1000)
def warn_once(said: str) -> None:
    """Log once that something on disk cannot be read: lists are rebuilt at every run of a page."""
    log.warning("%s", said)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a JSON value is of a type; only int, float, str, bool and None are checked."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return any(_fits(value, option) for option in typing.get_args(kind))
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_WHOLE
    if kind in (str, bool, type(None)):
        return isinstance(value, kind)
    return True
