"""Cut marks out of their picture: each mark's own ink, and its surroundings."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from digit_core.models.mark_format import FIELD, SIDE
from digit_core.models.page_format import SLOT_WIDTH, STRIDE
from digit_core.pictures import normalization
from digit_core.reading.mark_network import reach_of, view
from digit_core.reading.page_network import Detection

INKED = 0.4  # probability from which a pixel is ink
SHARPER = 3.0  # ink is cut out at up to this many times the level's resolution
FAINT = 6  # grey levels between ink and paper below which the network's mask is used


@dataclass(frozen=True)
class Cutouts:
    """What belongs to each of n marks.

    Attributes:
        inks: its own ink, uint8 (height, width) each.
        images: the same as classifier input, uint8 (n, 28, 28), all 0 where there is no ink.
        contrasts: (n,), 0..1: difference between ink and paper relative to the brighter of the two.
        views: the mark with its surroundings, as input of the mark network, uint8 (n, 44, 44, 2).
    """

    inks: list[np.ndarray]
    images: np.ndarray
    contrasts: np.ndarray
    views: np.ndarray


def cut_out(marks: Sequence[Detection], grey: np.ndarray) -> Cutouts:
    """Cut every mark out of the picture, uint8 (height, width)."""
    shape = (len(marks), normalization.SIDE, normalization.SIDE)
    cut = Cutouts([], np.zeros(shape, np.uint8), np.zeros(len(marks)), np.zeros((len(marks), SIDE, SIDE, 2), np.uint8))
    for place, others in enumerate(neighbours(marks) if marks else []):
        mark, (mask, corner) = marks[place], own_mask(marks[place], others)
        ink, cut.contrasts[place] = _sharp(mark, mask, corner, grey)
        cut.inks.append(ink)
        if ink.any():
            cut.images[place] = normalization.normalize(ink)
        cut.views[place] = view_of(mark, mask, corner, grey)
    return cut


def neighbours(marks: Sequence[Detection]) -> list[list[Detection]]:
    """For each mark the others whose ink may lie in its box."""
    x, y, reach = np.array([(mark.x, mark.y, max(mark.width, mark.height)) for mark in marks]).T
    found = []
    for place in range(len(marks)):
        near = np.maximum(np.abs(x - x[place]), np.abs(y - y[place])) < reach + reach[place]
        found.append([marks[other] for other in np.flatnonzero(near) if other != place])
    return found


def view_of(
    mark: Detection, mask: np.ndarray, corner: tuple[int, int], grey: np.ndarray, side: int = SIDE, field: float = FIELD
) -> np.ndarray:
    """A mark and its surroundings, uint8 (side, side, 2); `mask` and `corner` are its `own_mask`."""
    scale_x, scale_y = mark.answer.scale
    to_picture = corner[0] * scale_x, corner[1] * scale_y, scale_x, scale_y
    return view(grey, (mark.x, mark.y), reach_of(mark.width, mark.height, field), mask, to_picture, side)


def _sharp(mark: Detection, mask: np.ndarray, corner: tuple[int, int], grey: np.ndarray) -> tuple[np.ndarray, float]:
    """A mark's own ink, uint8 (height, width), 0 where there is none, at the picture's resolution but at most `SHARPER`
    times that of its level; and its contrast, 0..1."""
    scale_x, scale_y = mark.answer.scale
    left, top = corner
    height, width = mask.shape
    x0, y0 = max(round(left * scale_x), 0), max(round(top * scale_y), 0)
    x1, y1 = round((left + width) * scale_x), round((top + height) * scale_y)
    part = grey[y0:y1, x0:x1]
    inside = mask[max(-top, 0) :, max(-left, 0) :]  # the window may begin beyond the picture's edge
    inside = inside[: round(part.shape[0] / scale_y), : round(part.shape[1] / scale_x)]
    if not inside.size or inside.max() < 255 * INKED:
        return mask, 0.0
    finer = float(np.clip(min(scale_x, scale_y), 1, SHARPER))
    size = round(inside.shape[1] * finer), round(inside.shape[0] * finer)
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale_x >= 1 else cv2.INTER_CUBIC)
    return _sharpened(cv2.resize(inside, size, interpolation=cv2.INTER_LINEAR), part.astype(np.float32))


def _sharpened(mask: np.ndarray, grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Ink coverage of each pixel in a soft mask, interpolated between local paper and ink; and the contrast."""
    inked = mask.astype(np.float32) / 255
    ink = np.average(grey, weights=inked**2 + 1e-6)
    is_paper = (cv2.dilate(mask, np.ones((3, 3), np.uint8)) < 255 * INKED / 2).astype(np.float32) + 1e-3
    reach = (max(mask.shape) | 1,) * 2
    paper = cv2.blur(grey * is_paper, reach) / cv2.blur(is_paper, reach)
    depth = np.where(ink < paper, np.minimum(ink - paper, -1), np.maximum(ink - paper, 1))
    around = float(np.average(paper, weights=inked + 1e-6))
    contrast = abs(float(ink) - around) / max(float(ink), around, 1.0)
    if abs(float(ink) - around) < FAINT:
        return mask, contrast
    part = np.clip((grey - paper) / depth, 0, 1) * np.clip(3 * inked, 0, 1)
    return np.round(255 * part).astype(np.uint8), contrast


def own_mask(detection: Detection, others: Sequence[Detection]) -> tuple[np.ndarray, tuple[int, int]]:
    """A mark's ink as its level shows it, uint8 (height, width), and where on the level it begins (x, y).

    Every slot of the level points to the centre of the mark whose ink it holds; ink belongs to the mark whose
    centre is nearest to where it points.
    """
    answer = detection.answer
    (left, top), (scale_x, scale_y) = answer.offset, answer.scale
    centres = np.array([[d.x / scale_x - left, d.y / scale_y - top] for d in [detection, *others]]) - 0.5
    reach_x, reach_y = detection.width / scale_x / 2 + 4, detection.height / scale_y / 2 + 4
    x, y = centres[0]
    rows = slice(max(int((y - reach_y) / STRIDE), 0), int((y + reach_y) / STRIDE) + 1)
    columns = slice(max(int((x - reach_x) / SLOT_WIDTH), 0), int((x + reach_x) / SLOT_WIDTH) + 1)
    towards = answer.towards[rows, columns]
    distances = np.linalg.norm(towards[:, :, np.newaxis] - centres, axis=-1)
    own = (distances.argmin(-1) == 0).astype(np.uint8).repeat(STRIDE, 0).repeat(SLOT_WIDTH, 1)
    first = rows.start * STRIDE, columns.start * SLOT_WIDTH
    part = answer.ink[first[0] :, first[1] :][: own.shape[0], : own.shape[1]]
    own = own[: part.shape[0], : part.shape[1]]
    ink = np.where((own > 0) & (part > 255 * INKED / 2), part, 0).astype(np.uint8)
    return ink, (left + first[1], top + first[0])
