"""The ink of a page -> its marks in reading order, and which of them may make one digit.

A *mark* is ink that hangs together. Marks stand in rows, from left to right. Whether a mark is
one digit, a piece of one, or several that touch cannot be seen from geometry alone. So a mark
may be cut into *pieces* (`cutting`), `groupings` lists every way a row's neighbouring pieces may
be joined, with the odds that geometry gives it, and `best_path` picks a way through once
somebody who knows digits has scored them. Knows no model.
"""

import itertools
from collections.abc import Container, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from digit_core import cutting

INK = 64  # brightness from which a pixel holds a mark together
SPECK = 0.10  # a mark smaller than this share of the tallest, both ways, is dirt
SMALL = 0.3  # a mark smaller than this share of its row's tallest, both ways, is no digit by itself
THIN = 0.6  # a mark drawn with less than this share of the tallest's pen is a line on the paper
ALONE_COST = 5.0  # log-odds lost by a small or thin mark that stands for a digit
DROP_COST = 0.5  # log-odds lost by leaving such a mark out
MOST_MARKS = 500  # on a page; noise has hundreds of thousands
LARGEST_JOINED = 20_000_000  # pixels of all joined marks of a row; hatching overlaps without end
MOST_PIECES = 8  # pieces that one digit may fall into
WIDEST = 1.8  # width over its row's height of the widest joined digit
WIDTH = 0.8  # width over its row's height up to which a digit is not wide
GAP_COST = 6.0  # log-odds lost for a gap as wide as the row is high
MOST_STACKED = 3  # marks over each other that may be one digit
OVERLAP = 0.5  # share of the narrower mark's columns above which marks stand over each other
STACKED_ODDS = 3.0  # log-odds that marks right over each other are one digit rather than rows of one digit each
FARTHEST = 0.3  # gap over height across which pieces may still be one digit
NARROW_COST = 2.0  # log-odds lost by every seam in a mark that is no wider than a digit
INK_COST = 2.0  # log-odds lost by a seam through as much ink as the mark is high


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
class Piece:
    """A mark of a row, or a part of one between two seams.

    Attributes:
        mark: its ink.
        whole: index in the row of the mark that it is a part of.
        seams: costs of the seams to its left and right; 0 at an end of the mark.
    """

    mark: Mark
    whole: int
    seams: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Grouping:
    """Pieces `first` up to (not including) `last` of a row as one digit.

    `log_odds` is how much geometry speaks for it: 0 for a mark by itself. `entire` tells that no
    mark was cut for it. `room` is the number of digits for which it is wide enough, at least 1: a
    doubt about much ink must weigh as much as doubts about all the pieces that it could be cut into.
    """

    first: int
    last: int
    mark: Mark
    log_odds: float
    entire: bool = True
    room: float = 1.0


def find_rows(ink: np.ndarray) -> list[list[Mark]]:
    """The marks of a page, uint8 (height, width): rows from top to bottom, each from left to right."""
    return [sorted(row, key=_middle) for row in _into_rows(_connected(ink))]


def pieces(row: Sequence[Mark], to_cut: Container[int] = ()) -> list[Piece]:
    """A row's marks in order, those at the indices `to_cut` in as many pieces as seams allow."""
    found: list[Piece] = []
    for index, mark in enumerate(row):
        seams = cutting.seams(mark.ink) if index in to_cut else []
        base = NARROW_COST if mark.width < WIDTH * mark.height else 0.0
        ends = [None, *seams, None]
        for left, right in itertools.pairwise(ends):
            part = _tight(mark, cutting.cut(mark.ink, left, right)) if seams else mark
            if part:
                costs = tuple((base + INK_COST * seam.cost) / 2 if seam else 0.0 for seam in (left, right))
                found.append(Piece(part, index, costs))
    return found


def groupings(row: Sequence[Piece]) -> list[Grouping]:
    """Every run of neighbours in a row that may be one digit, each mark by itself among them.

    A small or thin mark may be a piece of its neighbour, or a dot or line to be left out; both are listed.
    """
    tallest = max((piece.mark for piece in row), key=lambda mark: mark.height)
    height = _row_height(row)
    pen = _pen_width(tallest) if len(row) > 1 else 0.0
    small = [_is_left_over(piece, tallest, pen) for piece in row]
    found, budget = [], LARGEST_JOINED
    for first in range(len(row)):
        for last in range(first + 1, len(row) + 1):
            run = row[first:last]
            one_mark, entire = run[0].whole == run[-1].whole, _is_entire(row, first, last)
            if len(run) > MOST_PIECES and not (one_mark and entire):
                if one_mark:
                    continue
                break
            whole_mark = len(run) == 1 or (one_mark and entire)
            width, tall = _extent([piece.mark for piece in run])
            if whole_mark or (_may_be_one(run, width, max(tall, height)) and budget > 0):
                budget -= 0 if len(run) == 1 else width * tall
                joined = join([piece.mark for piece in run]) if len(run) > 1 else run[0].mark
                little = ALONE_COST * (len(run) == 1 and small[first])
                odds = _join_odds(run, max(tall, height)) - little
                found.append(Grouping(first, last, joined, odds, entire, _room(joined, height)))
            whole = [piece.mark for piece, little in zip(run, small[first:last], strict=True) if not little]
            if len(whole) == 1 < len(run) <= MOST_PIECES and entire:
                odds = -DROP_COST * (len(run) - 1)
                found.append(Grouping(first, last, whole[0], odds, True, _room(whole[0], height)))
    return found


def stackings(column: Sequence[Mark]) -> list[Grouping]:
    """Marks that stand alone over each other: each by itself, and neighbours that may be one digit's pieces."""
    found = [Grouping(i, i + 1, mark, 0.0) for i, mark in enumerate(column)]
    for first in range(len(column)):
        for last in range(first + 2, min(first + MOST_STACKED, len(column)) + 1):
            run = column[first:last]
            gap = max(_gap_below(above, below) for above, below in itertools.pairwise(run))
            if gap <= FARTHEST and all(_overlap(above, below) > 0 for above, below in itertools.pairwise(run)):
                found.append(Grouping(first, last, join(run), STACKED_ODDS - GAP_COST * gap))
    return found


def best_path(candidates: Sequence[Grouping], scores: Sequence[float]) -> list[int]:
    """Indices of the groupings that cover a row once, from left to right, with the highest sum of scores."""
    end = max(candidate.last for candidate in candidates)
    ending: list[list[int]] = [[] for _ in range(end + 1)]
    for index, candidate in enumerate(candidates):
        ending[candidate.last].append(index)
    best, last_step = np.full(end + 1, -np.inf), np.zeros(end + 1, int)
    best[0] = 0.0
    for place in range(1, end + 1):
        totals = [best[candidates[index].first] + scores[index] for index in ending[place]]
        if totals:
            step = int(np.argmax(totals))
            best[place], last_step[place] = totals[step], ending[place][step]
    path = []
    while end:
        path.append(int(last_step[end]))
        end = candidates[path[-1]].first
    return path[::-1]


def aligned_path(candidates: Sequence[Grouping], scores: np.ndarray) -> list[int] | None:
    """Indices of groupings that cover a row once, as many as there are known marks, with the highest sum of scores.

    Args:
        scores: float (candidates, marks): how well each grouping would be each mark, in order from the left.

    Returns:
        For every mark its grouping, or None where the row cannot be covered so.
    """
    end, count = max(candidate.last for candidate in candidates), scores.shape[1]
    best = np.full((count + 1, end + 1), -np.inf)  # after so many marks, at so many pieces
    step = np.zeros((count + 1, end + 1), int)
    best[0, 0] = 0.0
    for mark in range(count):
        for index, candidate in enumerate(candidates):
            total = best[mark, candidate.first] + scores[index, mark]
            if total > best[mark + 1, candidate.last]:
                best[mark + 1, candidate.last], step[mark + 1, candidate.last] = total, index
    if best[count, end] == -np.inf:
        return None
    path, place = [], end
    for mark in range(count, 0, -1):
        path.append(int(step[mark, place]))
        place = candidates[path[-1]].first
    return path[::-1]


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


def _tight(mark: Mark, ink: np.ndarray) -> Mark | None:
    """Part of a mark's ink as a mark of its own, without the empty paper round it; None for no ink."""
    x, y, width, height = cv2.boundingRect((ink > INK).astype(np.uint8))
    if not width:
        return None
    left, top = max(x - 1, 0), max(y - 1, 0)
    part = ink[top : y + height + 1, left : x + width + 1]
    return Mark((mark.left + left, mark.top + top, part.shape[1], part.shape[0]), part)


def _is_left_over(piece: Piece, tallest: Mark, pen: float) -> bool:
    """Whether an uncut mark is too small or too thin to be a digit of its row."""
    if piece.mark is tallest or any(piece.seams):
        return False
    return _is_small(piece.mark, tallest) or _pen_width(piece.mark) < THIN * pen


def _is_entire(row: Sequence[Piece], first: int, last: int) -> bool:
    """Whether a run of pieces holds all of every mark that it touches."""
    before = first > 0 and row[first - 1].whole == row[first].whole
    after = last < len(row) and row[last].whole == row[last - 1].whole
    return not before and not after


def _row_height(row: Sequence[Piece]) -> float:
    """Pixels, from marks that are not cut; what is under half as high as the tallest does not count."""
    marks = [[piece.mark for piece in run] for _, run in itertools.groupby(row, lambda piece: piece.whole)]
    heights = np.array([_extent(mark)[1] for mark in marks])
    return float(np.median(heights[heights >= heights.max() / 2]))


def _extent(marks: Sequence[Mark]) -> tuple[int, int]:
    """Width and height of several marks together."""
    left, right = min(m.left for m in marks), max(m.right for m in marks)
    return right - left, max(m.bottom for m in marks) - min(m.top for m in marks)


def _room(mark: Mark, height: float) -> float:
    return max(mark.width / (WIDTH * max(mark.height, height)), 1.0)


def _may_be_one(run: Sequence[Piece], width: int, height: float) -> bool:
    """`height`: of the row, or of what is joined where that is higher, for a digit may be all in pieces."""
    return width <= WIDEST * height and _widest_gap(run) <= FARTHEST * height


def _join_odds(run: Sequence[Piece], height: float) -> float:
    """The wider the gap between pieces and the more ink its ends cut, the less likely they are one digit.

    Marks over each other stand in nobody's row: that they are one is likely from the outset.
    """
    odds = -GAP_COST * _widest_gap(run) / height - run[0].seams[0] - run[-1].seams[1]
    return odds + STACKED_ODDS * (len(run) > 1 and _are_stacked(run))


def _are_stacked(run: Sequence[Piece]) -> bool:
    """Whether whole marks stand over each other: they share columns, and hardly a row."""
    pairs = [(a.mark, b.mark) for a, b in itertools.pairwise(run) if a.whole != b.whole]
    return bool(pairs) and all(_overlap(a, b) > OVERLAP and _shared_rows(a, b) < 1 - OVERLAP for a, b in pairs)


def _shared_rows(a: Mark, b: Mark) -> float:
    """Share of the lower mark's height that the other one has too; negative for a gap."""
    return (min(a.bottom, b.bottom) - max(a.top, b.top)) / min(a.height, b.height)


def _widest_gap(run: Sequence[Piece]) -> int:
    """Pixels from left to right between neighbouring marks, the widest; 0 where all overlap."""
    pairs = [(a.mark, b.mark) for a, b in itertools.pairwise(run) if a.whole != b.whole]
    return max([0, *(after.left - before.right for before, after in pairs)])


def _overlap(a: Mark, b: Mark) -> float:
    """Share of the narrower mark's width that the other covers; negative for a gap."""
    return (min(a.right, b.right) - max(a.left, b.left)) / min(a.width, b.width)


def _gap_below(above: Mark, below: Mark) -> float:
    """The paper between two marks over each other, in heights of the higher one; 0 where they overlap."""
    return max(below.top - above.bottom, 0) / max(above.height, below.height)


def _middle(mark: Mark) -> float:
    return (mark.left + mark.right) / 2


def _level(row: list[Mark]) -> float:
    return float(np.median([(mark.top + mark.bottom) / 2 for mark in row]))
