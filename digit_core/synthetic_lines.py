"""Rows of marks made from single ones, to train and measure the line reader: digits, letters, noise.

Each row is of about one pen and slope; its marks stand apart, touch or overlap. NumPy and OpenCV
only; the same generator state gives the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from digit_core import counterexamples, lines, normalization
from digit_core.augmentation import DISTORTIONS, distort
from digit_core.datasets import Split

LENGTHS = (0.1, 0.22, 0.16, 0.14, 0.12, 0.1, 0.08, 0.08)  # share of the rows with one mark, two, ...
NEIGHBOURS = 400  # pictures of about the same pen, from which a row's are drawn
HEIGHT = 56  # pixels of a digit while a row is made
GAP = (-0.24, 0.35)  # between marks, over their height; drawn evenly, each row its own
FEW, MANY = 0.06, 0.5  # share of a row's marks that are no digits
OFTEN = 0.7  # share of the rows with few of these
GENERATED = 3000  # signs, scribbles and noise of our own beside the given symbols


@dataclass(frozen=True)
class Row:
    """A row's picture, uint8 (32, width), and its marks from left to right, 0..9 or `lines.SYMBOL`."""

    picture: np.ndarray
    marks: np.ndarray


class Stock:
    """Single marks from which rows are made, each kind sorted by pen."""

    def __init__(self, digits: Sequence[Split], symbols: np.ndarray | None, seed: int):
        """`digits`: data sets, each of which gives as many rows; `symbols` uint8 (n, 28, 28), or None."""
        self._digits = [_by_pen(split.images, split.labels) for split in digits]
        generated = counterexamples.symbols(GENERATED, np.random.default_rng(seed))
        self._symbols = [_by_pen(generated, np.full(GENERATED, lines.SYMBOL))]
        if symbols is not None and len(symbols):
            self._symbols.append(_by_pen(symbols, np.full(len(symbols), lines.SYMBOL)))

    def rows(self, count: int, rng: np.random.Generator, distorted: bool = True) -> list[Row]:
        """That many rows; each digit distorted by itself, as in the training of single ones."""
        chosen = [self._row(rng) for _ in range(count)]
        images, marks = (np.concatenate(arrays) for arrays in zip(*chosen, strict=True))
        if distorted:
            images = _distorted(images, marks, rng)
        found, start = [], 0
        for _, own in chosen:
            ink = _beside(images[start : start + len(own)], rng)
            start += len(own)
            if (picture := lines.prepare(ink)) is not None:
                found.append(Row(picture, own))
        return found

    def _row(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (k, 28, 28) of about one pen, and what they are."""
        length = int(rng.choice(len(LENGTHS), p=LENGTHS)) + 1
        pen = rng.random()
        images, marks = _some(self._digits[rng.integers(len(self._digits))], pen, length, rng)
        strange = rng.random(length) < (FEW if rng.random() < OFTEN else MANY)
        for place in np.flatnonzero(strange):
            [images[place]], [marks[place]] = _some(self._symbols[rng.integers(len(self._symbols))], pen, 1, rng)
        return images, marks


def _by_pen(images: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inked = images.any((1, 2))
    images, marks = images[inked], marks[inked].astype(int)
    order = np.argsort([counterexamples.pen(image) for image in images], kind="stable")
    return images[order], marks[order]


def _some(
    kind: tuple[np.ndarray, np.ndarray], pen: float, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`count` marks of one kind, with pens from the thinnest, 0, to the broadest, 1."""
    images, marks = kind
    start = int(pen * max(len(images) - NEIGHBOURS, 1))
    chosen = rng.integers(start, min(start + NEIGHBOURS, len(images)), count)
    return images[chosen].copy(), marks[chosen].copy()


def _distorted(images: np.ndarray, marks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    images, gently = images.copy(), rng.random(len(images)) < 0.5
    labels = np.where(marks == lines.SYMBOL, 2, marks).astype(np.uint8)  # a 2 has no habits of its own
    for some, name in ((gently, "gentle"), (~gently, "strong")):
        images[some] = distort(images[some], labels[some], DISTORTIONS[name], rng)
    return images


def _beside(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Marks beside each other as one hand sets them, uint8 (height, width)."""
    gap, slope = rng.uniform(*GAP), rng.normal(0, 0.06)
    vary, stretch = rng.uniform(0, 0.12), rng.uniform(0.85, 1.15)
    inks = [_enlarged(image, HEIGHT * (1 + rng.uniform(-vary, vary)), stretch) for image in images]
    total = sum(ink.shape[1] for ink in inks) + int(len(inks) * 0.6 * HEIGHT) + 20
    page, left = np.zeros((4 * HEIGHT, total), np.uint8), 10
    for ink in inks:
        height, width = ink.shape
        standing = rng.random() < 0.5  # on the line, or in its middle
        top = 2 * HEIGHT - height / 2 + slope * (left - total / 2) + rng.uniform(-0.08, 0.08) * HEIGHT
        top = round(min(max(top + standing * (HEIGHT - height) / 2, 0), len(page) - height))
        window = page[top : top + height, left : left + width]
        np.maximum(window, ink, out=window)
        left += max(width + round((gap + rng.normal(0, 0.04)) * HEIGHT), 5)
    return page


def _enlarged(image: np.ndarray, height: float, stretch: float) -> np.ndarray:
    """A mark's ink with strokes as sharp as a pen's, its box 20 pixels high -> `height`."""
    ink = normalization.crop(image) if image.any() else np.full((20, 4), 255, np.uint8)
    scale = height / normalization.BOX
    size = max(round(ink.shape[1] * scale * stretch), 3), max(round(ink.shape[0] * scale), 3)
    large = cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC)
    return cv2.convertScaleAbs(cv2.subtract(large, 64), alpha=2.2)
