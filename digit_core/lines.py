"""The line reader: a network that looks along a row of ink and tells the marks on it, one after the other.

It needs no cuts, so digits that touch or overlap cost it little. For every step along the row it
gives the probability of each digit, of a mark that is none, and of nothing new; what is said
twice in a row counts once (Graves, Fernandez, Gomez, Schmidhuber: Connectionist Temporal
Classification, 2006). Runs on LiteRT; `line_training` fits it.
"""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from digit_core import normalization
from digit_core.litert import Interpreters

SYMBOL = 10  # class of a mark that is no digit, as in `counterexamples`
NOTHING = 11  # class of a step at which no new mark is seen
CLASSES = 12
HEIGHT = 32  # pixels of the row's picture
INK_HEIGHT = 28  # of these, pixels of ink
MARGIN = 6  # pixels of paper to the left and right
STEP = 2  # pixels along the row from one answer to the next
WIDEST = 40  # width over height of a row; what is wider is no writing
BLOCK = 32  # widths are rounded up to whole ones, so that the network is seldom fitted to a new size


@dataclass(frozen=True)
class Seen:
    """One mark on a row.

    Attributes:
        value: 0..9, or `SYMBOL`.
        place: where along the row it was seen, 0 at the left end of the ink and 1 at the right.
        probabilities: float (11,), of the ten digits and of no digit, summing to 1.
    """

    value: int
    place: float
    probabilities: np.ndarray


class LineReader:
    """Runs the LiteRT file whose bytes it is given. Safe to share between threads."""

    def __init__(self, litert: bytes):
        self._interpreters = Interpreters(litert)

    def __call__(self, ink: np.ndarray) -> list[Seen]:
        """The marks on a row's ink, uint8 (height, width), from left to right; none where it is too long for one."""
        picture = prepare(ink)
        if picture is None:
            return []
        width = -(-picture.shape[1] // BLOCK) * BLOCK
        line = np.zeros((1, HEIGHT, width, 1), np.float32)
        line[0, :, : picture.shape[1], 0] = picture / np.float32(255)
        [answers] = self._interpreters.run(line)
        return marks_in(answers[0], picture.shape[1])


def prepare(ink: np.ndarray) -> np.ndarray | None:
    """A row's ink as the network takes it, uint8 (32, width): as high as the picture, the peak at 255.

    None where there is no ink, or it is much too long for a row.
    """
    if not ink.any():
        return None
    ink = normalization.crop(ink)
    height, width = ink.shape
    if width > WIDEST * height:
        return None
    if height < 2 * INK_HEIGHT:
        ink = cv2.resize(ink, (3 * width, 3 * height), interpolation=cv2.INTER_CUBIC)
    size = max(round(width * INK_HEIGHT / height), 1), INK_HEIGHT
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    small = cv2.convertScaleAbs(small, alpha=255 / max(int(small.max()), 1))
    above = (HEIGHT - INK_HEIGHT) // 2
    return np.pad(small, ((above, above), (MARGIN, MARGIN)))


def marks_in(logits: np.ndarray, width: int) -> list[Seen]:
    """The likeliest marks by the answers, float (steps, 12), before the softmax; `width` of the row's picture.

    At every step the likeliest class is taken, and what follows itself without a step of nothing is one mark.
    """
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    found = []
    steps = enumerate(shares.argmax(1).tolist())
    for value, run in itertools.groupby(steps, key=lambda step: step[1]):
        if value != NOTHING:
            places = [place for place, _ in run]
            seen = shares[places, :NOTHING].sum(0)
            middle = (np.mean(places) + 0.5) * STEP - MARGIN
            found.append(Seen(value, float(middle / max(width - 2 * MARGIN, 1)), seen / seen.sum()))
    return found
