"""Non-maximum suppression, and text lines in reading order. Runs no model."""

from collections.abc import Sequence

import numpy as np

from digit_core.reading.page_network import Detection
from digit_core.reading.settings import ReadingSettings

MOST_MARKS = 500  # per page; bounds the cost of a hostile picture
OTHER_SIZE = 1.45  # height ratio above which two detections of a level may be part and whole


def suppressed(detections: Sequence[Detection], settings: ReadingSettings) -> list[Detection]:
    """Non-maximum suppression over all levels: keep the best of several detections of a mark or of its parts.

    Keeps at most `MOST_MARKS` detections, those with the highest scores.
    """
    ordered = sorted(detections, key=lambda d: -d.score)
    if not ordered:
        return []
    boxes = np.array([d.box for d in ordered])
    levels = np.array([d.answer.scale[0] for d in ordered])
    kept: list[int] = []
    for place in range(len(ordered)):
        if not kept or not _is_among(place, np.array(kept), boxes, levels, settings).any():
            kept.append(place)
            if len(kept) == MOST_MARKS:
                break
    return [ordered[place] for place in kept]


def _is_among(
    place: int, kept: np.ndarray, boxes: np.ndarray, levels: np.ndarray, settings: ReadingSettings
) -> np.ndarray:
    """Whether a detection shows the same mark as each of the kept ones, or one a part of the other's, bool (k,)."""
    own, others = boxes[place], boxes[kept]
    both, small, union = _areas(own, others)
    heights = others[:, 3] - others[:, 1], np.full(len(kept), own[3] - own[1])
    differs = np.maximum(*heights) > OTHER_SIZE * np.minimum(*heights)
    within = (both > settings.within_level * union) | (differs & (both > settings.part * small))
    both, small, union = _areas(_widened(own, settings.narrow), _widened(others, settings.narrow))
    between = (both > settings.between_levels * union) | (both > settings.part * small)
    return np.where(levels[kept] == levels[place], within, between)  # the network itself keeps a level's marks apart


def _widened(boxes: np.ndarray, narrow: float) -> np.ndarray:
    """Boxes (..., 4), made wider where they are narrow: two levels place a 1 a stroke's width apart."""
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    more = np.maximum(narrow * height - width, 0) / 2
    return np.stack([boxes[..., 0] - more, boxes[..., 1], boxes[..., 2] + more, boxes[..., 3]], -1)


def _areas(own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Areas of the intersection, the smaller box and the union of a box (4,) with each of `others` (k, 4)."""
    width = np.minimum(own[2], others[:, 2]) - np.maximum(own[0], others[:, 0])
    height = np.minimum(own[3], others[:, 3]) - np.maximum(own[1], others[:, 1])
    both = np.maximum(width, 0) * np.maximum(height, 0)
    first = (own[2] - own[0]) * (own[3] - own[1])
    second = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return both, np.minimum(first, second), first + second - both


def lines(marks: Sequence[Detection], settings: ReadingSettings) -> list[list[Detection]]:
    """Text lines from top to bottom, each from left to right; a common slope is taken out first."""
    if not marks:
        return []
    slope, usual = _slope(marks), float(np.median([mark.height for mark in marks]))
    found: list[list[Detection]] = []
    for mark in sorted(marks, key=lambda m: m.y - slope * m.x):
        level = mark.y - slope * mark.x
        last = np.mean([m.y - slope * m.x for m in found[-1]]) if found else 0
        if found and level - last < settings.line_distance * max(usual, mark.height, 0.9 * found[-1][-1].height):
            found[-1].append(mark)
        else:
            found.append([mark])
    return [sorted(line, key=lambda m: m.x) for line in found]


def with_signs(
    found: Sequence[Sequence[Detection]], signs: Sequence[Detection], settings: ReadingSettings
) -> tuple[list[list[Detection]], int]:
    """Text lines with their points and minus signs, at most one between two marks; and the number of signs left out:
    those on no line, and those next to a clearer one."""
    lines, strays = [list(line) for line in found], 0
    between: dict[tuple[int, int], Detection] = {}
    for sign in signs:
        place = _place_of(sign, found, settings)
        strays += place is None or place in between
        if place is not None:
            between[place] = max(between.get(place, sign), sign, key=lambda s: s.heat)
    for (number, before), sign in sorted(between.items(), key=lambda item: item[0], reverse=True):
        lines[number].insert(before, sign)
    return lines, strays


def _place_of(
    sign: Detection, lines: Sequence[Sequence[Detection]], settings: ReadingSettings
) -> tuple[int, int] | None:
    """The text line that a sign lies on, and the number of marks before it; None if it lies on none.

    A comma hangs below the marks beside it by up to half of their height.
    """
    for number, line in enumerate(lines):
        before = sum(mark.x < sign.x for mark in line)
        for mark in line[max(before - 1, 0) : before + 1]:
            gap = abs(mark.x - sign.x) - (mark.width + sign.width) / 2
            if gap < settings.beside * mark.height and abs(sign.y - mark.y) < mark.height:
                return number, before
    return None


def _slope(marks: Sequence[Detection]) -> float:
    """Slope of the lines, pixels down per pixel right: neighbours' median."""
    x, y, height = (np.array([getattr(mark, name) for mark in marks]) for name in ("x", "y", "height"))
    slopes = []
    for place in range(len(marks)):
        is_right = (x > x[place] + 0.2 * height[place]) & (
            np.abs(y - y[place]) < 0.6 * np.maximum(height[place], height)
        )
        if is_right.any():
            nearest = np.flatnonzero(is_right)[x[is_right].argmin()]
            slopes.append((y[nearest] - y[place]) / (x[nearest] - x[place]))
    return float(np.median(slopes)) if len(slopes) > 1 else 0.0
