"""Calibrate probabilities: temperature scaling and logistic regression. Pure NumPy; runs no model.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks (2017). A network
trained with label smoothing is underconfident, one trained too long overconfident; dividing
its logits by one number corrects most of both and changes no prediction.
"""

import math

import numpy as np

COLDEST, HOTTEST = 0.1, 10.0
NEWTON_STEPS, RIDGE = 30, 1e-4  # of logistic regression; the ridge keeps weights finite on separable data
STEPS = 60  # of the search; each leaves 0.618 of the interval


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, 0.1 to 10, that minimises the cross-entropy of the probabilities.

    Args:
        probabilities: float (n, 10), each row summing to 1, on digits that did not train the network.
        labels: (n,), the true digits, 0..9.
    """
    logits = np.log(np.maximum(probabilities.astype(float), 1e-12))
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        scaled = logits / math.exp(log_temperature)
        scaled -= scaled.max(1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(1)) - scaled[rows, labels]).mean())

    return math.exp(_lowest(cross_entropy, math.log(COLDEST), math.log(HOTTEST)))


def fit_logistic(evidence: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> list[float]:
    """Fit a logistic regression of `truth` on `evidence`; return its weights, the constant last.

    Fitted by Newton's method (iteratively reweighted least squares; Nelder, Wedderburn 1972).

    Args:
        evidence: float (n, k), such as log-odds of two classifiers.
        truth: bool (n,).
        weights: float (n,), how much each example counts; summing to about 1.
    """
    known = np.c_[evidence, np.ones(len(evidence))].astype(float)
    found = np.zeros(known.shape[1])
    for _ in range(NEWTON_STEPS):
        predicted = 1 / (1 + np.exp(-np.clip(known @ found, -30, 30)))
        gradient = known.T @ (weights * (truth - predicted)) - RIDGE * found
        curvature = known.T @ (known * (weights * predicted * (1 - predicted))[:, np.newaxis])
        found += np.linalg.solve(curvature + RIDGE * np.eye(len(found)), gradient)
    return found.tolist()


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """The logarithm of p : (1 - p), for p from 1e-6 to 1 - 1e-6."""
    p = np.clip(np.asarray(probability, float), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def _lowest(function, low: float, high: float) -> float:
    """Minimum of a unimodal function, by golden-section search (Kiefer 1953)."""
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(STEPS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if function(left) < function(right):
            high = right
        else:
            low = left
    return (low + high) / 2
