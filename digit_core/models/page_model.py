"""The networks that find digits, on disk: a folder with `page.tflite`, which reads pages, `mark.tflite`, which checks
each mark again, `line.tflite`, which reads drawn lines, their variables in `weights.npz`, and `card.json`.

The shipped folder is `models/page/`; one trained on this host, `$DIGIT_HOME/page/`, takes precedence. A file is used
only if it matches the hash in its card.
"""

import datetime
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digit_core import paths, records
from digit_core.models.card import fingerprint
from digit_core.models.store import ModelError

Weights = Mapping[str, Sequence[np.ndarray]]  # of the networks, by their names

LITERT, MARK, LINE, WEIGHTS = "page.tflite", "mark.tflite", "line.tflite", "weights.npz"
NETWORKS = ("page", "mark", "line")


@dataclass(frozen=True)
class PageModel:
    """A page network and its card as the program wrote it."""

    folder: Path
    card: dict[str, Any]

    def litert_bytes(self) -> bytes:
        """The LiteRT file; see `page_format` for what goes in and comes out.

        Raises:
            ModelError: it is missing or does not match the card.
        """
        return self._checked(LITERT)

    def mark_bytes(self) -> bytes:
        """The mark network's LiteRT file; see `mark_format` for what goes in and comes out.

        Raises:
            ModelError: as `litert_bytes`.
        """
        return self._checked(MARK)

    def line_bytes(self) -> bytes:
        """The line network's LiteRT file; see `line_format` for what goes in and comes out.

        Raises:
            ModelError: as `litert_bytes`.
        """
        return self._checked(LINE)

    def weights(self) -> Weights:
        """The variables of "page", "mark" and "line", float32, in Keras' order, to resume training.

        Raises:
            ModelError: as `litert_bytes`.
        """
        found: dict[str, list[np.ndarray]] = {name: [] for name in NETWORKS}
        with np.load(io.BytesIO(self._checked(WEIGHTS)), allow_pickle=False) as arrays:
            for name in arrays.files:  # in the order in which they were saved
                found.setdefault(name.split("_")[0], []).append(arrays[name].astype(np.float32))
        if not all(found[name] for name in NETWORKS):
            raise ModelError(f"The networks in {self.folder} are of an earlier version: train anew, without --go-on.")
        return found

    def _checked(self, file: str) -> bytes:
        try:
            content = (self.folder / file).read_bytes()
        except OSError as error:
            raise ModelError(f"The page network cannot be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != self.card["files"][file]["sha256"]:
            raise ModelError("The page network is damaged: its file is not the one that was saved.")
        return content


def own_folder() -> Path:
    """Where a page network that is trained here is kept."""
    return paths.home() / "page"


def find() -> PageModel:
    """The page network that was trained here, else the shipped one.

    Raises:
        ModelError: there is none, or its card cannot be read.
    """
    own = own_folder()
    return read(own if (own / "card.json").is_file() else paths.SHIPPED_PAGE_NETWORK)


def read(folder: Path) -> PageModel:
    """The page network in a folder.

    Raises:
        ModelError: its card cannot be read.
    """
    try:
        card = records.read_json(folder / "card.json")
        files = card["files"]
        if set(files) == {LITERT, LINE, WEIGHTS}:
            raise ModelError(f"The page network in the folder {folder.name!r} is of another version. Train it anew.")
        for file in (LITERT, MARK, LINE, WEIGHTS):
            files[file]["sha256"], files[file]["bytes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError("The card of the page network cannot be read.") from error
    return PageModel(folder, card)


def check_target(folder: Path) -> None:
    """Raises ModelError if a folder holds anything but a page network, since `save` would replace it."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LITERT).is_file():
        raise ModelError(f"{folder} holds something else than a page network: name a folder of its own.")


def save(folder: Path, litert: bytes, mark: bytes, line: bytes, weights: Weights, about: dict[str, Any]) -> PageModel:
    """Write the three networks atomically.

    Args:
        weights: the networks' variables; they are kept as float16.
        about: what the card says beside date and files.

    Raises:
        ModelError: the folder cannot be written.
    """
    packed = io.BytesIO()
    arrays = {f"{name}_{i}": array for name, own in weights.items() for i, array in enumerate(own)}
    np.savez(packed, **{name: np.asarray(array).astype(np.float16) for name, array in arrays.items()})
    check_target(folder)
    contents = {LITERT: litert, MARK: mark, LINE: line, WEIGHTS: packed.getvalue()}
    card = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **about,
        "files": {file: fingerprint(content) for file, content in contents.items()},
    }
    try:
        with paths.replacing_folder(folder) as scratch:
            for file, content in contents.items():
                (scratch / file).write_bytes(content)
            (scratch / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    except OSError as error:
        raise ModelError(f"The page network cannot be written to {folder}: {error.strerror or error}.") from error
    return read(folder)
