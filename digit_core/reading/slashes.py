"""Slashes among digits: the networks read "12/5" as 1215. A mark that looks like a slash is
read, but not as a sure digit.

With these constants, 4 of 111 validation numbers without a slash, 35 of them with a 1 in the middle, are less sure.
"""

from collections.abc import Sequence

import numpy as np

from digit_core.reading.drawn_lines import Candidate

TALLER = 1.04  # than the digits beside it, by their heights
LEAN = 0.2  # pixels to the right per pixel upwards
STRAIGHT = 0.16  # standard deviation across the stroke over that along it


def may_be_slash(line: Sequence[Candidate], place: int) -> bool:
    """Whether a digit of a line is a straight stroke between two others, leaning to the right and taller than they."""
    if not 0 < place < len(line) - 1:
        return False
    mark, others = line[place], [line[place - 1], line[place + 1]]
    return mark.height > TALLER * max(other.height for other in others) and _is_leaning_stroke(mark.ink)


def _is_leaning_stroke(ink: np.ndarray) -> bool:
    rows, columns = np.nonzero(ink > ink.max() / 2)
    if len(rows) < 3:
        return False
    (down, both), (_, across) = np.cov(rows, columns)
    narrow, long = np.sqrt(np.maximum(np.linalg.eigvalsh([[down, both], [both, across]]), 0))
    return bool(-both > LEAN * down and narrow < STRAIGHT * long)
