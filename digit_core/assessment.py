"""A model's reading of a data set's test digits, made once and kept: `$DIGIT_HOME/evaluations/`.

What is kept is known by what went in: the digest of the LiteRT file, of the judge and of the
digits. The page and the command line ask here, so they cannot disagree.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from digit_core import evaluation, model_store, paths
from digit_core.datasets import Split
from digit_core.evaluation import Evaluation
from digit_core.recognition import Recognizer

log = logging.getLogger(__name__)

CHUNK = 250  # digits between two reports of how far it is
OnProgress = Callable[[float], None]  # told the share that is done, 0..1; what it raises ends the work


def assess(name: str, digits: Split, on_progress: OnProgress = lambda share: None) -> Evaluation:
    """How the model of that name reads these digits; from the store if it has read them before.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    file = _file(name, digits.digest())
    if (kept := _load(file)) is not None and len(kept[0]) == len(digits):
        return evaluation.evaluate(kept[0], digits.labels, kept[1])
    recognizer = Recognizer.load(name)
    probabilities, trusted = read_all(recognizer, digits.images, on_progress)
    _keep(file, probabilities, trusted)
    return evaluation.evaluate(probabilities, digits.labels, trusted)


def is_kept(name: str, digits: Split) -> bool:
    """Whether `assess` would answer at once."""
    return os.path.exists(_file(name, digits.digest()))


def read_all(
    recognizer: Recognizer, images: np.ndarray, on_progress: OnProgress = lambda share: None
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities float32 (n, 10), and whether each would be called a digit, bool (n,), of digits (n, 28, 28)."""
    probabilities, trusted = [], []
    for start in range(0, len(images), CHUNK):
        on_progress(start / len(images))
        chunk = images[start : start + CHUNK]
        probabilities.append(recognizer.classify(chunk))
        trusted.append(recognizer.trusts(chunk, probabilities[-1]))
    on_progress(1.0)
    return np.concatenate(probabilities), np.concatenate(trusted)


def folder() -> Path:
    return paths.home() / "evaluations"


def key(name: str, *parts: str) -> str:
    """A short name for what a result depends on: the model's files, and whatever else."""
    model = model_store.find(name)
    files = [model.card["files"]["model.tflite"]["sha256"]]
    judging = model if model.has_judge else model_store.find()
    if judging.has_judge:
        files.append(judging.card["files"][model_store.JUDGE_FILE]["sha256"])
        files += [str(judging.card["judge"][what]) for what in ("threshold", "weights")]
    return hashlib.sha256("\n".join([*files, *parts]).encode()).hexdigest()[:32]


def _file(name: str, digest: str) -> Path:
    return folder() / f"{key(name, digest)}.npz"


def _load(file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with np.load(file, allow_pickle=False) as kept:
            return kept["probabilities"], kept["trusted"]
    except FileNotFoundError:
        return None
    except Exception:  # numpy, zipfile and zlib raise whatever they like over damaged files: it is made anew
        log.warning("%s is damaged and made anew", file, exc_info=True)
        return None


def _keep(file: Path, probabilities: np.ndarray, trusted: np.ndarray) -> None:
    """Written all at once; where nothing can be written the result is not kept, and that is all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(file) as open_file:
            np.savez(open_file, probabilities=probabilities, trusted=trusted)
    except OSError:
        log.warning("An evaluation cannot be kept", exc_info=True)
