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
    """Split the corrections. Each one's id decides whether it is held out, so that it stays so when others are added.

    Args:
        session: only the corrections of this session.

    Raises:
        FeedbackError: there are too few, or they cannot be read.
    """
    images, labels, ids = corrections.digits(session)
    if len(ids) < FEWEST:
        raise FeedbackError(f"There are {len(ids)} corrections to learn from. At least {FEWEST} are needed.")
    apart = np.array([hashlib.sha256(name.encode()).digest()[0] % KEPT_APART == 0 for name in ids])
    for value in np.unique(labels[apart]):
        if not (labels[~apart] == value).any():  # train on at least one example of each digit
            apart[np.flatnonzero(labels == value)[0]] = False
    return Lessons(Split(images[~apart], labels[~apart]), Split(images[apart], labels[apart]))
