"""Image pyramid, coarse to fine, and its uneven regions. Runs no model."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from digit_core.models.page_format import MULTIPLE
from digit_core.pictures import contrast

SIDES = (40, 80, 160, 320, 640, 1280)  # pixels of the levels' longest sides
MOST_ENLARGED = 3.0  # times that a small picture is enlarged at most
MARGIN = 32  # context pixels round a part: half of the largest mark, and a little
SMALL = 40  # pixels of a side up to which a level is always processed as a whole
TILE = 384  # maximum pixels of a tile's side

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of a level


@dataclass(frozen=True)
class Level:
    """One size of the picture.

    Attributes:
        grey: uint8 (height, width).
        scale: pixels of the picture a pixel of the level, along x and y.
    """

    grey: np.ndarray
    scale: tuple[float, float]

    def uneven(self, evenness: int) -> np.ndarray:
        """Where there is something to see, bool (height, width): grey differs by more than `evenness` levels."""
        around = np.ones((3, 3), np.uint8)
        return cv2.subtract(cv2.dilate(self.grey, around), cv2.erode(self.grey, around)) > evenness

    def tiles(self, box: Box) -> list[Box]:
        """Split a part of the level into tiles of at most `TILE` pixels a side, processed one by one.

        Small inputs fit in the processor's cache: a one-megapixel level takes a third of the time.
        """
        left, top, right, bottom = box
        columns, rows = (
            np.linspace(a, b, -(-(b - a) // TILE) + 1).astype(int) for a, b in ((left, right), (top, bottom))
        )
        return [
            (int(x0), int(y0), int(x1), int(y1))
            for y0, y1 in itertools.pairwise(rows)
            for x0, x1 in itertools.pairwise(columns)
        ]

    def window(self, box: Box) -> tuple[np.ndarray, tuple[int, int]]:
        """The network's input for a part of the level, and where its first pixel lies (x, y).

        The input includes `MARGIN` pixels of context; beyond the picture's edge it is padded with paper.

        Returns:
            float32 (height, width), multiples of 16; and the offset.
        """
        if max(self.grey.shape) <= SMALL:
            box = 0, 0, self.grey.shape[1], self.grey.shape[0]
        left, top, right, bottom = box[0] - MARGIN, box[1] - MARGIN, box[2] + MARGIN, box[3] + MARGIN
        right += -(right - left) % MULTIPLE
        bottom += -(bottom - top) % MULTIPLE
        height, width = self.grey.shape
        more = contrast.WINDOW // 2  # contrast is taken over what lies round the window
        rows = slice(max(top - more, 0), min(bottom + more, height))
        columns = slice(max(left - more, 0), min(right + more, width))
        beyond = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
        local = contrast.normalize(contrast.extend(self.grey[rows, columns], *beyond))
        y, x = top + beyond[0] - rows.start, left + beyond[2] - columns.start  # of the window within `local`
        return np.ascontiguousarray(local[y : y + bottom - top, x : x + right - left]), (left, top)


def levels(grey: np.ndarray) -> Iterator[Level]:
    """The levels of a picture, uint8 (height, width), coarse to fine; each is made when it is asked for."""
    longest = max(grey.shape)
    sides = [side for side in SIDES if side <= MOST_ENLARGED * longest] or [SIDES[0]]
    source = _resized(grey, sides[-1] / longest) if sides[-1] < longest else grey  # large pictures are reduced once
    for side in sides:
        small = _resized(source, side / max(source.shape))
        scale = grey.shape[1] / small.shape[1], grey.shape[0] / small.shape[0]
        yield Level(small, scale)


def _resized(grey: np.ndarray, scale: float) -> np.ndarray:
    size = max(4, round(grey.shape[1] * scale)), max(4, round(grey.shape[0] * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
