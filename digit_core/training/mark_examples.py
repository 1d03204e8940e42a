"""Unlimited examples for the mark network: the page network's detections on synthetic pages, with true labels.

    examples = MarkExamples(pages, PageReader(PageNetwork(litert)), seed=1)
    views, labels = examples.batch(64)

The mark network thus learns from the page network's mistakes. Finding a mark costs much more than training on it,
so marks are pooled and each is used several times, with new distortions. Loads no TensorFlow.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from digit_core.data.synthetic_pages import SyntheticPages
from digit_core.models import mark_format
from digit_core.models.mark_format import FIELD, SIDE
from digit_core.models.page_format import OTHER
from digit_core.reading import cutouts
from digit_core.reading.mark_network import PAPER
from digit_core.reading.page_network import Detection
from digit_core.reading.page_reader import PageReader
from digit_core.training.page_calibration import UNKNOWN, Example, matched

POOL = 40_000  # capacity of the pool, in marks
FIRST = 3000  # marks to collect before the first batch
AGAIN = 10  # approximate number of times that each mark is used
KINDS = {"drawing": 0.84, "page": 0.15, "sheet": 0.01}  # fractions of the pictures that are read
STORED = 56  # pixels per side of a stored view: larger than the input, to allow rotations and shifts

TURN = 6.0  # degrees; this and the next two are standard deviations
SHIFT = 0.8  # pixels
SCALE = 0.07  # logarithm
LIGHT = 0.12  # logarithm of contrast
NOISE = 8.0  # most grey levels of noise


class MarkExamples:
    """Makes batches of marks; `first` is how many are found before the first batch."""

    def __init__(self, pages: SyntheticPages, reader: PageReader, seed: int = 0, first: int = FIRST):
        self._pages, self._reader, self._first = pages, reader, first
        self._rng = np.random.default_rng([seed, 1])
        self._views = np.zeros((POOL, STORED, STORED, 2), np.uint8)
        self._labels = np.zeros(POOL, np.int32)
        self._made = 0

    def batch(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Network inputs float32 (count, 44, 44, 2), and labels int32 (count,), 0..9 or `mark_format.OTHER`."""
        wanted = max(self._made + max(count // AGAIN, 1), self._first)
        while self._made < wanted:
            for view, label in self._found():
                self._views[self._made % POOL], self._labels[self._made % POOL] = view, label
                self._made += 1
        places = self._rng.integers(min(self._made, POOL), size=count)
        views = np.stack([self._distorted(view) for view in self._views[places]])
        return mark_format.batch(views), self._labels[places]

    def _found(self) -> list[tuple[np.ndarray, int]]:
        """The marks that are found on one made-up picture, and what they are."""
        kind = self._rng.choice(list(KINDS), p=list(KINDS.values()))
        example = Example(*getattr(self._pages, kind)())
        marks = self._reader.marks(example.picture)
        truth, _ = matched(marks, example)
        return [
            (_stored(mark, others, example.picture), label if label >= 0 else mark_format.OTHER)
            for mark, others, label in zip(marks, cutouts.neighbours(marks) if marks else [], truth, strict=True)
            if label != UNKNOWN and mark.label <= OTHER  # points and minus signs are never asked about
        ]

    def _distorted(self, view: np.ndarray) -> np.ndarray:
        """A view uint8 (44, 44, 2) of a stored one, turned, shifted, scaled, in another light."""
        rng = self._rng
        matrix = cv2.getRotationMatrix2D((STORED / 2, STORED / 2), rng.normal(0, TURN), np.exp(rng.normal(0, SCALE)))
        matrix[:, 2] += rng.normal(0, SHIFT, 2) - (STORED - SIDE) / 2
        view = cv2.warpAffine(view, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        light = view[..., 0].astype(np.float32)
        light = PAPER + (light - PAPER) * np.exp(rng.normal(0, LIGHT)) + rng.normal(0, 4)
        light += rng.standard_normal(light.shape, np.float32) * rng.uniform(0, NOISE)
        view[..., 0] = np.clip(light, 0, 255)
        return view


def _stored(mark: Detection, others: Sequence[Detection], picture: np.ndarray) -> np.ndarray:
    """A mark with more round it than the network sees, uint8 (56, 56, 2)."""
    mask, corner = cutouts.own_mask(mark, others)
    return cutouts.view_of(mark, mask, corner, picture, STORED, FIELD * STORED / SIDE)
