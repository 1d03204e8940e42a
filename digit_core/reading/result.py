"""What a picture was read as: `Reading`, and `Digit` for each of its marks."""

from dataclasses import dataclass, field

import numpy as np

UNKNOWN = "?"


@dataclass(frozen=True)
class Digit:
    """One mark and what it was read as.

    Attributes:
        value: the likeliest digit, 0..9.
        confidence: its probability, 0..1.
        trusted: whether the mark is accepted as a digit; else it reads "?".
        box: (x, y, width, height) in pixels of the original picture.
        probabilities: float32 (10,), summing to 1.
        image: what the classifier saw, uint8 (28, 28), white on black.
        ink: the mark's own ink, uint8 (height, width), from which `image` was made.
        acceptance: the probability that the mark is a digit, whichever, 0..1.
    """

    value: int
    confidence: float
    trusted: bool
    box: tuple[int, int, int, int]
    probabilities: np.ndarray = field(repr=False)
    image: np.ndarray = field(repr=False)
    ink: np.ndarray = field(repr=False)
    acceptance: float = 1.0

    @property
    def text(self) -> str:
        return str(self.value) if self.trusted else UNKNOWN


@dataclass(frozen=True)
class Reading:
    """The result of reading a picture.

    Attributes:
        lines: the text lines from top to bottom, e.g. ["2026"]; empty for a blank sheet. They hold digits, "?" for
            other marks among digits, "." for a decimal point or comma before a digit, and "-" for a minus before a
            digit.
        digits: the marks in reading order, without points and minus signs.
        ink: the ink that the page network saw, uint8 (height, width), at most 1,000 pixels a side, upright.
        turned: degrees by which the page had to be turned to the left to be upright: 0, 90, 180 or 270.
        left_out: number of other visible marks that belong to no number.
        is_crowded: whether the limit on marks was reached.
    """

    lines: list[str]
    digits: list[Digit]
    ink: np.ndarray = field(repr=False)
    turned: int = 0
    left_out: int = 0
    is_crowded: bool = False

    @property
    def text(self) -> str:
        """The text lines joined by "/": digits, "?", "." and "-" as `lines` holds them; "" for a blank sheet."""
        return "/".join(self.lines)
