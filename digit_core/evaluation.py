"""Predictions and true labels -> what there is to know about them. Pure NumPy; knows no model."""

from dataclasses import dataclass, field

import numpy as np

CLASSES = 10


@dataclass(frozen=True)
class Evaluation:
    """How a set of predictions compares with the truth.

    Attributes:
        probabilities: float (n, 10), each row summing to 1.
        labels: (n,), the true digits, 0..9.
        predictions: (n,), the likeliest digit of each row.
        confusion: int (10, 10); row: true digit, column: predicted digit.
    """

    probabilities: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    predictions: np.ndarray = field(repr=False)
    confusion: np.ndarray = field(repr=False)

    @property
    def digits(self) -> int:
        return len(self.labels)

    @property
    def errors(self) -> int:
        return int((self.predictions != self.labels).sum())

    @property
    def accuracy(self) -> float:
        """Share read right, 0..1."""
        return 1 - self.errors / self.digits

    @property
    def log_loss(self) -> float:
        """Mean cross-entropy in nats; a probability of 0 counts as 1e-7."""
        right = self.probabilities[np.arange(self.digits), self.labels]
        return float(-np.log(np.maximum(right, 1e-7)).mean())

    @property
    def recall(self) -> np.ndarray:
        """Of each digit's pictures, the share read as it, float (10,); NaN where there are none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(1))

    @property
    def precision(self) -> np.ndarray:
        """Of what was read as each digit, the share that is it, float (10,); NaN where there is none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(0))

    def reliability(self, bins: int = 10) -> list[dict]:
        """Of the digits in each band of confidence, what was said of them and what was true.

        Returns:
            For every band that holds any, {"confidence": mean, "accuracy": share right, "digits": how many},
            from the least confident band to the most.
        """
        confidence, right = self.probabilities.max(1), self.predictions == self.labels
        band = np.minimum((confidence * bins).astype(int), bins - 1)
        return [
            {
                "confidence": float(confidence[band == b].mean()),
                "accuracy": float(right[band == b].mean()),
                "digits": int((band == b).sum()),
            }
            for b in np.unique(band)
        ]

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, 0..1: how far confidence and accuracy lie apart, over 15 bands.

        Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian Binning (2015).
        """
        bands = self.reliability(15)
        return sum(band["digits"] * abs(band["confidence"] - band["accuracy"]) for band in bands) / self.digits

    def mistakes(self) -> np.ndarray:
        """Indices of the misread digits, the one misread with the most confidence first."""
        wrong = np.flatnonzero(self.predictions != self.labels)
        return wrong[np.argsort(-self.probabilities[wrong].max(1), kind="stable")]

    def confusions(self) -> list[tuple[int, int, int]]:
        """(true digit, predicted digit, how often) for every confusion that happened, the commonest first."""
        pairs = [(t, p, int(n)) for (t, p), n in np.ndenumerate(self.confusion) if t != p and n]
        return sorted(pairs, key=lambda pair: -pair[2])


def evaluate(probabilities: np.ndarray, labels: np.ndarray) -> Evaluation:
    """Compare predictions with the truth.

    Args:
        probabilities: float (n, 10), each row summing to 1; n at least 1.
        labels: (n,), whole numbers 0..9.

    Raises:
        ValueError: the shapes do not fit each other, or there is nothing to compare.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.shape != (len(labels), CLASSES) or not len(labels):
        raise ValueError(f"Probabilities of shape {probabilities.shape} for {len(labels)} labels.")
    labels = labels.astype(int)
    predictions = probabilities.argmax(1)
    confusion = np.zeros((CLASSES, CLASSES), int)
    np.add.at(confusion, (labels, predictions), 1)
    return Evaluation(probabilities, labels, predictions, confusion)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
