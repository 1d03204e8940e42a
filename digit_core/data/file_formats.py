"""Read users' digit files as images and labels in MNIST's format.

Supported formats: IDX files (gzipped or not; used by MNIST, EMNIST's digits and QMNIST), NPZ, CSV with
the label first (as on Kaggle), a folder of pictures per class or a zip of it, and pen strokes as JSON
lines. Everything is validated as it is read; errors name the file and row. Nothing is ever unpickled.
"""

import csv
import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digit_core.data import pen_strokes, picture_folders
from digit_core.data.pen_strokes import PENS
from digit_core.pictures import normalization

MOST_BYTES = 2_000_000_000  # of one file, unpacked
IDX_IMAGES = re.compile(r"(?P<stem>.*)-images[-.]idx3-ubyte(?P<gz>\.gz)?$", re.IGNORECASE)
IDX_LABELS = ("-labels-idx1-ubyte", "-labels.idx1-ubyte", "-labels-idx2-int")
TEST_NAMES = ("t10k", "test")  # how the names of test parts begin, or end
MOST_DIMENSIONS = 4  # of an IDX file
LONGEST_NAME = 100  # characters of a writer's name
LONGEST_ROW = 2_000_000  # characters of a text file; parsed, a row takes up to a hundred times as much memory


class DigitFileError(Exception):
    """A digit file is malformed; the message names the file and the row."""


@dataclass(frozen=True)
class Digits:
    """Images `uint8 (n, 28, 28)`, labels `uint8 (n,)`; `writers` (n,) where the file names them, else None."""

    images: np.ndarray
    labels: np.ndarray
    writers: np.ndarray | None = None


def read(path: Path) -> dict[str, Digits]:
    """Read a file or folder of digits in any supported format.

    Returns:
        {"train": Digits}, with "test": Digits if the files have a test part; or {"test": Digits} alone.

    Raises:
        DigitFileError: the path does not exist, its format is unknown, or its content is malformed.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise DigitFileError(f"There is no file or folder {path}.")
    name = path.name.lower()
    if IDX_IMAGES.match(name):
        return {"test" if _is_test(name) else "train": _read_idx_pair(path)}
    for suffixes, reader in READERS.items():
        if name.endswith(suffixes):
            return reader(path)
    raise DigitFileError(f"{path} has no known form: IDX, NPZ, CSV, strokes (.jsonl), or pictures (folder or zip).")


def check_size(path: Path, most_bytes: int, most_rows: float = math.inf) -> None:
    """Raises DigitFileError if a file holds more bytes, or as a text more rows, once unpacked; reads no further."""
    size, rows, name = 0, 0, path.name.lower()
    try:
        if name.endswith((".npz", ".zip")):
            size, rows = picture_folders.zip_size(path)
        else:
            with gzip.open(path) if name.endswith(".gz") else open(path, "rb") as file:
                while size <= most_bytes and rows <= most_rows and (block := file.read(1 << 20)):
                    size, rows = size + len(block), rows + block.count(b"\n")
    except picture_folders.PictureFolderError as error:
        raise DigitFileError(str(error)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DigitFileError(f"The file cannot be unpacked: {error}.") from error
    if size > most_bytes:
        raise DigitFileError(f"The file is larger than {most_bytes // 1_000_000:,} MB once it is unpacked.")
    if rows > most_rows:
        what = "pictures" if name.endswith(".zip") else "rows"
        raise DigitFileError(f"The file has more than {most_rows:,} {what}.")


# ---- IDX


def _read_folder(path: Path) -> dict[str, Digits]:
    """A folder that holds IDX files, or a folder of pictures for each digit."""
    try:
        found = sorted(file for file in path.iterdir() if IDX_IMAGES.match(file.name))
    except OSError as error:
        raise DigitFileError(f"The folder {path} cannot be read: {error.strerror}.") from error
    if not found:
        return {"train": _read_classes(path)}
    parts = {}
    for file in found:
        part = "test" if _is_test(file.name) else "train"
        if part in parts:
            raise DigitFileError(f"{path} holds more than one {part} part: name one of its files.")
        parts[part] = _read_idx_pair(file)
    return parts


def _is_test(name: str) -> bool:
    return any(part in TEST_NAMES for part in re.split(r"[-_.]", IDX_IMAGES.match(name)["stem"].lower()))


def _read_idx_pair(images_file: Path) -> Digits:
    """An images file and the labels file that belongs to it."""
    stem = IDX_IMAGES.match(images_file.name)["stem"]
    names = [stem + ending + gz for ending in IDX_LABELS for gz in ("", ".gz")]
    beside = {file.name.lower(): file for file in images_file.parent.iterdir() if file.is_file()}
    labels_file = next((beside[name.lower()] for name in names if name.lower() in beside), None)
    if labels_file is None:
        raise DigitFileError(f"The labels of {images_file} are missing: {names[0]} should lie beside it.")
    pictures, labels = read_idx(images_file), read_idx(labels_file)
    if pictures.ndim != 3 or labels.ndim not in (1, 2) or 0 in labels.shape[1:]:
        raise DigitFileError(f"{images_file} and {labels_file.name} are no pictures with a label each.")
    if "emnist" in stem.lower():
        pictures = pictures.transpose(0, 2, 1)  # EMNIST stores its pictures column by column
    if labels.ndim == 2:
        labels = labels[:, 0]  # QMNIST: the class, then seven facts about the writer
    return _checked(pictures, labels, images_file)


def read_idx(path: Path) -> np.ndarray:
    """One IDX file, gzipped or not, of unsigned bytes or 32-bit integers (format: Y. LeCun's MNIST page).

    Raises:
        DigitFileError: it is not one, or not whole.
    """
    content = _unpacked(path)
    kinds = {0x08: np.dtype(np.uint8), 0x0C: np.dtype(">i4")}
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in kinds or content[3] > MOST_DIMENSIONS:
        raise DigitFileError(f"{path} is not an IDX file of bytes or integers.")
    dimensions, start = content[3], 4 + 4 * content[3]
    if len(content) < start:
        raise DigitFileError(f"{path} ends inside its header.")
    shape = [int(n) for n in np.frombuffer(content, ">u4", dimensions, 4)]
    if 0 in shape:
        raise DigitFileError(f"{path} holds nothing: its shape is {shape}.")
    size = int(np.prod(shape, dtype=object)) * kinds[content[2]].itemsize
    if len(content) - start != size:
        raise DigitFileError(f"{path} should hold {size:,} bytes for shape {shape} and holds {len(content) - start:,}.")
    return np.frombuffer(content, kinds[content[2]], offset=start).reshape(shape)


def _unpacked(path: Path) -> bytes:
    """A file's content, unpacked if it is gzipped, at most `MOST_BYTES`."""
    try:
        with open(path, "rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if gzipped else open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DigitFileError(f"{path} cannot be read: {error}.") from error
    if len(content) > MOST_BYTES:
        raise DigitFileError(f"{path} holds more than {MOST_BYTES:,} bytes.")
    return content


# ---- NPZ


def _read_npz(path: Path) -> dict[str, Digits]:
    """`x_train`, `y_train` and perhaps `x_test`, `y_test` as Keras names them; or `images`, `labels`; or `x`, `y`."""
    try:
        check_size(path, MOST_BYTES)
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except Exception as error:  # numpy, zipfile and zlib raise whatever they like over damaged files
        raise DigitFileError(f"{path} cannot be read as NPZ: {error}.") from error
    pairs = {"train": [("x_train", "y_train"), ("images", "labels"), ("x", "y")], "test": [("x_test", "y_test")]}
    found = {
        part: _checked(arrays[x], arrays[y], path)
        for part, names in pairs.items()
        for x, y in names
        if x in arrays and y in arrays
    }
    if not found or ("x_test" in arrays and "test" not in found):
        needed = "x_train and y_train" if "x_train" in arrays or "x_test" not in arrays else "x_test and y_test"
        raise DigitFileError(f"{path} holds {', '.join(arrays) or 'nothing'}; {needed} are needed.")
    return found


# ---- CSV


def _read_csv(path: Path) -> dict[str, Digits]:
    """Read one digit per row: the label, then 784 grey values; a header row is skipped."""
    labels, rows = [], []
    text = _text(path)
    for number, row in _rows(text, path):
        if not row or (not rows and _is_heading(row)):
            continue
        try:
            values = np.array(row, dtype=np.int64)
        except (ValueError, OverflowError) as error:
            raise DigitFileError(f"{path}, row {number}: not all values are whole numbers.") from error
        if len(values) != 785:
            raise DigitFileError(f"{path}, row {number}: {len(values)} values, and not a label and 784 pixels.")
        if not 0 <= values[0] <= 9 or values[1:].min() < 0 or values[1:].max() > 255:
            raise DigitFileError(f"{path}, row {number}: a label must be 0 to 9, and a pixel 0 to 255.")
        labels.append(values[0])
        rows.append(values[1:].astype(np.uint8))
    return {"train": _checked(np.array(rows, np.uint8), np.array(labels), path)}


def _is_heading(row: list[str]) -> bool:
    """Whether most of a row are names."""
    return sum(cell.strip().lstrip("-").isdigit() for cell in row) < len(row) / 2


def _rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV, from 1."""
    number = 0
    try:
        for number, row in enumerate(csv.reader(line for _, line in _lines(text, path)), 1):
            yield number, row
    except csv.Error as error:
        raise DigitFileError(f"{path}, row {number + 1}: {error}.") from error


def _lines(text: str, path: Path) -> Iterator[tuple[int, str]]:
    """The rows of a text, from 1. They end where `check_size` counts them: at line feeds, and nowhere else."""
    number, start = 0, 0
    while start <= len(text):
        number, end = number + 1, text.find("\n", start)
        end = len(text) if end < 0 else end
        if end - start > LONGEST_ROW:
            raise DigitFileError(f"{path}, row {number}: a row has at most {LONGEST_ROW:,} characters.")
        yield number, text[start:end].removesuffix("\r")
        start = end + 1


def _text(path: Path) -> str:
    try:
        return _unpacked(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DigitFileError(f"{path} is not a text file.") from error


# ---- a folder of pictures a class


def _read_classes(path: Path) -> Digits:
    """Pictures in folders named 0 to 9, in a folder or a zip of it."""
    try:
        pictures, labels = picture_folders.read(path)
    except picture_folders.PictureFolderError as error:
        raise DigitFileError(str(error)) from error
    return _checked(pictures, labels, path)


# ---- strokes


def _read_strokes(path: Path) -> dict[str, Digits]:
    """One JSON object per line: `label`, `strokes` (lists of [x, y], y down), optionally `writer`.

    Lines whose label is not a digit are skipped. Each digit is drawn once, with one of four pens.
    """
    pictures, labels, writers = [], [], []
    for number, label, strokes, writer in labelled_strokes(path):
        if 0 <= label <= 9:
            pictures.append(pen_strokes.draw(strokes, PENS[number % len(PENS)]))
            labels.append(label)
            writers.append(writer)
    digits = _checked(np.array(pictures, np.uint8), np.array(labels), path)
    return {"train": Digits(digits.images, digits.labels, np.array(writers) if any(writers) else None)}


def labelled_strokes(path: Path) -> Iterator[tuple[int, int, list[np.ndarray], str]]:
    """(row, label, strokes of (n, 2), writer) of every row; strokes that cannot be drawn are named by their row."""
    for number, row in _json_lines(path):
        try:
            label, strokes = pen_strokes.parsed(row)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DigitFileError(f"{path}, row {number}: not a label with strokes of [x, y].") from error
        writer = str(row.get("writer") or "")
        if len(writer) > LONGEST_NAME:
            raise DigitFileError(f"{path}, row {number}: a writer's name has at most {LONGEST_NAME} characters.")
        yield number, label, strokes, writer


def _json_lines(path: Path) -> Iterator[tuple[int, dict]]:
    for number, line in _lines(_text(path), path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DigitFileError(f"{path}, row {number}: not JSON.") from error
        yield number, row


# ---- what all have in common

READERS = {(".npz",): _read_npz, (".csv", ".csv.gz"): _read_csv, (".jsonl", ".jsonl.gz"): _read_strokes,
           (".zip",): lambda path: {"train": _read_classes(path)}}  # fmt: skip


def _checked(pictures: np.ndarray, labels: np.ndarray, source: Path) -> Digits:
    """Convert arrays to `Digits`; raises DigitFileError."""
    pictures, labels = np.asarray(pictures), np.asarray(labels).reshape(-1)
    if pictures.dtype.kind not in "uifb" or labels.dtype.kind not in "uif" or not pictures.ndim:
        raise DigitFileError(f"{source}: pictures of {pictures.dtype} and labels of {labels.dtype}, and not numbers.")
    if len(pictures) != len(labels):
        raise DigitFileError(f"{source}: {len(pictures):,} pictures and {len(labels):,} labels.")
    if not len(labels):
        raise DigitFileError(f"{source} holds no digits.")
    if pictures.size != len(labels) * normalization.SIDE**2:
        raise DigitFileError(f"{source}: pictures of shape {pictures.shape[1:]}, and not 28x28 grey.")
    if not (known := np.isin(labels, range(10))).all():  # 3.0 is as good as 3
        raise DigitFileError(f"{source}, row {int(np.argmin(known)) + 1}: a label must be a whole number from 0 to 9.")
    if np.issubdtype(pictures.dtype, np.floating):
        if not (np.isfinite(pictures).all() and pictures.min() >= 0 and pictures.max() <= 1):
            raise DigitFileError(f"{source}: pictures of decimal numbers must lie between 0 and 1.")
        pictures = np.round(pictures * 255)
    elif pictures.dtype != np.uint8 and not (pictures.min() >= 0 and pictures.max() <= 255):
        raise DigitFileError(f"{source}: pixels must lie between 0 and 255.")
    elif pictures.max() == 1:  # black and white as 0 and 1
        pictures = pictures.astype(np.uint8) * 255
    shape = (len(labels), normalization.SIDE, normalization.SIDE)
    return Digits(np.ascontiguousarray(pictures.reshape(shape), np.uint8), labels.astype(np.uint8))
