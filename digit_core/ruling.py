"""Ruled paper and tables: find their lines in a page's ink, take them out, mend what they cut.

A line is long, thin and straight, and runs nearly from edge to edge; where there are
several, they may be shorter. A page on which nothing else is written keeps its lines: one of them may be a
digit. Ink is `uint8 (height, width)`, bright on 0. Knows no digit and no model.
"""

from dataclasses import dataclass

import cv2
import numpy as np

INK = 64  # brightness from which a pixel is ink
SMALLEST = 120  # pixels; a smaller picture shows a digit, not a page
RUN = 24  # pixels in a row of which a line is made up; a line may fall by its own width over that length
GAP = 9  # pixels over which a line may be broken
ACROSS = 0.93  # share of the page over which a line runs
SHORTER = 0.5  # the same for lines of which there are several
THINNEST, THIN = 6.0, 0.008  # a line's width at most: so many pixels, or such a share of the page
STRAIGHT = 1.5  # pixels, distance from the straight line, above half the width
FITS = 4  # of a straight line, each without what lies far from the last: strokes that run along it
EDGE = 2  # pixels of soft edge on each side of a line
MARK = 0.03  # height over the page's of the least that counts as written


@dataclass(frozen=True)
class _Line:
    """Row of its middle in every column, float (width,); `first` and `last` column; width in pixels."""

    rows: np.ndarray
    first: int
    last: int
    width: float


def without_lines(ink: np.ndarray) -> np.ndarray:
    """The ink without ruled lines, level or upright; where a stroke crosses one it stays whole."""
    height, width = ink.shape
    if min(height, width) < SMALLEST:
        return ink
    x, y, w, h = cv2.boundingRect((ink > INK).astype(np.uint8))
    part = np.s_[y : y + h, x : x + w]
    lesser = _without_level_lines(ink[part], width) if w >= SHORTER * width else ink[part]
    if h >= SHORTER * height:
        lesser = _without_level_lines(np.ascontiguousarray(lesser.T), height).T
    if np.array_equal(lesser, ink[part]) or not _is_written(lesser):
        return ink
    rest = ink.copy()
    rest[part] = lesser
    return rest


def _without_level_lines(ink: np.ndarray, page: int) -> np.ndarray:
    """`page`: the whole page's width."""
    lines = _level_lines(ink, page)
    rest = ink.copy() if lines else ink
    for line in lines:
        _take_out(rest, line)
    return rest


def _level_lines(ink: np.ndarray, page: int) -> list[_Line]:
    solid = cv2.threshold(ink, INK, 255, cv2.THRESH_BINARY)[1]
    runs = cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((1, RUN), np.uint8))
    joined = cv2.dilate(runs, np.ones((3, 2 * GAP + 1), np.uint8))
    if not joined.any():
        return []
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    wide = 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_WIDTH] >= SHORTER * page)
    found = [line for label in wide if (line := _fit(runs, labels, label, stats[label], page))]
    several = len(found) > 1
    return [line for line in found if line.last - line.first >= (SHORTER if several else ACROSS) * page]


def _fit(runs: np.ndarray, labels: np.ndarray, label: int, stats: np.ndarray, page: int) -> _Line | None:
    """The straight line through a component's runs; None where they are no line."""
    x, y, width, height, _ = stats.tolist()
    own = (runs[y : y + height, x : x + width] > 0) & (labels[y : y + height, x : x + width] == label)
    columns = np.flatnonzero(own.any(0))
    counts = own[:, columns].sum(0)
    middles = (own[:, columns] * np.arange(height)[:, np.newaxis]).sum(0) / counts
    thickness = float(np.median(counts))
    near = np.ones(len(columns), bool)
    for _ in range(FITS):
        slope, start = np.polyfit(columns[near], middles[near], 1)
        near = np.abs(middles - start - slope * columns) <= thickness / 2 + STRAIGHT
        if near.sum() < 2:
            return None
    if thickness > max(THINNEST, THIN * page) or near.sum() < SHORTER * page:
        return None
    everywhere = y + start + slope * (np.arange(runs.shape[1]) - x)
    return _Line(everywhere, x + int(columns[near][0]), x + int(columns[near][-1]) + 1, thickness)


def _take_out(ink: np.ndarray, line: _Line) -> None:
    """Clear the band of a line, but for the columns in which a stroke goes in above and out below."""
    half = line.width / 2 + EDGE
    columns = np.arange(max(line.first, 0), min(line.last, ink.shape[1]))
    tops = np.floor(line.rows[columns] - half).astype(int)
    depth = int(np.ceil(2 * half)) + 1
    band = np.clip(tops + np.arange(depth)[:, np.newaxis], 0, len(ink) - 1)  # (depth, columns)
    above = _inked(ink, columns, (tops - 2, tops - 1))
    below = _inked(ink, columns, (tops + depth, tops + depth + 1))
    gone = ~(above & below)
    ink[band[:, gone], columns[gone]] = 0


def _inked(ink: np.ndarray, columns: np.ndarray, rows: tuple[np.ndarray, ...]) -> np.ndarray:
    """Whether each column, or one near it, has ink in its rows: bool (columns,). Rows off the page have none."""
    inside = [(row >= 0) & (row < len(ink)) for row in rows]
    found = [np.where(ok, ink[np.clip(r, 0, len(ink) - 1), columns], 0) for r, ok in zip(rows, inside, strict=True)]
    values = np.maximum.reduce(found).astype(np.uint8)[np.newaxis]
    return cv2.dilate(values, np.ones((1, 2 * EDGE + 1), np.uint8))[0] > INK


def _is_written(ink: np.ndarray) -> bool:
    """Whether anything as large as a digit is left."""
    solid = (ink > INK).astype(np.uint8)
    if not solid.any():
        return False
    stats = cv2.connectedComponentsWithStats(solid, connectivity=8)[2]
    return bool((stats[1:, cv2.CC_STAT_HEIGHT] >= MARK * max(ink.shape)).any())
