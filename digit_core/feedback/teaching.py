"""Corrections as digits to learn from: some are kept apart, so that what was gained can be measured."""

import hashlib
from dataclasses import dataclass

import numpy as np

from digit_core.data.datasets import Split
from digit_core.feedback import corrections
from digit_core.feedback.database import FeedbackError

FEWEST = 5  # corrections from which there is something to learn
KEPT_APART = 4  # of so many, about one is kept apart


@dataclass(frozen=True)
class Lessons:
    """What there is to learn, and what is kept apart to measure by; the latter may be empty."""

    train: Split
    apart: Split


def lessons(session: str | None = None) -> Lessons:
    """The corrections, split; which are kept apart follows from each one's id, so that it stays apart when others come.

    Args:
        session: only what this one has saved.

    Raises:
        FeedbackError: there are too few, or they cannot be read.
    """
    images, labels, ids = corrections.digits(session)
    if len(ids) < FEWEST:
        raise FeedbackError(f"There are {len(ids)} corrections to learn from. At least {FEWEST} are needed.")
    apart = np.array([hashlib.sha256(name.encode()).digest()[0] % KEPT_APART == 0 for name in ids])
    for value in np.unique(labels[apart]):
        if not (labels[~apart] == value).any():  # something of each digit is learnt
            apart[np.flatnonzero(labels == value)[0]] = False
    return Lessons(Split(images[~apart], labels[~apart]), Split(images[apart], labels[apart]))
