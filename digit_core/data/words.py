"""Words for made-up pages and lines: their letters as ink masks, placed as a font places them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pydoc_data import topics

import cv2
import numpy as np

from digit_core.data import marks
from digit_core.data.fonts import Font, HersheyFont

WORDS = sorted({word for text in topics.topics.values() for word in text.split() if word.isalpha() and len(word) < 14})


@dataclass(frozen=True)
class PlacedLetter:
    """One letter's ink, uint8 (height, width), and its middle in pixels from the word's beginning and ascender."""

    mask: np.ndarray
    x: float
    y: float


def word(rng: np.random.Generator) -> str:
    """A word of three letters or more, in small letters, capitals or both."""
    chosen = WORDS[rng.integers(len(WORDS))]
    case = rng.random()
    chosen = chosen.lower() if case < 0.5 else chosen.capitalize() if case < 0.75 else chosen.upper()
    return chosen if len(chosen) > 2 else chosen + "the"


def placed(
    characters: Sequence[str], font: Font | HersheyFont, scale: float, grow: float, slant: float
) -> tuple[list[PlacedLetter], float]:
    """The letters of a word, joined as the font joins them, and the word's width in pixels.

    Args:
        scale: pixels a pixel of the font's letters.
        grow: pixels by which strokes are wider than the font's.
        slant: pixels to the left for each pixel down.
    """
    found, x = [], 0.0
    for character in characters:
        letter = font.letter(character)
        if letter is None:
            continue
        ink = marks.grown(letter.ink, grow)
        more = (ink.shape[0] - letter.ink.shape[0]) // 2
        turned = np.array([[scale, -slant * scale], [0, scale]])
        tall, wide = ink.shape
        corners = turned @ np.array([[0, wide, 0, wide], [0, 0, tall, tall]], float)
        low, high = corners.min(1), corners.max(1)
        source = cv2.GaussianBlur(ink, (0, 0), 0.4 / scale) if scale < 0.6 else ink
        size = tuple(int(side) + 2 for side in high - low)
        mask = cv2.warpAffine(source, np.hstack([turned, -low[:, np.newaxis]]), size, flags=cv2.INTER_LINEAR)
        if mask.size:
            middle = x + (letter.left - more + wide / 2) * scale, (letter.top - more + tall / 2) * scale
            found.append(PlacedLetter(mask, *middle))
        x += letter.advance * scale
    return found, x
