"""Evaluation metrics from predictions and true labels. Pure NumPy, independent of any model."""

import math
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
        """Fraction read correctly, 0..1."""
        return 1 - self.errors / self.digits

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the accuracy (`wilson`)."""
        return wilson(self.digits - self.errors, self.digits)

    @property
    def top2(self) -> float:
        """Top-2 accuracy: fraction of labels among the two likeliest digits, 0..1."""
        first_two = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :2]
        return float((first_two == self.labels[:, np.newaxis]).any(1).mean())

    @property
    def confidence(self) -> np.ndarray:
        """The probability of each prediction, (n,)."""
        return self.probabilities.max(1)

    @property
    def log_loss(self) -> float:
        """Mean cross-entropy in nats; a probability of 0 counts as 1e-7."""
        right = self.probabilities[np.arange(self.digits), self.labels]
        return float(-np.log(np.maximum(right, 1e-7)).mean())

    @property
    def recall(self) -> np.ndarray:
        """Fraction of each digit's pictures that are read as it, float (10,); NaN if there are none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(1))

    @property
    def precision(self) -> np.ndarray:
        """Fraction of the readings as each digit that are correct, float (10,); NaN if there are none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(0))

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall per digit, float (10,); NaN if it is neither a label nor predicted."""
        return _ratio(2 * self.confusion.diagonal(), self.confusion.sum(0) + self.confusion.sum(1))

    def coverage(self) -> tuple[np.ndarray, np.ndarray]:
        """Risk-coverage curve: the error rate if the least confident are left unread (El-Yaniv, Wiener 2010).

        Returns:
            The fraction left unread, 0 up to below 1, and the fraction misread among the rest, both (n,).
        """
        order = np.argsort(-self.confidence, kind="stable")
        wrong = np.cumsum(self.predictions[order] != self.labels[order])
        read = np.arange(1, self.digits + 1)
        return (1 - read / self.digits)[::-1], (wrong / read)[::-1]

    def reliability(self, bins: int = 10) -> list[dict]:
        """Mean confidence and accuracy of the digits in each confidence bin.

        Returns:
            For every non-empty bin, {"confidence": mean, "accuracy": fraction right, "interval": its 95 %
            interval (`wilson`), "digits": count}, from the least confident bin to the most.
        """
        confidence, right = self.probabilities.max(1), self.predictions == self.labels
        band = np.minimum((confidence * bins).astype(int), bins - 1)
        return [
            {
                "confidence": float(confidence[band == b].mean()),
                "accuracy": float(right[band == b].mean()),
                "interval": wilson(int(right[band == b].sum()), int((band == b).sum())),
                "digits": int((band == b).sum()),
            }
            for b in np.unique(band)
        ]

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, 0..1: mean gap between confidence and accuracy over 15 bins.

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
        ValueError: the shapes do not match, or there is nothing to compare.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.shape != (len(labels), CLASSES) or not len(labels):
        raise ValueError(f"Probabilities of shape {probabilities.shape} for {len(labels)} labels.")
    labels = labels.astype(int)
    predictions = probabilities.argmax(1)
    confusion = np.zeros((CLASSES, CLASSES), int)
    np.add.at(confusion, (labels, predictions), 1)
    return Evaluation(probabilities, labels, predictions, confusion)


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a proportion (Wilson: Probable Inference, 1927), within 0..1.

    Raises:
        ValueError: `of` is 0.
    """
    if of < 1:
        raise ValueError("There is nothing to estimate from.")
    z = 1.959964
    share, spread = right / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass(frozen=True)
class Comparison:
    """Two models on the same digits.

    Attributes:
        only_first, only_second: indices of the digits that only this model reads correctly.
        both_wrong: indices that both misread.
        p_value: of McNemar's exact test, with equal error rates as the null hypothesis.
    """

    only_first: np.ndarray
    only_second: np.ndarray
    both_wrong: np.ndarray
    p_value: float


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Find the digits that only one of two models reads correctly.

    McNemar: Note on the Sampling Error of the Difference between Correlated Proportions (1947), in its exact form.

    Raises:
        ValueError: the evaluations are of different digits.
    """
    from scipy.stats import binomtest  # half a second, and only a comparison needs it

    if not np.array_equal(first.labels, second.labels):
        raise ValueError("Two models can be compared on the same digits only.")
    right, other = first.predictions == first.labels, second.predictions == second.labels
    mine, yours = np.flatnonzero(right & ~other), np.flatnonzero(other & ~right)
    discordant = len(mine) + len(yours)
    p_value = float(binomtest(len(mine), discordant).pvalue) if discordant else 1.0
    return Comparison(mine, yours, np.flatnonzero(~right & ~other), p_value)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
