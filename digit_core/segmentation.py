"""The ink of a page -> its marks in reading order, and which of them may make one digit.

A *mark* is ink that hangs together, or pieces that surely belong to one digit (a bar
across a stem). Marks stand in rows, from left to right. Whether neighbours in a row are
two digits or the pieces of one cannot be seen from geometry alone: `groupings` lists
every way a row's neighbours may be joined, with the odds that geometry gives it, and
`best_path` picks a way through once somebody who knows digits has scored them. Knows
no model.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

INK = 64  # brightness from which a pixel holds a mark together
SPECK = 0.10  # a mark smaller than this share of the tallest, both ways, is dirt
SMALL = 0.3  # a mark smaller than this share of its row's tallest, both ways, is no digit by itself
THIN = 0.6  # a mark drawn with less than this share of the tallest's pen is a line on the paper
ALONE_COST = 5.0  # log-odds lost by a small or thin mark that stands for a digit
DROP_COST = 0.5  # log-odds lost by leaving such a mark out
MOST_MARKS = 500  # on a page; noise has hundreds of thousands
TOUCHING = 0.05  # gap over height below which marks of a column all but touch
STACKED = 0.5  # share of the narrower mark's width that marks of one digit have in common
MOST_PIECES = 4  # pieces that one digit may fall into
WIDEST = 1.8  # width over height of the widest joined digit
GAP_COST = 6.0  # log-odds lost for a gap as wide as the digit is high
FARTHEST = 0.3  # gap over height across which pieces may still be one digit


@dataclass(frozen=True)
class Mark:
    """A piece of ink: `box` is (x, y, width, height) on the page, `ink` uint8 (height, width)."""

    box: tuple[int, int, int, int]
    ink: np.ndarray

    @property
    def left(self) -> int:
        return self.box[0]

    @property
    def right(self) -> int:
        return self.box[0] + self.box[2]

    @property
    def top(self) -> int:
        return self.box[1]

    @property
    def bottom(self) -> int:
        return self.box[1] + self.box[3]

    @property
    def width(self) -> int:
        return self.box[2]

    @property
    def height(self) -> int:
        return self.box[3]


@dataclass(frozen=True)
class Grouping:
    """Marks `first` up to (not including) `last` of a row as one digit.

    `log_odds` is how much geometry speaks for it: 0 for a mark by itself.
    """

    first: int
    last: int
    mark: Mark
    log_odds: float


def find_rows(ink: np.ndarray) -> list[list[Mark]]:
    """The marks of a page, uint8 (height, width): rows from top to bottom, each from left to right."""
    rows = _into_rows(_connected(ink))
    if len(rows) > 1 and all(len(row) == 1 for row in rows):
        rows = _join_column([row[0] for row in rows])
    return [sorted(_join_stacked(row), key=_middle) for row in rows]


def groupings(row: Sequence[Mark]) -> list[Grouping]:
    """Every run of neighbours in a row that may be one digit, each mark by itself among them.

    A small or thin mark may be a piece of its neighbour, or a dot or line to be left out; both are listed.
    """
    tallest = max(row, key=lambda mark: mark.height)
    pen = _pen_width(tallest) if len(row) > 1 else 0.0
    small = [mark is not tallest and (_is_small(mark, tallest) or _pen_width(mark) < THIN * pen) for mark in row]
    found = [Grouping(i, i + 1, mark, -ALONE_COST * small[i]) for i, mark in enumerate(row)]
    for first in range(len(row)):
        for last in range(first + 2, min(first + MOST_PIECES, len(row)) + 1):
            pieces = row[first:last]
            joined = join(pieces)
            if _may_be_one(pieces, joined):
                found.append(Grouping(first, last, joined, _join_odds(pieces, joined)))
            whole = [index for index in range(first, last) if not small[index]]
            if len(whole) == 1:
                found.append(Grouping(first, last, row[whole[0]], -DROP_COST * (len(pieces) - 1)))
    return found


def best_path(candidates: Sequence[Grouping], scores: Sequence[float]) -> list[int]:
    """Indices of the groupings that cover a row once, from left to right, with the highest sum of scores."""
    end = max(candidate.last for candidate in candidates)
    best: list[tuple[float, list[int]]] = [(0.0, [])] + [(-np.inf, [])] * end
    for place in range(1, end + 1):
        for index, candidate in enumerate(candidates):
            if candidate.last == place:
                total, path = best[candidate.first]
                best[place] = max(best[place], (total + scores[index], [*path, index]))
    return best[end][1]


def join(marks: Sequence[Mark]) -> Mark:
    """Several marks as one."""
    left, top = min(m.left for m in marks), min(m.top for m in marks)
    right, bottom = max(m.right for m in marks), max(m.bottom for m in marks)
    ink = np.zeros((bottom - top, right - left), np.uint8)
    for mark in marks:
        window = ink[mark.top - top : mark.bottom - top, mark.left - left : mark.right - left]
        np.maximum(window, mark.ink, out=window)
    return Mark((left, top, right - left, bottom - top), ink)


def _connected(ink: np.ndarray) -> list[Mark]:
    """Ink that hangs together, each piece with the soft edge round it; specks are left out."""
    solid = (ink > INK).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(solid)
    if not width:
        return []  # OpenCV crashes on an array without pixels
    x0, y0 = max(x - 1, 0), max(y - 1, 0)
    part = np.s_[y0 : y + height + 1, x0 : x + width + 1]  # all that is inked, and the soft edge round it
    _, labels, stats, _ = cv2.connectedComponentsWithStats(solid[part], connectivity=8)
    marks = []
    for label in _large(stats):
        x, y, width, height, _ = stats[label].tolist()
        left, top = max(x - 1, 0), max(y - 1, 0)
        window = np.s_[top : y + height + 1, left : x + width + 1]
        own = cv2.dilate((labels[window] == label).astype(np.uint8), np.ones((3, 3), np.uint8))
        piece = ink[part][window] * own
        marks.append(Mark((x0 + left, y0 + top, piece.shape[1], piece.shape[0]), piece))
    return marks


def _large(stats: np.ndarray) -> list[int]:
    """Labels of the pieces that are no specks, the largest ones where there are very many."""
    sizes = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]  # without the paper, label 0
    longer = sizes.max(1)
    labels = 1 + np.flatnonzero(longer >= SPECK * sizes[:, 1].max())
    return labels[np.argsort(-longer[labels - 1], kind="stable")][:MOST_MARKS].tolist()


def _into_rows(marks: list[Mark]) -> list[list[Mark]]:
    """Tall marks found the rows; every small one goes to the row that it is nearest to."""
    rows: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda m: -m.height):
        near = [row for row in rows if _belongs(mark, row)]
        if near:
            min(near, key=lambda row: abs(_level(row) - (mark.top + mark.bottom) / 2)).append(mark)
        else:
            rows.append([mark])
    rows = [row for row in rows if len(row) > 1 or not _is_small(row[0], rows[0][0])]  # a dot is no row
    return sorted(rows, key=_level)


def _join_column(column: list[Mark]) -> list[list[Mark]]:
    """Rows from marks that stand alone over each other; those that all but touch are pieces of one digit."""
    rows = [column[:1]]
    for mark in column[1:]:
        above = rows[-1][-1]
        if mark.top - above.bottom < TOUCHING * min(mark.height, above.height) and _overlap(mark, above) > 0:
            rows[-1].append(mark)
        else:
            rows.append([mark])
    return [[join(row)] for row in rows]


def _belongs(mark: Mark, row: list[Mark]) -> bool:
    """Whether a mark stands level with a row's digits, or is a small piece just above or below one."""
    digits = [other for other in row if not _is_small(other, row[0])]  # a row begins with its tallest
    nearest = min(digits, key=lambda other: abs(_middle(other) - _middle(mark)))
    shared = min(mark.bottom, nearest.bottom) - max(mark.top, nearest.top)
    if shared >= 0.3 * mark.height:
        return True
    if -shared >= FARTHEST * nearest.height:
        return False
    small = mark.height < 0.5 * nearest.height
    return (small and _overlap(mark, nearest) > 0) or _is_small(mark, nearest)


def _is_small(mark: Mark, digit: Mark) -> bool:
    """Whether a mark is too small to be a digit beside that one."""
    return max(mark.width, mark.height) < SMALL * digit.height


def _pen_width(mark: Mark) -> float:
    """Pixels; in a straight line the mean distance to its edge is a quarter of its width."""
    solid = cv2.copyMakeBorder((mark.ink > INK).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distances = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    return 4 * float(distances[solid > 0].mean()) if solid.any() else 0.0


def _join_stacked(row: list[Mark]) -> list[Mark]:
    """Join marks that stand over each other rather than side by side, until none are left."""
    joined: list[Mark] = []
    for mark in sorted(row, key=_middle):
        stacked = [other for other in joined if _overlap(mark, other) > STACKED]
        joined = [other for other in joined if _overlap(mark, other) <= STACKED]
        joined.append(join([mark, *stacked]) if stacked else mark)
    return joined if len(joined) == len(row) else _join_stacked(joined)


def _may_be_one(pieces: Sequence[Mark], joined: Mark) -> bool:
    return joined.width <= WIDEST * joined.height and _widest_gap(pieces) <= FARTHEST * joined.height


def _join_odds(pieces: Sequence[Mark], joined: Mark) -> float:
    """The wider the gap between pieces, the less likely they are one digit."""
    return -GAP_COST * max(_widest_gap(pieces), 0) / joined.height


def _widest_gap(pieces: Sequence[Mark]) -> int:
    """Pixels from left to right between neighbours, the widest; negative where all overlap."""
    return max(after.left - before.right for before, after in itertools.pairwise(pieces))


def _overlap(a: Mark, b: Mark) -> float:
    """Share of the narrower mark's width that the other covers; negative for a gap."""
    return (min(a.right, b.right) - max(a.left, b.left)) / min(a.width, b.width)


def _middle(mark: Mark) -> float:
    return (mark.left + mark.right) / 2


def _level(row: list[Mark]) -> float:
    return float(np.median([(mark.top + mark.bottom) / 2 for mark in row]))
