"""Find likely label errors by confident learning. Works on arrays only, without a model or user interface.

Northcutt, Jiang, Chuang: Confident Learning: Estimating Uncertainty in Dataset Labels (2021). A class's threshold is
the mean probability of that class among the digits with that label. A digit is a suspect if the likeliest class among
those that reach their threshold is not its label, and is likelier than the label. That is simple enough to do without
the paper's library, which depends on pandas.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Suspect:
    """A digit whose label is likely wrong.

    Attributes:
        place: its index.
        label: its label.
        likely: the digit that it likely is.
        margin: probability of `likely` minus that of the label, 0..1; the larger, the likelier the label is wrong.
    """

    place: int
    label: int
    likely: int
    margin: float


def suspects(probabilities: np.ndarray, labels: np.ndarray) -> list[Suspect]:
    """Likely label errors, the likeliest first.

    Args:
        probabilities: float (n, 10), of a network that was not trained on these labels, or of
            `cross_validation.probabilities`; a network that was has memorised some errors and finds fewer.
        labels: (n,), 0..9.
    """
    if not len(labels):
        return []
    thresholds = _thresholds(probabilities, labels)
    reaches = np.where(probabilities >= thresholds, probabilities, -1.0)
    likely = reaches.argmax(1)
    rows = np.arange(len(labels))
    is_suspect = (reaches[rows, likely] > 0) & (likely != labels)
    margins = probabilities[rows, likely] - probabilities[rows, labels]
    places: Sequence[int] = sorted(np.flatnonzero(is_suspect & (margins > 0)), key=lambda place: -margins[place])
    return [Suspect(int(p), int(labels[p]), int(likely[p]), float(margins[p])) for p in places]


def _thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean probability of each class among the digits with that label, (10,); above 1 if there are none."""
    return np.array([
        probabilities[labels == value, value].mean() if (labels == value).any() else 2.0
        for value in range(probabilities.shape[1])
    ])  # fmt: skip
