"""Page network inference: a level of the pyramid -> detections with box, class and ink. LiteRT only."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from digit_core.models.litert import Interpreters
from digit_core.models.page_format import (
    CLASSES,
    NATIVE,
    OFFSET_UNIT,
    OTHER,
    SIZE_UNIT,
    SLOT_WIDTH,
    STRIDE,
    TOLERATED,
    ink_logits,
    slot_centres,
    slots,
)
from digit_core.reading.pyramid import Box, Level

KEPT = 10  # idle interpreters
ROOM = 300_000  # total pixels of their largest inputs; about 130 bytes of memory each
EDGE = 1.5  # decay rate of the score for detections outside a level's size range


@dataclass(frozen=True)
class Answer:
    """The network's output for a window of a level.

    Attributes:
        ink: probabilities uint8 (height, width), 0..255.
        towards: float32 (height / 4, width / 2, 2): where each slot's mark has its centre, x and y in window pixels.
        offset: (x, y) of the window's first pixel on the level.
        scale: pixels of the picture a pixel of the level.
    """

    ink: np.ndarray
    towards: np.ndarray
    offset: tuple[int, int]
    scale: tuple[float, float]


@dataclass(frozen=True)
class Detection:
    """One mark; centre and size in pixels of the picture.

    Attributes:
        heat: the probability that a mark's centre is here, 0..1.
        probabilities: float32 (13,), of the classes in `page_format`.
        level_size: pixels of its level: the height, or 0.6 of the width if that is more; determines how reliable
            the level is.
    """

    x: float
    y: float
    width: float
    height: float
    heat: float
    probabilities: np.ndarray = field(repr=False)
    level_size: float
    answer: Answer = field(repr=False)

    @property
    def label(self) -> int:
        return int(self.probabilities.argmax())

    @property
    def digit_probability(self) -> float:
        """Probability of a digit of any class, from heat and classes."""
        return float(self.heat * self.probabilities[:OTHER].sum())

    @property
    def score(self) -> float:
        """Confidence in the detection, reduced for marks outside the level's size range."""
        low, high = NATIVE[1] / 2, NATIVE[1]  # every mark has this size on one level
        outside = max(low / self.level_size, self.level_size / high, 1) - 1 if self.label <= OTHER else 0
        return float(self.heat * self.probabilities.max() * np.exp(-EDGE * outside))

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels of the picture."""
        return (self.x - self.width / 2, self.y - self.height / 2, self.x + self.width / 2, self.y + self.height / 2)


class PageNetwork:
    """Runs the page network; safe to share between threads."""

    def __init__(self, content: bytes, threads: int = 2):
        self._interpreters = Interpreters(content, threads, KEPT, ROOM)

    def detect(self, level: Level, box: Box, least_heat: float) -> list[Detection]:
        """Detect marks of at least `least_heat` in a part of a level."""
        return [found for tile in level.tiles(box) for found in self._detect(level, tile, least_heat)]

    def _detect(self, level: Level, tile: Box, least_heat: float) -> list[Detection]:
        inputs, offset = level.window(tile)
        output = self.run(inputs)
        grid = slots(output)
        y, x = slot_centres(*grid.shape[:2])
        towards = grid[..., -2:] * OFFSET_UNIT
        towards[..., 0] += x
        towards[..., 1] += y
        ink = np.round(255 / (1 + np.exp(-ink_logits(output)))).astype(np.uint8)
        answer = Answer(ink, towards, offset, level.scale)
        core = tile[0] - offset[0], tile[1] - offset[1], tile[2] - offset[0], tile[3] - offset[1]
        places = [
            (row, column) for row, column in _peaks(grid[..., 0], least_heat) if _holds(core, x[0, column], y[row, 0])
        ]
        return [found for place in places if (found := _detection(grid, place, answer))]

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """The raw answer, float32 (height / 4, width / 4, 52), for inputs float32 (height, width)."""
        [output] = self._interpreters.run(inputs[np.newaxis, ..., np.newaxis])
        return output[0]


def _holds(core: Box, x: float, y: float) -> bool:
    """Whether a place belongs to a tile, or lies within half a slot of it, where tiles may place it differently."""
    left, top, right, bottom = core
    more_x, more_y = SLOT_WIDTH / 2 + 0.5, STRIDE / 2 + 0.5
    return left - more_x <= x < right + more_x and top - more_y <= y < bottom + more_y


def _peaks(logits: np.ndarray, least_heat: float) -> list[tuple[int, int]]:
    """Slots (row, column) of at least `least_heat` that are local maxima among 3 x 3 slots."""
    highest = cv2.dilate(logits, np.ones((3, 3), np.uint8))
    least = np.log(least_heat / (1 - least_heat))
    return list(zip(*np.nonzero((logits >= highest) & (logits >= least)), strict=True))


def _detection(grid: np.ndarray, place: tuple[int, int], answer: Answer) -> Detection | None:
    """The mark at a slot, or None if it is too small or large for this level."""
    values = grid[place]
    width, height = np.exp(np.clip(values[-4:-2], -3.5, 2.0)) * SIZE_UNIT
    size = float(max(height, 0.6 * width))
    exponentials = np.exp(values[1 : 1 + CLASSES] - values[1 : 1 + CLASSES].max())
    probabilities = exponentials / exponentials.sum()
    if probabilities.argmax() <= OTHER and not TOLERATED[0] <= size <= TOLERATED[1]:
        return None
    x, y = answer.towards[place]
    (left, top), (scale_x, scale_y) = answer.offset, answer.scale
    return Detection(
        x=(x + left + 0.5) * scale_x,
        y=(y + top + 0.5) * scale_y,
        width=float(width * scale_x),
        height=float(height * scale_y),
        heat=float(1 / (1 + np.exp(-values[0]))),
        probabilities=probabilities,
        level_size=size,
        answer=answer,
    )
