"""Reading a page with the page network, coarse to fine: a grey picture -> its marks, upright.

A finer level is searched only where the marks found so far do not explain all ink. If few marks of a page read as
digits, other orientations are tried and the best one is kept. The pyramid bounds the work, to about 13 megapixels of
network input in all four, so no clock is needed: a picture reads the same on a fast and on a slow machine.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from digit_core.models.page_format import OTHER
from digit_core.reading import layout, pyramid
from digit_core.reading.page_network import Detection, PageNetwork
from digit_core.reading.settings import ReadingSettings

BLUR = 3  # pixels of a level round ink that are uneven as well
INK_SIDE = 1000  # pixels
THINNEST = np.ones((2, 2), np.uint8)  # pixels of what is uneven along the sharpest edge


@dataclass(frozen=True)
class Page:
    """The marks of a page that was turned by `turns` quarter turns to the left to be upright; `shape` is (height,
    width) of the upright page in pixels."""

    marks: list[Detection]
    turns: int
    shape: tuple[int, int]

    @property
    def is_crowded(self) -> bool:
        """Whether the page reached the limit on marks."""
        return len(self.marks) >= layout.MOST_MARKS

    @functools.cached_property
    def ink(self) -> np.ndarray:
        """The ink that the network saw round the marks, uint8 (height, width), at most `INK_SIDE` pixels a side."""
        scale = min(1.0, INK_SIDE / max(self.shape))
        out = np.zeros((max(round(self.shape[0] * scale), 1), max(round(self.shape[1] * scale), 1)), np.uint8)
        for answer in {id(mark.answer): mark.answer for mark in self.marks}.values():
            (left, top), (x, y) = answer.offset, answer.scale
            matrix = np.array([[x * scale, 0, left * x * scale], [0, y * scale, top * y * scale]])
            np.maximum(out, cv2.warpAffine(answer.ink, matrix, out.shape[::-1], flags=cv2.INTER_LINEAR), out=out)
        return out


class PageReader:
    """Finds and reads the marks of a page. Safe to share between threads."""

    def __init__(self, network: PageNetwork, settings: ReadingSettings | None = None):
        self.network, self.settings = network, settings or ReadingSettings()

    def read(self, grey: np.ndarray) -> Page:
        """The marks of a picture, uint8 (height, width), any polarity."""
        upright = Page(self.marks(grey), 0, grey.shape)
        count = len(upright.marks)
        if not self.settings.fewest <= count <= self.settings.most or self._reads_well(upright.marks):
            return upright
        best = max((self._turned(grey, turns) for turns in (1, 2, 3)), key=lambda page: _digits(page.marks))
        is_better = _digits(best.marks) > self.settings.gain * _digits(upright.marks) + 1
        return best if is_better and self._reads_well(best.marks) else upright

    def _turned(self, grey: np.ndarray, turns: int) -> Page:
        upright = np.ascontiguousarray(np.rot90(grey, turns))
        return Page(self.marks(upright), turns, upright.shape)

    def _reads_well(self, marks: Sequence[Detection]) -> bool:
        """Whether most of the marks are digits."""
        seen = [mark for mark in marks if mark.heat >= self.settings.explains]
        return _digits(seen) >= self.settings.upright * len(seen)

    def marks(self, grey: np.ndarray) -> list[Detection]:
        """The marks of a picture as it stands."""
        found: list[Detection] = []
        for level in pyramid.levels(grey):
            box = self._unexplained(level, found)
            if box is not None:
                found += self.network.detect(level, box, self.settings.least_heat)
            elif max(level.grey.shape) >= self.settings.fine:
                break
        return layout.suppressed(found, self.settings)

    def _unexplained(self, level: pyramid.Level, found: Sequence[Detection]) -> pyramid.Box | None:
        """Bounding box of what the marks found do not explain on a level, or None."""
        uneven = level.uneven(self.settings.evenness).astype(np.uint8)
        scale_x, scale_y = level.scale
        for mark in found:
            if self._explains(mark):
                left, top, right, bottom = mark.box
                more = BLUR + self.settings.off * mark.answer.scale[0] / scale_x
                corner = round(left / scale_x - more), round(top / scale_y - more)
                opposite = round(right / scale_x + more), round(bottom / scale_y + more)
                cv2.rectangle(uneven, corner, opposite, 0, cv2.FILLED)
        x, y, width, height = cv2.boundingRect(cv2.erode(uneven, THINNEST))  # what is thinner is an edge of a mark
        return (x - 1, y - 1, x + width + 1, y + height + 1) if width else None

    def _explains(self, mark: Detection) -> bool:
        least = self.settings.explains if mark.label < OTHER else self.settings.explains_other
        return mark.heat >= least and mark.level_size >= self.settings.detailed


def _digits(marks: Sequence[Detection]) -> float:
    """Expected number of digits."""
    return sum(mark.digit_probability for mark in marks if mark.label < OTHER)
