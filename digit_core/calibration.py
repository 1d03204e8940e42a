"""Make probabilities honest: temperature scaling. Pure NumPy; knows no model.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks (2017). A network that
was trained with smoothed labels says too little of itself, one trained long too much; one
number by which its logits are divided mends most of both and changes no answer.
"""

import math

import numpy as np

COLDEST, HOTTEST = 0.1, 10.0
STEPS = 60  # of the search; each leaves 0.618 of the interval


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature at which the probabilities would have the lowest cross-entropy, 0.1 to 10.

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


def _lowest(function, low: float, high: float) -> float:
    """Where a function with one valley is lowest: golden-section search (Kiefer 1953)."""
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(STEPS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if function(left) < function(right):
            high = right
        else:
            low = left
    return (low + high) / 2
