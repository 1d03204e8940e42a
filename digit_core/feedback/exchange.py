"""Export corrections as a zip of pictures with a table, or as arrays; import digits from files as corrections.

Files from outside are read by `data.file_formats`, which validates them.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from digit_core import paths
from digit_core.data import file_formats
from digit_core.data.file_formats import DigitFileError
from digit_core.feedback import corrections
from digit_core.feedback.corrections import NO_DIGIT, TWO_DIGITS
from digit_core.feedback.database import FeedbackError
from digit_core.spreadsheets import safe_cell

FOLDERS = {**{value: str(value) for value in range(10)}, NO_DIGIT: "no digit", TWO_DIGITS: "two digits"}
COLUMNS = ("file", "truth", "value", "confidence", "probability", "model", "text", "created", "held")
MOST_BYTES, MOST_IMPORTED = 60_000_000, 5000
MOST_KEPT = 20  # files to train on; a training that is resumed needs its own


def to_zip() -> bytes:
    """A folder of pictures for each digit, `no digit` and `two digits`, and `corrections.csv` with the rest.

    What waits for review is in a folder of its own, `held`, which a training on this file does not read.
    """
    table, packed = io.StringIO(), io.BytesIO()
    rows = csv.writer(table)
    rows.writerow(COLUMNS)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for correction in corrections.everything():
            name = f"{'held' if correction.held else FOLDERS[correction.truth]}/{correction.id}.png"
            archive.writestr(name, cv2.imencode(".png", correction.image)[1].tobytes())
            values = [getattr(correction, column) for column in COLUMNS[2:]]
            rows.writerow([name, FOLDERS[correction.truth], *map(_cell, values)])
        archive.writestr("corrections.csv", table.getvalue())
    return packed.getvalue()


def to_npz() -> bytes:
    """Arrays: x_train uint8 (n, 28, 28) and y_train (n,) of the digits that may be used for training, as `file_formats`
    reads them."""
    images, labels, _ = corrections.digits()
    packed = io.BytesIO()
    np.savez_compressed(packed, x_train=images, y_train=labels)
    return packed.getvalue()


def kept_file() -> Path:
    """Write the corrections that may be used for training to a file under `$DIGIT_HOME`, named after its content.

    Raises:
        FeedbackError: there are none, or they cannot be read or written.
    """
    images, labels, _ = corrections.digits()
    if not len(labels):
        raise FeedbackError("There are no corrections to learn from.")
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()[:12]
    file = paths.home() / "corrections" / f"corrections-{digest}.npz"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(file) as out:
            np.savez_compressed(out, x_train=images, y_train=labels)
        paths.keep_newest(file.parent, MOST_KEPT)
    except OSError as error:
        raise FeedbackError(f"The corrections cannot be written: {error.strerror}.") from error
    return file


def from_file(path: Path, classify: Callable[[np.ndarray], np.ndarray]) -> int:
    """Save the digits of a file that `file_formats` knows as corrections; returns how many are new.

    Digits that exist already with the same truth are not saved again; those whose label the model strongly
    contradicts are held for review. Nothing is saved if anything is wrong with the file.

    Args:
        classify: images uint8 (n, 28, 28) -> probabilities (n, 10), by a trusted model.

    Raises:
        FeedbackError: it is malformed or too large, or there is no room.
    """
    try:
        file_formats.check_size(path, MOST_BYTES, MOST_IMPORTED + 1)  # a heading, or the table of an export
        parts = file_formats.read(path)
    except DigitFileError as error:
        raise FeedbackError(str(error).replace(str(path), "The file")) from error
    digits = [pair for part in parts.values() for pair in zip(part.images, part.labels, strict=True)]
    if len(digits) > MOST_IMPORTED:
        raise FeedbackError(f"The file has more than {MOST_IMPORTED:,} digits.")
    known = corrections.known_digits()
    coming = [(image, label) for image, label in digits if (image.tobytes(), int(label)) not in known]
    new = {_digest(image, label): (image, label) for image, label in coming}
    if not new:
        return 0
    believed = classify(np.stack([image for image, _ in new.values()]))
    made = [
        corrections.imported(image, int(label), probabilities, name)
        for (name, (image, label)), probabilities in zip(new.items(), believed, strict=True)
    ]
    return corrections.save(made, is_limited=False)


def _digest(image: np.ndarray, label: int) -> str:
    return hashlib.sha256(image.tobytes() + bytes([int(label)])).hexdigest()[:32]


def _cell(value) -> object:
    return safe_cell(value) if isinstance(value, str) else value
