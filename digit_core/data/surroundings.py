"""Lines round the marks of a made-up line, which are no marks: frames, boxes of a form, underlines, rings."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

PENS = (0.02, 0.16)  # width over a digit's height
MARGINS = (-0.1, 0.5)  # between marks and lines, in heights: some touch, some cross
CUT = ("top right bottom", "top bottom left", "right bottom left", "top right left", "top bottom", "bottom", "top")
PARTS = 16  # a pixel's parts for OpenCV
SHIFT = 4  # as a power of two


class Extent(NamedTuple):
    """What the ink of some marks reaches, in pixels."""

    left: float
    top: float
    right: float
    bottom: float


def draw(page: np.ndarray, marks: Sequence[Extent], height: float, rng: np.random.Generator) -> None:
    """Draw one kind of lines round `marks`, which come from left to right, onto a page, uint8 (height, width), bright
    on 0.

    Args:
        height: pixels of a digit.
    """
    lefts, tops, rights, bottoms = np.array(marks).T
    margin = rng.uniform(*MARGINS, 4) * height
    whole = Extent(lefts.min() - margin[0], tops.min() - margin[1], rights.max() + margin[2], bottoms.max() + margin[3])
    kind = rng.choice(("frame", "boxes", "underline", "ring"), p=(0.45, 0.2, 0.2, 0.15))
    if kind == "frame":
        lines = _frame(whole, rng)
    elif kind == "boxes":
        between = ((rights[:-1] + lefts[1:]) / 2)[lefts[1:] > rights[:-1]]
        lines = _boxes(whole, between, rng)
    elif kind == "underline":
        lines = _underline(whole, height, rng)
    else:
        lines = [_ring(whole, rng)]
    pen = max(round(height * np.exp(rng.uniform(*np.log(PENS)))), 1)
    ink = int(rng.integers(130, 256))
    for line in lines:
        points = np.round(line * PARTS).astype(np.int32)
        drawn = np.zeros_like(page)
        cv2.polylines(drawn, [points], False, ink, pen, cv2.LINE_AA, SHIFT)
        np.maximum(page, drawn, out=page)


def _frame(around: Extent, rng: np.random.Generator) -> list[np.ndarray]:
    """The sides of a frame, some of them possibly cropped; never a single vertical side, which looks like a 1."""
    left, top, right, bottom = around
    sides = {
        "top": [(left, top), (right, top)],
        "right": [(right, top), (right, bottom)],
        "bottom": [(left, bottom), (right, bottom)],
        "left": [(left, top), (left, bottom)],
    }
    kept = "top right bottom left" if rng.random() < 0.7 else rng.choice(CUT)
    return [np.array(sides[side]) for side in kept.split()]


def _boxes(around: Extent, between: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """A form's boxes, one a mark: a frame and what divides it, as high as the frame or a comb's teeth."""
    left, top, right, bottom = around
    start = top if rng.random() < 0.6 else bottom - rng.uniform(0.15, 0.5) * (bottom - top)
    ground = np.array([(left, bottom), (right, bottom)])
    return [*_frame(around, rng), ground, *(np.array([(x, start), (x, bottom)]) for x in between)]


def _underline(around: Extent, height: float, rng: np.random.Generator) -> list[np.ndarray]:
    """One line below or two, by hand."""
    left, _, right, bottom = around
    slope = rng.normal(0, 0.02) * (right - left)
    bend = rng.normal(0, 0.04) * height
    once = np.array([(left, bottom), ((left + right) / 2, bottom + bend + slope / 2), (right, bottom + slope)])
    return [once] if rng.random() < 0.8 else [once, once + np.array([0.0, rng.uniform(0.1, 0.25) * height])]


def _ring(around: Extent, rng: np.random.Generator) -> np.ndarray:
    """A ring by hand, whose ends meet, overlap or stay apart."""
    left, top, right, bottom = around
    start, turn = rng.uniform(0, 2 * np.pi), rng.uniform(1.85, 2.2) * np.pi
    angles = start + np.linspace(0, turn, 40)
    grow = 1 + np.linspace(0, rng.normal(0, 0.08), 40)
    wide, tall = (right - left) / 2 * grow, (bottom - top) / 2 * grow
    return np.stack([(left + right) / 2 + wide * np.cos(angles), (top + bottom) / 2 + tall * np.sin(angles)], 1)
