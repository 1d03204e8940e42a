"""Where made-up pages take their marks from, split by writer as all data are."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from digit_core.data import datasets, file_formats, fonts
from digit_core.data.datasets import DatasetError
from digit_core.data.file_formats import DigitFileError
from digit_core.data.marks import Sources


def load(part: str, strokes: Sequence[Path], data: str = "mnist") -> Sources:
    """Digits of a data set, pen strokes from JSON lines, and the fonts of this machine.

    Args:
        part: "train", "validation" or "test".
        strokes: files that `data.file_formats` reads; rows that are labelled 0 to 9 are digits, all others letters.
        data: a data set for `datasets.load`.

    Raises:
        DatasetError: something is missing or malformed.
    """
    try:
        return _load(part, tuple(strokes), data)
    except DigitFileError as error:
        raise DatasetError(str(error)) from error


def check(strokes: Sequence[Path], data: str) -> None:
    """Raises DatasetError if the data set or a file of strokes is missing or malformed; the processes that make tiles
    could only die of it."""
    datasets.load(data)
    try:
        for path in strokes:
            for _ in file_formats.labelled_strokes(path):
                pass
    except DigitFileError as error:
        raise DatasetError(str(error)) from error


@functools.lru_cache(maxsize=1)  # pages and lines take the same; drawing all fonts' signs takes many seconds
def _load(part: str, strokes: tuple[Path, ...], data: str) -> Sources:
    split = getattr(datasets.load(data), part)
    inked = split.images.any((1, 2))
    images, labels = split.images[inked], split.labels[inked]
    if len(np.unique(labels)) < 10:
        raise DatasetError(f"The {part} part of {data} lacks some of the ten digits.")
    digits: list[list[list[np.ndarray]]] = [[] for _ in range(10)]
    letters = []
    for path in strokes:
        for number, label, drawn, writer in file_formats.labelled_strokes(path):
            if datasets.part_of(writer or f"row {number}") == part:
                (digits[label] if 0 <= label <= 9 else letters).append([np.float32(stroke) for stroke in drawn])
    return Sources(images, labels, digits, letters, fonts.load(fonts.find()))
