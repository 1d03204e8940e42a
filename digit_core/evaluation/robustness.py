"""Accuracy under increasing distortion: how far digits can be rotated, shifted or degraded before they are misread.

Nine distortions of our own, each at several strengths, and the corruptions of MNIST-C (Mu, Gilmer:
MNIST-C: A Robustness Benchmark for Computer Vision, 2019) if its files are available. The network gets
the digits without the reader's straightening, because this measures the network alone.
"""

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from digit_core import paths
from digit_core.data.datasets import Split
from digit_core.evaluation import cache, metrics
from digit_core.evaluation.cache import OnProgress
from digit_core.reading.recognizer import Recognizer

log = logging.getLogger(__name__)

SAMPLE = 1000  # digits, drawn with a fixed seed
SEED = 2026
SIDE = 28
CENTRE = (SIDE - 1) / 2


@dataclass(frozen=True)
class Curve:
    """Accuracy under one distortion.

    Attributes:
        name: for people, e.g. "rotation".
        unit: of the amounts, e.g. "degrees".
        amounts: the strengths that are measured.
        accuracies: 0..1, one per amount.
        intervals: the 95 % interval of each (`metrics.wilson`).
    """

    name: str
    unit: str
    amounts: tuple[float, ...]
    accuracies: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]


def turned(images: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """Rotate each digit left or right, with equal probability."""
    return _warped(images, [_about_centre(np.deg2rad(degrees * side)) for side in _sides(len(images), rng)])


def moved(images: np.ndarray, pixels: float, rng: np.random.Generator) -> np.ndarray:
    """Shift by `pixels` in a random direction; what leaves the picture is lost."""
    angles = rng.uniform(0, 2 * np.pi, len(images))
    return _warped(images, [np.array([[1, 0, pixels * np.cos(a)], [0, 1, pixels * np.sin(a)]]) for a in angles])


def scaled(images: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Scale by `factor` about the centre."""
    return _warped(images, [_linear(np.eye(2) * factor)] * len(images))


def sheared(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Shear by `amount` pixels sideways per pixel of height."""
    return _warped(images, [_linear(np.array([[1, amount * s], [0, 1]])) for s in _sides(len(images), rng)])


def noisy(images: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise; its standard deviation is a fraction of full ink."""
    return np.clip(images + rng.normal(0, 255 * share, images.shape), 0, 255).astype(np.uint8)


def blurred(images: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian blur, its deviation in pixels."""
    return np.stack([cv2.GaussianBlur(image, (0, 0), sigma) for image in images]) if sigma else images


def paler(images: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Multiply the ink by `factor`."""
    return np.round(images * factor).astype(np.uint8)


def hidden(images: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
    """Blank a square of `side` pixels per side, at a random place on the inner 20x20."""
    covered = images.copy()
    for image in covered:
        top, left = rng.integers(4, 25 - int(side), 2) if side else (0, 0)
        image[top : top + int(side), left : left + int(side)] = 0
    return covered


def penned(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Thicken (above 0) or thin (below 0) strokes by `amount` pixels on each side."""
    if not amount:
        return images
    large = [cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for image in images]
    size = 2 * round(4 * abs(amount)) + 1
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    change = cv2.dilate if amount > 0 else cv2.erode
    return np.stack([cv2.resize(change(image, pen), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in large])


Distortion = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
DISTORTIONS: dict[str, tuple[Distortion, str, tuple[float, ...]]] = {  # -> how, unit, amounts
    "rotation": (turned, "degrees", (0, 10, 20, 30, 40, 50)),
    "shift": (moved, "pixels", (0, 1, 2, 3, 4, 6)),
    "scale": (scaled, "times", (0.5, 0.6, 0.7, 0.85, 1, 1.15, 1.3)),
    "shear": (sheared, "slant", (0, 0.15, 0.3, 0.45, 0.6, 0.8)),
    "noise": (noisy, "share of full ink", (0, 0.1, 0.2, 0.3, 0.45, 0.6)),
    "blur": (blurred, "pixels", (0, 0.5, 1, 1.5, 2, 2.5)),
    "contrast": (paler, "share of the ink", (1, 0.7, 0.5, 0.3, 0.2, 0.1)),
    "occlusion": (hidden, "pixels a side", (0, 3, 5, 7, 9, 11)),
    "pen": (penned, "pixels", (-1, -0.75, -0.5, -0.25, 0, 0.5, 1, 1.5)),
}


def measure(name: str, digits: Split, on_progress: OnProgress = lambda share: None) -> list[Curve]:
    """Measure a model's curves on at most 1,000 of the digits; cached as by `cache.assess`.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    corrupted, file = mnist_c_folder(), _file(name, digits)
    if (kept := _load(file)) is not None:
        return kept
    recognizer, sample = Recognizer.load(name), sample_of(digits)
    curves, done = [], 0
    total = sum(len(amounts) for _, _, amounts in DISTORTIONS.values())
    for kind, (distort, unit, amounts) in DISTORTIONS.items():
        right = []
        for amount in amounts:
            on_progress(done / total)
            worn = distort(sample.images, amount, np.random.default_rng(SEED))
            right.append(_right(recognizer, worn, sample.labels))
            done += 1
        curves.append(_curve(kind, unit, amounts, right, len(sample)))
    curves += _mnist_c(recognizer, corrupted) if corrupted else []
    on_progress(1.0)
    _keep(file, curves)
    return curves


def examples(name: str, digits: Split) -> np.ndarray:
    """One digit under each amount of a distortion in `DISTORTIONS`, uint8 (amounts, 28, 28)."""
    distort, _, amounts = DISTORTIONS[name]
    shown = digits.images[:1]
    return np.concatenate([distort(shown, amount, np.random.default_rng(SEED)) for amount in amounts])


def is_kept(name: str, digits: Split) -> bool:
    """Whether the result of `measure` is cached."""
    return os.path.exists(_file(name, digits))


def _file(name: str, digits: Split) -> Path:
    return cache.folder() / f"{cache.key(name, digits.digest(), 'robustness', str(mnist_c_folder()))}.json"


def sample_of(digits: Split) -> Split:
    """The digits that are distorted: all, or `SAMPLE` of them drawn with a fixed seed."""
    if len(digits) <= SAMPLE:
        return digits
    chosen = np.sort(np.random.default_rng(SEED).choice(len(digits), SAMPLE, replace=False))
    return Split(digits.images[chosen], digits.labels[chosen])


def mnist_c_folder() -> Path | None:
    """Folder of the unpacked MNIST-C: `mnist_c` in `$DIGIT_DATA_DIR` or `$DIGIT_HOME/data`."""
    roots = [paths.data_dir(), paths.home() / "data"]
    return next((root / "mnist_c" for root in roots if root and os.path.isdir(root / "mnist_c")), None)


def _mnist_c(recognizer: Recognizer, folder: Path) -> list[Curve]:
    """One point per corruption: MNIST-C has no severity levels."""
    curves = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        try:
            images = np.load(place / "test_images.npy", allow_pickle=False).reshape(-1, SIDE, SIDE)
            labels = np.load(place / "test_labels.npy", allow_pickle=False)
            sample = sample_of(Split(images.astype(np.uint8), labels.astype(np.uint8)))
        except (OSError, ValueError):
            log.warning("%s holds no corruption of MNIST-C", place, exc_info=True)
            continue
        right = _right(recognizer, sample.images, sample.labels)
        curves.append(_curve(f"MNIST-C: {place.name}", "", (0.0,), [right], len(sample)))
    return curves


def _right(recognizer: Recognizer, images: np.ndarray, labels: np.ndarray) -> int:
    return int((recognizer.classify(images).argmax(1) == labels).sum())


def _curve(name: str, unit: str, amounts: Sequence[float], right: Sequence[int], count: int) -> Curve:
    return Curve(
        name,
        unit,
        tuple(map(float, amounts)),
        tuple(n / count for n in right),
        tuple(metrics.wilson(n, count) for n in right),
    )


def _sides(count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice((-1, 1), count)


def _about_centre(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return _linear(np.array([[cos, -sin], [sin, cos]]))


def _linear(matrix: np.ndarray) -> np.ndarray:
    """A linear map about the picture's centre, (2, 3)."""
    centre = np.full(2, CENTRE)
    return np.column_stack([matrix, centre - matrix @ centre])


def _warped(images: np.ndarray, maps: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(
        [
            cv2.warpAffine(image, matrix.astype(np.float32), (SIDE, SIDE), flags=cv2.INTER_LINEAR)
            for image, matrix in zip(images, maps, strict=True)
        ]
    )


def _load(file: Path) -> list[Curve] | None:
    try:
        rows = json.loads(file.read_text())
        return [
            Curve(r["name"], r["unit"], tuple(r["amounts"]), tuple(r["accuracies"]), tuple(map(tuple, r["intervals"])))
            for r in rows
        ]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        log.warning("%s is damaged and will be recomputed", file, exc_info=True)
        return None


def _keep(file: Path, curves: Sequence[Curve]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(file) as open_file:
            open_file.write(json.dumps([vars(curve) for curve in curves]).encode())
        paths.keep_newest(file.parent, cache.MOST_KEPT)
    except OSError:
        log.warning("Robustness cannot be kept", exc_info=True)
