"""A model's reading of a data set's test digits, made once and kept: `$DIGIT_HOME/evaluations/`.

What is kept is known by what went in: the digests of the LiteRT file and of the
digits. The page and the command line ask here, so they cannot disagree.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from digit_core import paths
from digit_core.data.datasets import Split
from digit_core.evaluation import metrics
from digit_core.evaluation.metrics import Evaluation
from digit_core.models import store as model_store
from digit_core.reading.recognizer import Recognizer

log = logging.getLogger(__name__)

MOST_KEPT = 200  # files

CHUNK = 250  # digits between two reports of how far it is
OnProgress = Callable[[float], None]  # told the share that is done, 0..1; what it raises ends the work


def assess(name: str, digits: Split, on_progress: OnProgress = lambda share: None) -> Evaluation:
    """How the model of that name reads these digits; from the store if it has read them before.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    file = _file(name, digits.digest())
    if (kept := _load(file)) is not None and len(kept) == len(digits):
        return metrics.evaluate(kept, digits.labels)
    recognizer = Recognizer.load(name)
    probabilities = read_all(recognizer, digits.images, on_progress)
    _keep(file, probabilities)
    return metrics.evaluate(probabilities, digits.labels)


def is_kept(name: str, digits: Split) -> bool:
    """Whether `assess` would answer at once."""
    return os.path.exists(_file(name, digits.digest()))


def read_all(recognizer: Recognizer, images: np.ndarray, on_progress: OnProgress = lambda share: None) -> np.ndarray:
    """Probabilities float32 (n, 10) of digits uint8 (n, 28, 28)."""
    probabilities = []
    for start in range(0, len(images), CHUNK):
        on_progress(start / len(images))
        probabilities.append(recognizer.classify(images[start : start + CHUNK]))
    on_progress(1.0)
    return np.concatenate(probabilities)


def folder() -> Path:
    return paths.home() / "evaluations"


def key(name: str, *parts: str) -> str:
    """A short name for what a result depends on: the model's files, and whatever else."""
    file = model_store.find(name).card["files"]["model.tflite"]["sha256"]
    return hashlib.sha256("\n".join([file, *parts]).encode()).hexdigest()[:32]


def _file(name: str, digest: str) -> Path:
    return folder() / f"{key(name, digest)}.npz"


def _load(file: Path) -> np.ndarray | None:
    try:
        with np.load(file, allow_pickle=False) as kept:
            return kept["probabilities"]
    except FileNotFoundError:
        return None
    except Exception:  # numpy, zipfile and zlib raise whatever they like over damaged files: it is made anew
        log.warning("%s is damaged and made anew", file, exc_info=True)
        return None


def _keep(file: Path, probabilities: np.ndarray) -> None:
    """Written all at once; where nothing can be written the result is not kept, and that is all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(file) as open_file:
            np.savez(open_file, probabilities=probabilities)
        paths.keep_newest(file.parent, MOST_KEPT)
    except OSError:
        log.warning("An evaluation cannot be kept", exc_info=True)
