"""Checkpoints: the full state of a training in one file, to resume exactly where it stopped.

An NPZ archive of plain arrays and one JSON text; nothing is ever unpickled. Files are
written under a temporary name and renamed, so that a crash leaves the previous checkpoint
intact.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digit_core import paths


class CheckpointError(Exception):
    """A checkpoint cannot be written, read or used; the message tells the user why."""


@dataclass(frozen=True)
class Checkpoint:
    """The state after an epoch.

    Attributes:
        about: settings and history, plain values only.
        model: every variable of the network, in its order.
        optimizer: every variable of the optimizer, averaged weights among them, in its order.
        best: the weights of the best epoch so far.
    """

    about: dict
    model: list[np.ndarray]
    optimizer: list[np.ndarray]
    best: list[np.ndarray]


GROUPS = ("model", "optimizer", "best")


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint, all at once or not at all.

    Raises:
        CheckpointError: it cannot be written there.
    """
    arrays = {f"{group}/{i:04d}": a for group in GROUPS for i, a in enumerate(getattr(checkpoint, group))}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(path) as file:
            np.savez(file, about=np.array(json.dumps(checkpoint.about)), **arrays)
    except OSError as error:
        raise CheckpointError(f"The checkpoint cannot be written to {path}: {error.strerror or error}.") from error


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: it is missing, unreadable or not a checkpoint.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            groups = {g: [file[key] for key in sorted(file.files) if key.startswith(g + "/")] for g in GROUPS}
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint at {path}.") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"The checkpoint {path} is damaged, or is none.") from error
    if not isinstance(about, dict):
        raise CheckpointError(f"The checkpoint {path} is damaged, or is none.")
    return Checkpoint(about, **groups)


def remove(path: Path) -> None:
    """Remove a checkpoint, if it exists, and temporary files left by killed writers.

    Raises:
        CheckpointError: it cannot be removed.
    """
    try:
        for left in path.parent.glob(f".{path.name}-*"):
            left.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path} cannot be removed: {error.strerror or error}.") from error
