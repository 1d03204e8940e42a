"""Endless made-up lines of marks as somebody draws them on a canvas, for training and measuring the line network.

    lines = SyntheticLines(sources, seed=1)
    inputs, labels = lines.batch(64)

A line is of one hand and pen; its marks stand apart, touch or overlap. The same sources and seed give the same lines.
"""

import cv2
import numpy as np

from digit_core.data import marks, surroundings, words
from digit_core.data.fonts import EM
from digit_core.data.marks import INKED, Hand, Sources
from digit_core.data.surroundings import Extent
from digit_core.models.line_format import OTHER, prepare, stack

LENGTHS = (0.36, 0.12, 0.12, 0.11, 0.09, 0.07, 0.07, 0.06)  # fraction of the lines with one mark, two, ...
HEIGHT = 64  # pixels of a digit while a line is made
PENS = (0.02, 0.3)  # width over a digit's height
GAPS = ((-0.28, 0.06), (-0.05, 0.5), (0.4, 1.5))  # between marks, over their height: touching, usual, wide
OFTEN = (0.5, 0.4, 0.1)  # fraction of the lines with each kind of gap
OTHERS = (0.0, 0.08, 0.5, 1.0)  # fraction of a line's marks that are not digits
SO_MANY = (0.4, 0.25, 0.3, 0.05)  # fraction of the lines with each value of `OTHERS`
PLAIN = 0.4  # fraction of the hands that leave MNIST's digits unchanged
SIGNS = 0.08  # fraction of the lines with points or minus signs, which get no label
SLASHES = 0.08  # fraction of the lines with slashes between digits, which are labelled `OTHER`
TEXTS = 0.1  # fraction of the lines that are a word in a font, whose letters are all labelled `OTHER`
SURROUNDED = 0.12  # fraction of the lines with a frame, boxes, an underline or a ring, which get no label
CHUNK = 16  # batches of lines that are made and sorted by width together


class SyntheticLines:
    """Makes lines."""

    def __init__(self, sources: Sources, seed: int = 0):
        self._sources, self._rng = sources, np.random.default_rng(seed)
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []

    def batch(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Lines of about one width: inputs float32 (count, 32, width, 1), and labels int32 (count, 8), -1 after
        the last: 0..9 or `line_format.OTHER`."""
        if not self._waiting:
            made = sorted((self.line() for _ in range(count * CHUNK)), key=lambda line: line[0].shape[1])
            for place in self._rng.permutation(CHUNK):
                some = made[place * count : (place + 1) * count]
                labels = np.full((count, len(LENGTHS)), -1, np.int32)
                for row, (_, own) in zip(labels, some, strict=True):
                    row[: len(own)] = own
                self._waiting.append((stack([picture for picture, _ in some]), labels))
        return self._waiting.pop()

    def line(self) -> tuple[np.ndarray, list[int]]:
        """One line as `line_format.prepare` leaves it, uint8 (32, width), and its marks from left to right."""
        while True:
            ink, labels = self._drawn()
            if labels and (picture := prepare(ink)) is not None:
                return picture, labels

    def drawing(self) -> tuple[np.ndarray, list[int]]:
        """A line as a picture, dark on white, uint8 (height, width), to measure by."""
        labels: list[int] = []
        while not labels:
            ink, labels = self._drawn()
        return cv2.copyMakeBorder(255 - ink, *[HEIGHT // 2] * 4, cv2.BORDER_CONSTANT, value=255), labels

    def _drawn(self) -> tuple[np.ndarray, list[int]]:
        """The ink of a line, uint8 (height, width), and its marks."""
        rng, hand = self._rng, self._hand()
        if rng.random() < TEXTS:
            return self._word()
        others = rng.choice(OTHERS, p=SO_MANY)
        gap = rng.uniform(*GAPS[rng.choice(len(GAPS), p=OFTEN)])
        ones, signs = (0.4 if rng.random() < 0.1 else 0.0), rng.random() < SIGNS
        slashes = rng.random() < SLASHES
        vary, slope = rng.uniform(0, 0.12), rng.normal(0, 0.06)
        count = int(rng.choice(len(LENGTHS), p=LENGTHS)) + 1
        page = np.zeros((5 * HEIGHT, (2 * count + 3) * 2 * HEIGHT), np.uint8)
        x, labels, extents = float(HEIGHT), [], []
        for _ in range(count):
            height = HEIGHT * np.exp(rng.normal(0, vary))
            if rng.random() < others:
                mask, label = marks.other(self._sources, height, hand, rng), OTHER
            else:
                label = 1 if rng.random() < ones else int(rng.integers(10))
                mask = marks.digit(self._sources, label, height, hand, rng)
            left, top, width, tall = cv2.boundingRect((mask > INKED).astype(np.uint8))
            if not width or x + mask.shape[1] > page.shape[1] - HEIGHT:
                continue
            y = 2.5 * HEIGHT + slope * (x - page.shape[1] / 2) + rng.normal(0, 0.05) * HEIGHT
            _put(page, mask, x - left, y)
            labels.append(label)
            above = y - mask.shape[0] / 2 + top
            extents.append(Extent(x, above, x + width, above + tall))
            x += max(width + (gap + rng.normal(0, 0.05)) * HEIGHT, 4)
            if signs and rng.random() < 0.4:
                x = self._sign(page, x, y, hand)
            if slashes and rng.random() < 0.5:
                x, extent = self._slash(page, x, y, hand)
                labels.append(OTHER)
                extents.append(extent)
            if len(labels) >= len(LENGTHS) - 1:
                break
        if labels and rng.random() < SURROUNDED:
            surroundings.draw(page, extents, HEIGHT, rng)
        return page, labels

    def _word(self) -> tuple[np.ndarray, list[int]]:
        """A word of at most as many letters as a line has marks."""
        rng = self._rng
        pool = self._sources.written if rng.random() < 0.6 and self._sources.written else self._sources.fonts
        font, scale = pool[rng.integers(len(pool))], 1.4 * HEIGHT / EM
        some = words.word(rng)[: len(LENGTHS)]
        letters, wide = words.placed(some, font, scale, rng.uniform(-1, 2.5), rng.normal(0, 0.15))
        page = np.zeros((5 * HEIGHT, int(wide) + 6 * HEIGHT), np.uint8)
        for letter in letters:
            _put(page, letter.mask, 2 * HEIGHT + letter.x - letter.mask.shape[1] / 2, 1.5 * HEIGHT + letter.y)
        return page, [OTHER] * len(letters)

    def _slash(self, page: np.ndarray, x: float, y: float, hand: Hand) -> tuple[float, Extent]:
        """A slash; returns where the next mark may begin, and what it reaches."""
        rng = self._rng
        mask = marks.slash(HEIGHT, hand, rng)
        tall, wide = mask.shape
        y += rng.normal(0, 0.06) * HEIGHT
        _put(page, mask, x, y)
        extent = Extent(x, y - tall / 2, x + wide, y + tall / 2)
        return x + wide + HEIGHT * rng.uniform(-0.15, 0.3), extent

    def _sign(self, page: np.ndarray, x: float, y: float, hand: Hand) -> float:
        """A point or minus; returns where the next mark may begin."""
        rng = self._rng
        if rng.random() < 0.6:
            mask, y = marks.point(HEIGHT, hand, rng), y + HEIGHT * rng.uniform(0.36, 0.56)
        else:
            mask = marks.minus(HEIGHT, hand, rng)
        if x + mask.shape[1] < page.shape[1] - HEIGHT:
            _put(page, mask, x, y)
        return x + mask.shape[1] + HEIGHT * rng.uniform(0.1, 0.3)

    def _hand(self) -> Hand:
        rng = self._rng
        return Hand(
            pen=HEIGHT * float(np.exp(rng.uniform(*np.log(PENS)))),
            shear=rng.normal(0, 0.2),
            aspect=np.exp(rng.normal(0, 0.16)),
            angle=rng.normal(0, 0.06),
            unevenness=rng.uniform(0.5, 1.6),
            from_pictures=rng.random() < 0.35,
            is_plain=rng.random() < PLAIN,
        )


def _put(page: np.ndarray, mask: np.ndarray, x: float, y: float) -> None:
    """Add a mask with its left edge at x and its middle at y; what lies beyond the page is lost."""
    left, top = max(round(x), 0), max(round(y - mask.shape[0] / 2), 0)
    window = page[top : top + mask.shape[0], left : left + mask.shape[1]]
    np.maximum(window, mask[: window.shape[0], : window.shape[1]], out=window)
