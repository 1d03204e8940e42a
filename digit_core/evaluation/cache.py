"""Cache of a model's predictions on a data set's test digits, under `$DIGIT_HOME/evaluations/`.

The cache key is derived from the digests of the LiteRT file and of the digits. The page
and the command line share this cache, so they cannot disagree.
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

CHUNK = 250  # digits between two progress reports
OnProgress = Callable[[float], None]  # gets the completed fraction, 0..1; an exception it raises cancels the work


def assess(name: str, digits: Split, on_progress: OnProgress = lambda share: None) -> Evaluation:
    """Evaluate a model on these digits, using cached predictions if there are any.

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
    """Whether the predictions for `assess` are cached."""
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
    """The cache key of a result: depends on the model's LiteRT file and on `parts`."""
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
    except Exception:  # numpy, zipfile and zlib raise many types for damaged files: recompute
        log.warning("%s is damaged and will be recomputed", file, exc_info=True)
        return None


def _keep(file: Path, probabilities: np.ndarray) -> None:
    """Write the file atomically; if that fails, only log it and go on without the cache."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(file) as open_file:
            np.savez(open_file, probabilities=probabilities)
        paths.keep_newest(file.parent, MOST_KEPT)
    except OSError:
        log.warning("An evaluation cannot be kept", exc_info=True)
