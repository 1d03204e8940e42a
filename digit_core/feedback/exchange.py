"""Corrections as files: a zip of pictures with a table, or arrays; and digits from files as corrections.

Files from outside are read by `data.file_formats`, which checks whatever it reads.
"""

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import cv2
import numpy as np

from digit_core.data import file_formats
from digit_core.data.file_formats import DigitFileError
from digit_core.feedback import corrections
from digit_core.feedback.corrections import IMPORTED, NO_DIGIT, TWO_DIGITS, Correction
from digit_core.feedback.database import FeedbackError
from digit_core.spreadsheets import safe_cell

FOLDERS = {**{value: str(value) for value in range(10)}, NO_DIGIT: "no digit", TWO_DIGITS: "two digits"}
COLUMNS = ("file", "truth", "value", "confidence", "probability", "model", "text", "created", "held")
MOST_BYTES, MOST_IMPORTED = 60_000_000, 5000


def to_zip() -> bytes:
    """A folder of pictures for each digit, `no digit` and `two digits`, and `corrections.csv`, which tells the rest."""
    table, packed = io.StringIO(), io.BytesIO()
    rows = csv.writer(table)
    rows.writerow(COLUMNS)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for correction in corrections.everything():
            name = f"{FOLDERS[correction.truth]}/{correction.id}.png"
            archive.writestr(name, cv2.imencode(".png", correction.image)[1].tobytes())
            values = [getattr(correction, column) for column in COLUMNS[2:]]
            rows.writerow([name, FOLDERS[correction.truth], *map(_cell, values)])
        archive.writestr("corrections.csv", table.getvalue())
    return packed.getvalue()


def to_npz() -> bytes:
    """Arrays: x_train uint8 (n, 28, 28) and y_train (n,) of the digits, as `file_formats` reads them."""
    found = [correction for correction in corrections.everything() if correction.truth >= 0]
    images = np.stack([c.image for c in found]) if found else np.zeros((0, 28, 28), np.uint8)
    packed = io.BytesIO()
    np.savez_compressed(packed, x_train=images, y_train=np.array([c.truth for c in found], np.uint8))
    return packed.getvalue()


def from_file(path: Path) -> int:
    """Save the digits of a file that `file_formats` knows as corrections; returns how many are new.

    The same digits are saved once, however often they come. Nothing is saved if anything is wrong with the file.

    Raises:
        FeedbackError: it is malformed or too large, or there is no room.
    """
    try:
        file_formats.check_size(path, MOST_BYTES, MOST_IMPORTED)
        parts = file_formats.read(path)
    except DigitFileError as error:
        raise FeedbackError(str(error).replace(str(path), "The file")) from error
    digits = [pair for part in parts.values() for pair in zip(part.images, part.labels, strict=True)]
    if len(digits) > MOST_IMPORTED:
        raise FeedbackError(f"The file has more than {MOST_IMPORTED:,} digits.")
    made = [
        Correction(int(label), int(label), image, IMPORTED, session=IMPORTED, probability=1.0, id=_digest(image, label))
        for image, label in digits
    ]
    made = list({correction.id: correction for correction in made}.values())
    return corrections.save(made, is_limited=False)


def _digest(image: np.ndarray, label: int) -> str:
    return hashlib.sha256(image.tobytes() + bytes([int(label)])).hexdigest()[:32]


def _cell(value) -> object:
    return safe_cell(value) if isinstance(value, str) else value
