"""A model's folder: `model.keras`, `model.tflite` and `card.json`, and where such folders lie.

Shipped models stand in the project's `models/`, a user's own under
`$DIGIT_HOME/models/`; a shipped name cannot be taken. Only names are taken from outside, never paths, and a
file is used only if it is, byte for byte, the one its card speaks of. Listing
and loading need no TensorFlow; only `save` does.
"""

import datetime
import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digit_core import paths

if TYPE_CHECKING:
    import keras

DEFAULT_MODEL = "simple_cnn"
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
FILES = ("model.keras", "model.tflite")


class ModelError(Exception):
    """A model cannot be had; the text says why, in words for people."""


@dataclass(frozen=True)
class StoredModel:
    """A model on disk: its name, its folder, and its card as the program wrote it."""

    name: str
    folder: Path
    card: dict[str, Any]

    @property
    def is_default(self) -> bool:
        return self.name == DEFAULT_MODEL

    @property
    def litert_file(self) -> Path:
        return self.folder / "model.tflite"

    def litert_bytes(self) -> bytes:
        """The LiteRT file, checked against the card.

        Raises:
            ModelError: it is missing or not the file that the card speaks of.
        """
        try:
            content = self.litert_file.read_bytes()
        except OSError as error:
            raise ModelError(f"The model {self.name!r} cannot be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != self.card["files"]["model.tflite"]["sha256"]:
            raise ModelError(f"The model {self.name!r} is damaged: its file is not the one that was saved.")
        return content


def find(name: str | None = None) -> StoredModel:
    """The model of that name, the default one for None.

    Raises:
        ModelError: there is none, or its card cannot be read.
    """
    name = DEFAULT_MODEL if name is None else name
    for folder in _roots():
        if NAME.fullmatch(name) and os.path.isfile(folder / name / "card.json"):
            return _read(folder / name)
    known = ", ".join(model.name for model in list_models()) or "none yet"
    raise ModelError(f"There is no model called {name!r}. Known models: {known}.")


def list_models() -> list[StoredModel]:
    """Every model with a readable card, by name, the default one first."""
    found: dict[str, StoredModel] = {}
    for root in _roots():
        for folder in sorted(root.iterdir()) if os.access(root, os.R_OK | os.X_OK) and root.is_dir() else ():
            try:
                if NAME.fullmatch(folder.name):
                    found.setdefault(folder.name, _read(folder))
            except ModelError:
                continue  # one broken folder hides itself, not the others; `find` names the cause
    return sorted(found.values(), key=lambda model: (not model.is_default, model.name))


def check_target(name: str, root: Path | None = None) -> Path:
    """The folder that `save` would write, once it is sure that it can.

    Raises:
        ModelError: the name will not do, or the folder cannot be written.
    """
    if not NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} cannot be a model's name: use up to 64 small letters, digits, '-', '_' and '.', "
            "beginning with a letter or digit."
        )
    if root is None and (paths.SHIPPED_MODELS / name).exists():
        raise ModelError(f"{name!r} is the name of a model that comes with Inkling. Please choose another.")
    root = root or paths.home() / "models"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            return root / name
    except OSError as error:
        raise ModelError(f"Models cannot be written to {root}: {error.strerror}.") from error


def save(model: "keras.Model", name: str, about: dict[str, Any], root: Path | None = None) -> StoredModel:
    """Write a Keras model, its LiteRT twin and its card as `root/name`, all at once or not at all.

    Args:
        about: what the card says beside name, date, versions and files (`training.describe`).
        root: `$DIGIT_HOME/models` if None.

    Raises:
        ModelError: the name will not do, or the folder cannot be written.
    """
    folder = check_target(name, root)
    with paths.replacing_folder(folder) as scratch:
        model.save(scratch / "model.keras")
        (scratch / "model.tflite").write_bytes(_to_litert(model))
        card = {
            "name": name,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            **about,
            "versions": _versions(),
            "files": {file: _fingerprint(scratch / file) for file in FILES},
        }
        (scratch / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    return _read(folder)


def _roots() -> tuple[Path, ...]:
    return paths.SHIPPED_MODELS, paths.home() / "models"


def _read(folder: Path) -> StoredModel:
    try:
        card = json.loads((folder / "card.json").read_text())
        _check_card(card)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"The card of the model {folder.name!r} cannot be read.") from error
    return StoredModel(folder.name, folder, card)


def _check_card(card: dict) -> None:
    """Touch all that the program relies on; what is missing raises KeyError or TypeError."""
    for file in FILES:
        card["files"][file]["sha256"], card["files"][file]["bytes"]
    card["settings"]["architecture"], card["parameters"], card["created"]
    card["data"]["name"], card["metrics"]["test_accuracy"]


def _to_litert(model: "keras.Model") -> bytes:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


def _fingerprint(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _versions() -> dict[str, str]:
    import platform

    import keras
    import numpy as np
    import tensorflow as tf

    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
