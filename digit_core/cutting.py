"""Where digits that touch may be cut apart: seams of least ink from top to bottom of a mark.

A seam is a path that goes down one row at a time and to the side by one pixel at most
(Avidan, Shamir: Seam Carving for Content-Aware Image Resizing, 2007). It winds through
the gaps between digits that lean over each other, and crosses strokes where they are
thinnest. Too many seams are given rather than too few: whoever knows digits scores the
pieces. Knows no model.
"""

from dataclasses import dataclass

import cv2
import numpy as np

ROWS = 48  # height to which a higher mark is reduced before seams are looked for
LOWEST = 12  # pixels; a lower mark is not cut
WIDEST = 12  # width over height; what is wider is a line, not digits that touch
STEP = 0.02  # cost of one row of paper; a row of full ink costs 1
SIDESTEP = 0.03  # added for a step to the side: a seam is straight where nothing stands in its way
DEAREST = 0.55  # cost over height above which a seam runs along a stroke rather than across it
APART = 0.11  # mean distance over height of neighbouring seams, and of a seam from the mark's ends
A_HEIGHT = 7  # seams at most in a piece as wide as it is high


@dataclass(frozen=True)
class Seam:
    """A way down a mark: `columns` int (height,), the first one right of it in each row; `cost` in heights of ink."""

    columns: np.ndarray
    cost: float


def seams(ink: np.ndarray) -> list[Seam]:
    """Seams through a mark's ink, uint8 (height, width), from left to right; few where it is narrow."""
    height, width = ink.shape
    if height < LOWEST or not 2 * APART * height <= width <= WIDEST * height:
        return []
    rows = min(height, ROWS)
    scale = rows / height
    columns = round(width * scale)
    small = cv2.resize(ink, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    down, from_above = _cheapest(small)  # (rows, columns) each
    up, from_below = _cheapest(small[::-1])
    middle = rows // 2
    total = down[middle] + up[rows - 1 - middle] - small[middle]
    found: list[tuple[float, np.ndarray]] = []
    for column in np.argsort(total, kind="stable"):
        if total[column] > DEAREST * rows or len(found) >= A_HEIGHT * columns / rows:
            break
        path = _trace(from_above, from_below, middle, int(column))
        if min(path.mean(), columns - path.mean()) < APART * rows:
            continue
        if all(np.abs(path - other).mean() >= APART * rows for _, other in found):
            found.append((float(total[column]) / rows, path))
    nearest = np.minimum((np.arange(height) * scale).astype(int), rows - 1)
    return [Seam(np.round((path[nearest] + 0.5) / scale).astype(int), cost) for cost, path in sorted(found, key=_place)]


def cut(ink: np.ndarray, left: Seam | None, right: Seam | None) -> np.ndarray:
    """The ink between two seams, uint8 (height, width), all else 0; None stands for the mark's own end."""
    columns = np.arange(ink.shape[1])[np.newaxis]
    keep = np.ones(ink.shape, bool)
    if left:
        keep &= columns >= left.columns[:, np.newaxis]
    if right:
        keep &= columns < right.columns[:, np.newaxis]
    return np.where(keep, ink, 0).astype(np.uint8)


def _cheapest(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(cost of the cheapest way from the first row to each pixel, the sidestep -1, 0, 1 by which it arrives)."""
    cost = np.empty_like(ink)
    arrival = np.zeros(ink.shape, np.int8)
    cost[0] = ink[0] + STEP
    far = np.float32(1e9)
    for row in range(1, len(ink)):
        straight = cost[row - 1]
        from_left = np.concatenate([[far], straight[:-1]]) + SIDESTEP
        from_right = np.concatenate([straight[1:], [far]]) + SIDESTEP
        ways = np.stack([straight, from_left, from_right])
        best = ways.argmin(0)
        cost[row] = ways.min(0) + ink[row] + STEP
        arrival[row] = np.array([0, 1, -1], np.int8)[best]
    return cost, arrival


def _trace(from_above: np.ndarray, from_below: np.ndarray, middle: int, column: int) -> np.ndarray:
    """The columns of the cheapest way through a pixel of the middle row, one a row."""
    rows = len(from_above)
    path = np.empty(rows, int)
    path[middle] = column
    for row in range(middle, 0, -1):
        path[row - 1] = path[row] - from_above[row, path[row]]
    for row in range(middle, rows - 1):
        path[row + 1] = path[row] - from_below[rows - 1 - row, path[row]]
    return path


def _place(seam: tuple[float, np.ndarray]) -> float:
    return float(seam[1].mean())
