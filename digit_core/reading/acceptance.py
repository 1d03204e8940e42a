"""Fuse the networks' outputs: a mark's digit probabilities, and whether it is a digit at all.

The weights are fitted on validation pages by `training.page_calibration` and stored in the page network's card.
Runs no model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import cv2
import numpy as np

from digit_core import records
from digit_core.models.calibration import log_odds
from digit_core.models.page_format import OTHER
from digit_core.reading.line_decoding import Weights

COLUMNS = 8  # of `evidence`
EVEN = 0.5  # a drawing has more than this fraction of pixels of one grey


@dataclass(frozen=True)
class Fusion:
    """Weights of the networks in the prediction for a mark.

    Attributes:
        network, classifier, mark: exponents of their probabilities of the ten digits in the product of all.
        acceptance: weights of the columns of `evidence`, the constant last, in a logistic regression.
        threshold: minimum probability of being a digit for a mark to be accepted.
    """

    network: float = 1.0
    classifier: float = 0.0
    mark: float = 0.0
    acceptance: tuple[float, ...] = (0.5, 0.5) + (0.0,) * 7
    threshold: float = 0.5

    @classmethod
    def from_card(cls, card: Mapping) -> "Fusion":
        """Raises ValueError, KeyError or TypeError if something is missing or of another type."""
        weights = tuple(float(records.number(value)) for value in card["acceptance"])
        if len(weights) != COLUMNS + 1:
            raise ValueError(f"{COLUMNS + 1} weights are needed")
        names = ("network", "classifier", "mark", "threshold")
        return cls(acceptance=weights, **{name: float(records.number(card[name])) for name in names})

    def fused(self, network: np.ndarray, classifier: np.ndarray, mark: np.ndarray) -> np.ndarray:
        """Fused probabilities of the ten digits, float32 (n, 10): a weighted product (Hinton 2002).

        Args:
            network: the page network's, (n, 13).
            classifier: the classifier's, (n, 10).
            mark: the mark network's, (n, 11).
        """
        logits = self.network * _log(network[:, :OTHER]) + self.mark * _log(mark[:, :OTHER])
        logits += self.classifier * _log(classifier)
        exponentials = np.exp(logits - logits.max(1, keepdims=True))
        return (exponentials / exponentials.sum(1, keepdims=True)).astype(np.float32)

    def digit_probability(self, evidence: np.ndarray) -> np.ndarray:
        """Probability that each mark is a digit of any class, float (n,), from its evidence (n, 8)."""
        weights = np.asarray(self.acceptance)
        return 1 / (1 + np.exp(-(evidence @ weights[:-1] + weights[-1])))


@dataclass(frozen=True)
class Calibration:
    """Fitted weights for each kind of mark.

    Attributes:
        alone: for a mark drawn alone.
        several: for marks drawn beside others, which may be letters of a word.
        page: for marks on photographs and scans, whose grain can look like writing.
        line: weights for a drawn line with several detections.
        line_of_one: the same for a line with one detection.
    """

    alone: Fusion = field(default_factory=Fusion)
    several: Fusion = field(default_factory=Fusion)
    page: Fusion = field(default_factory=Fusion)
    line: Weights = field(default_factory=Weights)
    line_of_one: Weights = field(default_factory=Weights)

    def of(self, kind: str) -> Fusion:
        """The one for a kind of mark, one of `KINDS`."""
        return getattr(self, kind)

    @classmethod
    def from_card(cls, card: Mapping) -> "Calibration":
        """What `training.page_calibration` wrote.

        Raises:
            ValueError, KeyError, TypeError: something is missing or of another type.
        """
        lines = {
            which: Weights(**{f.name: float(records.number(card[which][f.name])) for f in fields(Weights)})
            for which in ("line", "line_of_one")
        }
        return cls(**{kind: Fusion.from_card(card[kind]) for kind in KINDS}, **lines)


KINDS = ("alone", "several", "page")  # of marks; the names in `Calibration`


def kind_of(is_drawn: bool, marks: int) -> str:
    """Which of `KINDS` a picture's marks are, given how many are seen on it."""
    if not is_drawn:
        return "page"
    return "alone" if marks < 2 else "several"


def evidence(
    heat: np.ndarray, network: np.ndarray, classifier: np.ndarray, mark: np.ndarray, context: np.ndarray
) -> np.ndarray:
    """Evidence that a mark is a digit, float (n, 8).

    Columns: the log-odds of the heat, of the page network's probability of a digit, of the classifier's confidence,
    and of the mark network's probability of a digit; then the four of `context.context`.
    """
    own = [heat, network[:, :OTHER].sum(1), classifier.max(1), mark[:, :OTHER].sum(1)]
    return np.column_stack([*map(log_odds, own), context])


def is_drawn(grey: np.ndarray) -> bool:
    """Whether a picture, uint8 (height, width), was drawn on a screen: photographed paper is never uniform."""
    return bool(cv2.calcHist([grey], [0], None, [256], [0, 256]).max() > EVEN * grey.size)


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, 1e-6))
