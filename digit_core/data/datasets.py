"""Load, check and split data sets: MNIST, the built-in digits and users' own files.

All data sets have the same format: images are `uint8 (n, 28, 28)`, white ink on
black, 0..255, normalised like MNIST; labels are `uint8 (n,)` in 0..9. The
validation part is split off the training part, stratified by digit with a fixed
seed, so that it is the same on every machine. The test part is never used for model
selection. Where files name enough writers for three parts, no writer appears in two.
"""

import functools
import gzip
import hashlib
import importlib.util
import logging
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from digit_core import paths
from digit_core.data import file_formats, mnist
from digit_core.data.file_formats import DigitFileError, Digits
from digit_core.pictures import normalization

log = logging.getLogger(__name__)

VALIDATION_SHARE = 1 / 12  # about 5,000 of MNIST's 60,000
SPLIT_SEED = 2026

REPEATED = re.compile(r"([1-9]|[1-9]\d)\*([^*]+)")  # how often, what
OWN_ENDS = (".npz", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".zip")  # of files that hold digits

# Test digits whose label is wrong or cannot be decided: at most two of five annotators gave it.
DISPUTED = frozenset((947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729))

SOURCES = {  # whose work a data set is; a file's is known by its name
    "mnist": "MNIST: Y. LeCun, C. Cortes, C. Burges",
    "builtin": "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998 (CC BY 4.0)",
    "unipen": "UNIPEN train_r01_v07: International Unipen Foundation (CC BY 4.0, doi 10.5281/zenodo.1195803)",
    "nondigits": "UNIPEN train_r01_v07: International Unipen Foundation (CC BY 4.0, doi 10.5281/zenodo.1195803)",
    "pendigits": "E. Alpaydin, F. Alimoglu: Pen-Based Recognition of Handwritten Digits, UCI, 1996 (CC BY 4.0)",
}


class DatasetError(Exception):
    """A data set is unavailable or unusable; the message tells the user what to do."""


@dataclass(frozen=True)
class Split:
    """Images `uint8 (n, 28, 28)`, 0..255, and their labels `uint8 (n,)`, 0..9."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def digest(self) -> str:
        """SHA-256 of images and labels: two splits with one digest are the same data."""
        return self._digest

    def one_of_each(self) -> "Split":
        """The first of every digit that there is, from 0 to 9."""
        digits, places = np.unique(self.labels, return_index=True)
        return Split(self.images[places], digits)

    @functools.cached_property
    def _digest(self) -> str:
        return hashlib.sha256(_bytes(self.images) + _bytes(self.labels)).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """A named data set in three parts that share no picture.

    Attributes:
        sources: whose work it is.
        files: digests of the users' files in it, each over all digits that were split into these parts.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    sources: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def load(name: str, progress: bool = False, validation_share: float | None = None, *, is_alone: bool = True) -> Dataset:
    """Load a data set by name, ready to train and test on.

    Args:
        name: "mnist" (70,000 digits; looked for on this machine, then downloaded) or
            "builtin" (1,797 digits that come with scikit-learn; needs no network);
            or the path of a file or folder in a format that `file_formats` knows;
            or several of these joined by "+", to train on all and to test on the first; a number with
            "*" before one of them repeats its training part: "mnist+3*own.csv".
        progress: show a bar on stderr while downloading.
        validation_share: fraction of the training digits held out for validation; None for the default: 1/12
            of MNIST, 1/8 of the built-in digits, 1/10 of others. Splits by writer are fixed.
        is_alone: False if another data set provides validation and test digits; a small file may then be all
            training digits.

    Raises:
        DatasetError: the name is unknown, MNIST is not available, or a file is malformed.
    """
    if name in DATASETS:
        return _complete(DATASETS[name](progress, validation_share), name)
    if os.path.exists(name):
        return _load_files(Path(name), validation_share, is_alone)
    if len(parts := parts_of(name)) > 1:
        return _joined([load(p, progress, validation_share, is_alone=n == 0) for n, p in enumerate(parts)])
    if repeated := REPEATED.fullmatch(name):
        return _repeated(load(repeated[2], progress, validation_share, is_alone=is_alone), int(repeated[1]))
    raise DatasetError(f"There is no data set and no file called {name!r}. Data sets: {', '.join(DATASETS)}.")


def parts_of(name: str) -> list[str]:
    """Split "mnist+2*own.csv" at each "+", except within the path of an existing file."""
    words, parts = name.split("+"), []
    while words:
        joined = ["+".join(words[:count]) for count in range(len(words), 0, -1)]
        part = next((own for own in joined if os.path.exists(_unrepeated(own))), words[0])
        parts.append(part)
        del words[: part.count("+") + 1]
    return parts


def _unrepeated(name: str) -> str:
    repeated = REPEATED.fullmatch(name)
    return repeated[2] if repeated else name


def load_test(name: str, progress: bool = False, trained_on: Collection[str] = ()) -> tuple[str, Split]:
    """A data set's display name and its test digits; `name` as for `load`.

    If a file has no test part, all its digits are test digits, unless the model was trained on that file: then only
    the held-out ones.

    Args:
        trained_on: digests of the data that the model was trained on, as in its card.

    Raises:
        DatasetError: as `load`.
    """
    if name not in DATASETS and os.path.exists(name):
        parts = _read(Path(name))
        if "test" in parts or not _has_taught(name, parts["train"], trained_on):
            found = parts.get("test") or parts["train"]
            return Path(name).name, Split(found.images, found.labels)
    dataset = load(name, progress)
    return dataset.name, dataset.test


def _has_taught(name: str, digits: Digits, trained_on: Collection[str]) -> bool:
    """Whether a model with these digests has seen a file; older cards have that of the training part alone."""
    if not trained_on:
        return False
    if Split(digits.images, digits.labels).digest() in trained_on:
        return True
    try:
        return load(name).train.digest() in trained_on
    except DatasetError:  # too few digits to train on
        return False


def at_hand() -> dict[str, str]:
    """What `load` takes, by short names: the known data sets, and the files of digits in `$DIGIT_DATA_DIR`."""
    folder = paths.data_dir()
    files = sorted(folder.iterdir()) if folder and os.path.isdir(folder) and os.access(folder, os.R_OK) else []
    own = {file.name: str(file) for file in files if file.name.endswith(OWN_ENDS) and file.name != "mnist.npz"}
    return {**{name: name for name in DATASETS}, **own}


def _load_mnist(progress: bool, validation_share: float | None) -> Dataset:
    try:
        arrays = mnist.arrays(progress)
    except mnist.MnistError as error:
        raise DatasetError(str(error)) from error
    train, validation = _split(Split(arrays["x_train"], arrays["y_train"]), validation_share or VALIDATION_SHARE)
    return Dataset("mnist", train, validation, Split(arrays["x_test"], arrays["y_test"]), (SOURCES["mnist"],))


def _load_builtin(progress: bool, validation_share: float | None) -> Dataset:
    """UCI's optical digits (8x8, 17 grey levels) brought to MNIST's form.

    E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998 (CC BY 4.0). They are read from
    scikit-learn's file without scikit-learn, whose import takes a second and 200 MB.
    """
    scikit_learn = importlib.util.find_spec("sklearn")
    try:
        with gzip.open(Path(scikit_learn.origin).parent / "datasets" / "data" / "digits.csv.gz", "rt") as file:
            table = np.loadtxt(file, np.uint8, delimiter=",")  # 64 grey levels and the label
    except (OSError, AttributeError, ValueError) as error:
        raise DatasetError("The built-in digits are not in this installation of scikit-learn.") from error
    images = np.stack([_from_8x8(image) for image in table[:, :-1].reshape(-1, 8, 8)])
    everything = Split(images, table[:, -1])
    rest, test = _split(everything, 0.2)
    train, validation = _split(rest, validation_share or 0.125)
    return Dataset("builtin", train, validation, test, (SOURCES["builtin"],))


def _load_files(path: Path, validation_share: float | None = None, is_alone: bool = True) -> Dataset:
    """Load a user's file or folder; without a test part, one is split off (by writer, or a tenth)."""
    parts = _read(path)
    if "train" not in parts:
        raise DatasetError(f"{path} holds a test part and no training part.")
    rest = parts["train"]
    whole = (Split(rest.images, rest.labels).digest(),)
    by_writer = _split_by_writer(rest) if rest.writers is not None and "test" not in parts else ()
    if by_writer and all(len(split) for split in by_writer):
        train, validation, test = by_writer
    else:  # also if there are too few writers for three parts
        rest = Split(rest.images, rest.labels)
        rest, test = _split(rest, 0.1) if "test" not in parts else (rest, parts["test"])
        train, validation = _split(rest, validation_share or 0.1)
        test = Split(test.images, test.labels)
    if not is_alone and not (len(validation) and len(test)):
        everything = parts["train"]
        none = Split(everything.images[:0], everything.labels[:0])
        return Dataset(path.name, Split(everything.images, everything.labels), none, none, files=whole)
    name = path.name.split(".")[0]
    sources = (SOURCES[name],) if name in SOURCES else ()
    return _complete(Dataset(path.name, train, validation, test, sources, whole), path)


def _complete(dataset: Dataset, what: str | Path) -> Dataset:
    """Raises DatasetError if one of the three parts is empty."""
    for part, split in {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}.items():
        if not len(split):
            raise DatasetError(f"{what} holds too few digits: none is left for the {part} part.")
    return dataset


def _read(path: Path) -> dict[str, Digits]:
    try:
        return file_formats.read(path)
    except DigitFileError as error:
        raise DatasetError(str(error)) from error


def _joined(parts: list[Dataset]) -> Dataset:
    """Join the training and validation parts; keep the first test part, so that results stay comparable."""

    def join(splits: list[Split]) -> Split:
        return Split(np.concatenate([s.images for s in splits]), np.concatenate([s.labels for s in splits]))

    return Dataset(
        name="+".join(part.name for part in parts),
        train=join([part.train for part in parts]),
        validation=join([part.validation for part in parts]),
        test=parts[0].test,
        sources=tuple(source for part in parts for source in part.sources),
        files=tuple(file for part in parts for file in part.files),
    )


def _repeated(dataset: Dataset, times: int) -> Dataset:
    """Repeat the training part `times` times, to give it more weight; each copy is augmented differently."""
    images, labels = dataset.train.images, dataset.train.labels
    train = Split(np.tile(images, (times, 1, 1)), np.tile(labels, times))
    return replace(dataset, name=f"{times}*{dataset.name}", train=train)


DATASETS = {"mnist": _load_mnist, "builtin": _load_builtin}


def _from_8x8(image: np.ndarray) -> np.ndarray:
    """An 8x8 picture with values 0..16 as a digit, uint8 (28, 28)."""
    large = cv2.resize(image.astype(np.float32) * (255 / 16), (80, 80), interpolation=cv2.INTER_CUBIC)
    return normalization.normalize(large.clip(0, 255).astype(np.uint8))


def _split(split: Split, share: float) -> tuple[Split, Split]:
    """(rest, taken): `share` of every digit, chosen with a fixed seed, in the original order."""
    rng = np.random.default_rng(SPLIT_SEED)
    taken = np.zeros(len(split), bool)
    for digit in range(10):
        places = np.flatnonzero(split.labels == digit)
        taken[rng.choice(places, round(len(places) * share), replace=False)] = True
    return (
        Split(split.images[~taken], split.labels[~taken]),
        Split(split.images[taken], split.labels[taken]),
    )


def _split_by_writer(digits: Digits) -> tuple[Split, Split, Split]:
    """Return (train, validation, test): about a fifth of the writers each for validation and testing.

    The choice depends only on their names, so that no writer ever changes parts.
    """
    parts = np.array([part_of(writer) for writer in digits.writers])
    masks = (parts == part for part in ("train", "validation", "test"))
    return tuple(Split(digits.images[mask], digits.labels[mask]) for mask in masks)


def part_of(writer: str) -> str:
    """The part, "train", "validation" or "test", that a writer's digits belong to; it follows from the name alone."""
    side = hashlib.sha256(writer.encode(errors="surrogatepass")).digest()[20] % 5
    return ("test", "validation")[side] if side < 2 else "train"


def _bytes(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).tobytes()
