"""A tile of a synthetic page: its ink, the mark that each ink pixel belongs to, printed lines, show-through.

`composition` fills it, `photography` renders it, and `page_targets` makes the training targets.
"""

import itertools
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from digit_core.data.marks import INKED

TILE = 160  # pixels of a tile's side


@dataclass(frozen=True)
class Mark:
    """One mark of a scene; pixel coordinates of its ink's box, which may reach beyond the tile."""

    label: int  # 0..9, OTHER, POINT or MINUS
    left: float
    top: float
    width: float
    height: float
    size: float  # pixels: decides which level should find it
    visible: float  # fraction of the box that lies on the tile

    @property
    def centre(self) -> tuple[float, float]:
        return self.left + self.width / 2 - 0.5, self.top + self.height / 2 - 0.5


def _tilted(mark: Mark, matrix: np.ndarray) -> Mark:
    """Transform a mark by a homography (3, 3); the midpoints of its sides define the new box."""
    (x, y), half = mark.centre, np.array([mark.width, mark.height]) / 2
    middles = np.array([[x - half[0], y], [x + half[0], y], [x, y - half[1]], [x, y + half[1]]])
    left, right, top, bottom = cv2.perspectiveTransform(middles[np.newaxis], matrix)[0]
    first, last = np.array([left[0], top[1]]) + 0.5, np.array([right[0], bottom[1]]) + 0.5
    width, height = (float(side) for side in last - first)
    seen = np.clip(np.minimum(last, TILE) - np.maximum(first, 0), 0, None)
    return replace(
        mark,
        left=float(first[0]),
        top=float(first[1]),
        width=width,
        height=height,
        size=mark.size * height / mark.height,
        visible=min(mark.visible, float(seen.prod() / (width * height))),
    )


@dataclass
class Scene:
    """Ink and lines of a tile, uint8 (TILE, TILE).

    `owner` holds, for each pixel, 1 + the index of the mark whose ink it is, or 0; `behind` the ink of the sheet's
    other side, which shows through and is no mark.
    """

    ink: np.ndarray = field(default_factory=lambda: np.zeros((TILE, TILE), np.uint8))
    owner: np.ndarray = field(default_factory=lambda: np.zeros((TILE, TILE), np.int16))
    lines: np.ndarray = field(default_factory=lambda: np.zeros((TILE, TILE), np.uint8))
    behind: np.ndarray | None = None
    marks: list[Mark] = field(default_factory=list)
    pen: float = 2.0

    def put(self, mask: np.ndarray, x: float, y: float, label: int, size: float | None = None) -> None:
        """Add a mask with the middle of its ink at (x, y); `size` if other marks decide the level."""
        left, top, width, height = cv2.boundingRect((mask > INKED).astype(np.uint8))
        if not width:
            return
        x0, y0 = round(x - left - (width - 1) / 2), round(y - top - (height - 1) / 2)
        rows = slice(max(y0, 0), min(y0 + mask.shape[0], TILE))
        columns = slice(max(x0, 0), min(x0 + mask.shape[1], TILE))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        part = mask[rows.start - y0 : rows.stop - y0, columns.start - x0 : columns.stop - x0]
        seen_wide = min(x0 + left + width, TILE) - max(x0 + left, 0)
        seen_high = min(y0 + top + height, TILE) - max(y0 + top, 0)
        visible = max(seen_wide, 0) * max(seen_high, 0) / (width * height)
        if visible > 0:
            own = max(height, 0.6 * width) if size is None else size
            self.marks.append(Mark(label, x0 + left, y0 + top, width, height, float(own), visible))
            self.owner[rows, columns][(part > INKED) & (part >= self.ink[rows, columns])] = len(self.marks)
        np.maximum(self.ink[rows, columns], part, out=self.ink[rows, columns])

    def is_free(self, x: float, y: float, width: float, height: float) -> bool:
        """Whether a mark of that size at (x, y) would hardly overlap the others."""
        for mark in self.marks:
            over_x = (width + mark.width) / 2 - abs(x - mark.centre[0])
            over_y = (height + mark.height) / 2 - abs(y - mark.centre[1])
            if over_x > 0.1 * min(width, mark.width) and over_y > 0.1 * min(height, mark.height):
                return False
        return True

    def rule(self, x0: float, y0: float, x1: float, y1: float, pen: float, handmade: bool = False) -> None:
        """A straight line from (x0, y0) to (x1, y1), printed or drawn; it is no mark."""
        target = self.ink if handmade else self.lines
        drawn = np.zeros_like(target) if pen < 1 else target
        ends = np.round(np.array([[x0, y0], [x1, y1]]) * 16).astype(int).tolist()
        cv2.line(drawn, tuple(ends[0]), tuple(ends[1]), 255, max(1, round(pen)), cv2.LINE_AA, 4)
        if pen < 1:
            np.maximum(target, (drawn * pen).astype(np.uint8), out=target)

    def frame(self, left: float, top: float, right: float, bottom: float, pen: float, handmade: bool = False) -> None:
        """A box."""
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        for (x0, y0), (x1, y1) in itertools.pairwise(corners):
            self.rule(x0, y0, x1, y1, pen, handmade)

    def speck(self, x: float, y: float, radius: float) -> None:
        """A dot that is no mark: dirt, or the dot of a dotted line."""
        cv2.circle(self.ink, (int(x * 4), int(y * 4)), int(4 * max(radius, 0.5)), 255, -1, cv2.LINE_AA, 2)

    def turn(self, turns: int) -> None:
        """Turn everything by so many quarter turns to the left."""
        self.ink, self.owner, self.lines = (
            np.ascontiguousarray(np.rot90(array, turns)) for array in (self.ink, self.owner, self.lines)
        )
        for _ in range(turns % 4):
            self.marks = [
                replace(m, left=m.top, top=TILE - m.left - m.width, width=m.height, height=m.width) for m in self.marks
            ]

    def tilt(self, corners: np.ndarray) -> None:
        """Apply the perspective of a camera held at an angle: move the tile's corners, clockwise from the first
        pixel, to these pixels, (4, 2)."""
        before = np.array([[0, 0], [TILE, 0], [TILE, TILE], [0, TILE]], np.float32)
        matrix = cv2.getPerspectiveTransform(before, corners.astype(np.float32))
        self.ink, self.lines = (cv2.warpPerspective(array, matrix, (TILE, TILE)) for array in (self.ink, self.lines))
        self.owner = cv2.warpPerspective(self.owner, matrix, (TILE, TILE), flags=cv2.INTER_NEAREST)
        self.marks = [_tilted(mark, matrix) for mark in self.marks]

    def enlarged(self, times: int) -> "Scene":
        """Enlarge the scene `times` times; the show-through keeps its scale and is tiled to cover it."""
        side = TILE * times

        def grown(array: np.ndarray, interpolation: int) -> np.ndarray:
            return cv2.resize(array, (side, side), interpolation=interpolation)

        return Scene(
            ink=grown(self.ink, cv2.INTER_CUBIC),
            owner=grown(self.owner, cv2.INTER_NEAREST),
            lines=grown(self.lines, cv2.INTER_CUBIC),
            behind=None if self.behind is None else np.tile(self.behind, (times, times)),
            marks=[
                replace(m, left=m.left * times, top=m.top * times, width=m.width * times, height=m.height * times,
                        size=m.size * times)
                for m in self.marks
            ],
            pen=self.pen * times,
        )  # fmt: skip

    def copy(self) -> "Scene":
        return replace(
            self, ink=self.ink.copy(), owner=self.owner.copy(), lines=self.lines.copy(), marks=list(self.marks)
        )
