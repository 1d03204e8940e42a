"""Mark network inference: a second look at each detection, scaled to a common size. LiteRT only.

The page network scans thousands of places at once, many of them empty. This one sees only the detections with their
surroundings, and decides better which are digits.
"""

import cv2
import numpy as np

from digit_core.models.litert import Interpreters
from digit_core.models.mark_format import CLASSES, FIELD, SIDE, batch

LARGEST_BATCH = 16  # marks per call
PAPER, INK = 64, 176  # grey levels of a view
FAINTEST = 8  # minimum grey levels between ink and paper; less is grain
NEAR = 0.15  # ink coverage from which a pixel does not count as paper


class MarkNetwork:
    """Runs the LiteRT file whose bytes it is given. Safe to share between threads."""

    def __init__(self, litert: bytes):
        self._interpreters = Interpreters(litert)

    def __call__(self, views: np.ndarray) -> np.ndarray:
        """Probabilities of the ten digits and of other marks, float32 (n, 11), for `view`s uint8 (n, 44, 44, 2)."""
        answers = [np.zeros((0, CLASSES), np.float32)]
        for start in range(0, len(views), LARGEST_BATCH):
            [logits] = self._interpreters.run(batch(views[start : start + LARGEST_BATCH]))
            exponentials = np.exp(logits - logits.max(1, keepdims=True))
            answers.append(exponentials / exponentials.sum(1, keepdims=True))
        return np.concatenate(answers)


def view(
    grey: np.ndarray,
    centre: tuple[float, float],
    reach: float,
    ink: np.ndarray,
    to_picture: tuple[float, float, float, float],
    side: int = SIDE,
) -> np.ndarray:
    """A mark and its surroundings, as in `mark_format`, uint8 (side, side, 2).

    Args:
        grey: the picture, uint8 (height, width).
        centre: of the mark, x and y in pixels of the picture.
        reach: half the side of the view, in pixels of the picture.
        ink: the mark's own, uint8 (height, width).
        to_picture: x and y of the ink's first pixel in the picture, and picture pixels per ink pixel in x and y.
    """
    scale = 2 * reach / side
    x, y = centre[0] - reach, centre[1] - reach
    left, top, scale_x, scale_y = to_picture
    matrix = np.array([[scale_x / scale, 0, (left - x) / scale], [0, scale_y / scale, (top - y) / scale]])
    own = cv2.warpAffine(ink, matrix, (side, side), flags=cv2.INTER_LINEAR)
    return np.dstack([_lit(_part(grey, x, y, scale, side), own), own])


def reach_of(width: float, height: float, field: float = FIELD) -> float:
    """Half the side of a mark's view."""
    return field * max(width, height) / 2


def _part(grey: np.ndarray, x: float, y: float, scale: float, side: int) -> np.ndarray:
    """The square of a picture that begins at (x, y), uint8 (side, side); its edge goes on beyond the picture."""
    low = np.round([x, y]).astype(int)
    high = np.maximum(np.round([x + side * scale, y + side * scale]).astype(int), low + 1)
    size = np.array(grey.shape[::-1])
    first, last = np.clip(low, 0, size - 1), np.clip(high, 1, size)
    last = np.maximum(last, first + 1)
    before, after = (np.round((edge - low) * side / (high - low)).astype(int) for edge in (first, last))
    before = np.clip(before, 0, side - 1)
    after = np.clip(after, before + 1, side)
    part = grey[first[1] : last[1], first[0] : last[0]]
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    small = cv2.resize(part, tuple(int(value) for value in after - before), interpolation=method)
    edges = int(before[1]), int(side - after[1]), int(before[0]), int(side - after[0])
    return cv2.copyMakeBorder(small, *edges, cv2.BORDER_REPLICATE)


def _lit(grey: np.ndarray, own: np.ndarray) -> np.ndarray:
    """A view with paper at `PAPER` and ink at `INK`, uint8, whatever the light and the pen."""
    values = grey.astype(np.float32)
    ink = float(np.average(values, weights=(own / np.float32(255)) ** 2 + 1e-6))
    is_paper = cv2.dilate(own, np.ones((3, 3), np.uint8)) < 255 * NEAR
    paper = float(np.median(values[is_paper])) if is_paper.any() else float(values.max())
    depth = ink - paper
    if abs(depth) < FAINTEST:
        depth = FAINTEST if depth > 0 else -FAINTEST
    return np.clip(PAPER + (values - paper) * ((INK - PAPER) / depth), 0, 255).astype(np.uint8)
