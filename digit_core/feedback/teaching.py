"""Corrections as training data: some are held out to measure the improvement."""

import hashlib
from dataclasses import dataclass

import numpy as np

from digit_core.data.datasets import Split
from digit_core.feedback import corrections
from digit_core.feedback.database import FeedbackError

FEWEST = 5  # minimum number of corrections to train on
KEPT_APART = 4  # about one in this many is held out


@dataclass(frozen=True)
class Lessons:
    """Digits to train on, and held-out digits to measure with; the latter may be empty."""

    train: Split
    apart: Split


def lessons(session: str | None = None) -> Lessons:
    """Split the corrections. A picture's pixels decide whether it is held out, so that it stays so when others are
    added; the oldest of each digit is always trained on. The same picture counts once, and not at all if people
    disagree about it.

    Args:
        session: only the corrections of this session.

    Raises:
        FeedbackError: there are too few, or they cannot be read.
    """
    images, labels = _each_once(*corrections.digits(session)[:2])
    if len(labels) < FEWEST:
        raise FeedbackError(f"There are {len(labels)} corrections to learn from. At least {FEWEST} are needed.")
    apart = np.array([hashlib.sha256(image.tobytes()).digest()[0] % KEPT_APART == 0 for image in images])
    apart[np.unique(labels, return_index=True)[1]] = False
    return Lessons(Split(images[~apart], labels[~apart]), Split(images[apart], labels[apart]))


def _each_once(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every picture whose labels are all the same, once, in the same order."""
    said: dict[bytes, set[int]] = {}
    first: dict[bytes, int] = {}
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        said.setdefault(image.tobytes(), set()).add(int(label))
        first.setdefault(image.tobytes(), place)
    places = [place for pixels, place in first.items() if len(said[pixels]) == 1]
    return images[places], labels[places]
