"""Out-of-fold probabilities: how a classifier that has never seen a digit's label reads it.

The classifier learns in closed form, so that cross-validating it takes seconds: histograms of gradient directions
(Dalal, Triggs: Histograms of Oriented Gradients for Human Detection, 2005), random Fourier features of a Gaussian
kernel (Rahimi, Recht: Random Features for Large-Scale Kernel Machines, 2007) and ridge regression. Each fold's weights
come from sums over the other folds. Pure NumPy.
"""

from collections.abc import Iterator

import numpy as np
import threadpoolctl

from digit_core.models.calibration import fit_temperature

# One BLAS thread leaves the other processors to other visitors. For good: a limit for a while is not thread-safe.
threadpoolctl.threadpool_limits(limits=1, user_api="blas")

FOLDS = 5
DIRECTIONS, CELL = 8, 4  # directions of the gradient, and pixels of a cell's side
FEATURES = 1000  # random features
KERNEL, RIDGE = 0.5, 0.01  # on training and validation digits, 0.25 to 1 and 0.001 to 0.1 do about as well
CLASSES = 10
CHUNK = 1000  # digits in memory at once
SEED = 2026


def probabilities(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Ten probabilities each, float (n, 10), from the digits of the other folds; calibrated by one temperature.

    Args:
        images: uint8 (n, 28, 28), at least `FOLDS`.
        labels: (n,), 0..9.
    """
    scores = _scores(images, labels)
    likely = _softmax(10 * scores)  # a score is about 1 for the digit's class and 0 for the others
    return _softmax(10 * scores / fit_temperature(likely, labels))


def _scores(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Regression of the labels' indicator vectors, float (n, 10), without the digit's own fold."""
    rng = np.random.default_rng(SEED)
    folds = rng.permutation(len(images)) % FOLDS
    histograms = np.concatenate([_histograms(images[part]) for part in _chunks(len(images))])
    directions = rng.normal(0, np.sqrt(2 * KERNEL), (histograms.shape[1], FEATURES)).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, FEATURES).astype(np.float32)

    def features(part: slice) -> np.ndarray:
        waves = np.cos(histograms[part].astype(np.float32) @ directions + phases) * np.sqrt(np.float32(2 / FEATURES))
        return np.c_[waves, np.ones(len(waves), np.float32)]

    weights = _weights(features, folds, np.eye(CLASSES, dtype=np.float32)[labels])
    scores = np.empty((len(images), CLASSES))
    for part in _chunks(len(images)):
        read = features(part) @ weights  # by every fold's classifier: (folds, digits, 10)
        scores[part] = read[folds[part], np.arange(len(read[0]))]
    return scores


def _weights(features, folds: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Weights (folds, features, 10) of ridge regression on all folds but one."""
    size = FEATURES + 1
    products, sums = np.zeros((FOLDS, size, size)), np.zeros((FOLDS, size, CLASSES))
    for part in _chunks(len(folds)):
        known = features(part)
        for fold in range(FOLDS):
            own = known[folds[part] == fold]
            products[fold] += own.T @ own
            sums[fold] += own.T @ targets[part][folds[part] == fold]
    ridge = RIDGE * np.eye(size)
    return np.stack([
        np.linalg.solve(products.sum(0) - products[fold] + ridge, sums.sum(0) - sums[fold]) for fold in range(FOLDS)
    ])  # fmt: skip


def _histograms(images: np.ndarray) -> np.ndarray:
    """Each cell's gradient by direction, float16 (n, k) of unit length; a gradient counts for the two directions
    that it lies between."""
    pixels = images.astype(np.float32) / 255
    right, down = np.zeros_like(pixels), np.zeros_like(pixels)
    right[:, :, 1:-1] = pixels[:, :, 2:] - pixels[:, :, :-2]
    down[:, 1:-1] = pixels[:, 2:] - pixels[:, :-2]
    strength, angle = np.hypot(right, down), np.arctan2(down, right) / (2 * np.pi) * DIRECTIONS
    first = np.floor(angle).astype(int)
    share = angle - first
    count, height, width = pixels.shape
    found = np.zeros((count, DIRECTIONS, height, width), np.float32)
    place = np.ogrid[:count, :height, :width]
    for direction, part in ((first, 1 - share), (first + 1, share)):
        found[place[0], direction % DIRECTIONS, place[1], place[2]] += strength * part
    cells = found.reshape(count, DIRECTIONS, height // CELL, CELL, width // CELL, CELL).sum((3, 5))
    flat = np.sqrt(cells.reshape(count, -1))
    return (flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)).astype(np.float16)


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, count, CHUNK))


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)
