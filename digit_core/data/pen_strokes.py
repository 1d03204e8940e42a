"""Pen strokes as JSON lines hold them: checked, and drawn as digits in MNIST's form."""

import cv2
import numpy as np

from digit_core.pictures import normalization

PENS = (0.03, 0.06, 0.1, 0.16)  # widths of the pen as fractions of a digit's longer side
MOST_POINTS = 20_000  # of a drawing
CANVAS = 160  # pixels a side on which strokes are drawn


def parsed(row: dict) -> tuple[int, list[np.ndarray]]:
    """The label and the strokes, each (n, 2), of a row with "label" and "strokes" (lists of [x, y], y down).

    Raises:
        KeyError, TypeError, ValueError, OverflowError: the row is malformed, or its strokes cannot be drawn.
    """
    strokes = [np.array(stroke, float) for stroke in row["strokes"] if stroke]
    _check(strokes)
    return _label(row["label"]), strokes


def draw(strokes: list[np.ndarray], pen: float) -> np.ndarray:
    """Pen strokes, each (n, 2) of x and y in any unit, as a digit uint8 (28, 28).

    Args:
        pen: width as a fraction of the digit's longer side.

    Raises:
        ValueError: no points, or points that are no finite numbers.
    """
    _check(strokes)
    points = np.concatenate(strokes)
    low, extent = points.min(0), max(float(np.ptp(points, 0).max()), 1e-6)
    width = max(1, round(pen * CANVAS))
    canvas = np.zeros((CANVAS + 2 * width,) * 2, np.uint8)
    for stroke in strokes:
        path = np.round(((stroke - low) / extent * CANVAS + width) * 16).astype(np.int32)
        cv2.polylines(canvas, [path[[0, *range(len(path))]].reshape(-1, 1, 2)], False, 255, width, cv2.LINE_AA, 4)
    return normalization.normalize(canvas)


def _check(strokes: list[np.ndarray]) -> None:
    """Raises ValueError if there are no points, or points that are no finite numbers."""
    if sum(map(len, strokes)) > MOST_POINTS:
        raise ValueError(f"A drawing has at most {MOST_POINTS:,} points.")
    if not any(map(len, strokes)) or not all(np.isfinite(stroke).all() for stroke in strokes):
        raise ValueError("Strokes need at least one point, and finite numbers.")
    if not all(stroke.ndim == 2 and stroke.shape[1] == 2 for stroke in strokes):
        raise ValueError("A point is [x, y].")


def _label(value) -> int:
    """Return the label as a number, -1 for text that is not one; only 0..9 are digits."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() else -1
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("A label is a whole number or a text.")
    return value
