"""`Recognizer`: a picture -> a `Reading`. Runs on LiteRT and never loads TensorFlow.

The page network locates marks, and the mark network decides which are digits. The classifier reads each mark's own
ink, cut out and normalised like MNIST. In drawings, the line network determines how many digits a line holds. Their
outputs are fused. A classifier that was not part of the calibration decides alone which digit a mark is; the
calibrated networks still decide whether it is one.
"""

import functools
import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from digit_core.models import page_model
from digit_core.models import store as model_store
from digit_core.models.litert import Network
from digit_core.models.page_format import MINUS, OTHER, POINT
from digit_core.models.store import ModelError, StoredModel
from digit_core.pictures import image_files
from digit_core.reading import drawn_lines, layout
from digit_core.reading.acceptance import Calibration, evidence, is_drawn, kind_of
from digit_core.reading.context import context
from digit_core.reading.cutouts import Cutouts, cut_out
from digit_core.reading.drawn_lines import Candidate
from digit_core.reading.line_network import LineNetwork
from digit_core.reading.mark_network import MarkNetwork
from digit_core.reading.page_network import Detection, PageNetwork
from digit_core.reading.page_reader import Page, PageReader
from digit_core.reading.result import Digit, Reading
from digit_core.reading.settings import ReadingSettings
from digit_core.reading.slashes import may_be_slash

SIGNS = {POINT: ".", MINUS: "-"}

MOST_LOOKED = 600  # marks per picture for the mark network: bounds time
SMALL = 1_000_000  # pixels of a picture that takes little memory and time
_small = threading.Lock()  # one at a time: concurrent readings wait for the GIL longer than they compute
_large = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))  # bounds memory


@dataclass(frozen=True)
class _Mark:
    """A classified candidate: an accepted or rejected digit, or a sign."""

    candidate: Candidate
    accepted: bool

    @property
    def is_sign(self) -> bool:
        return self.candidate.label in SIGNS

    @property
    def text(self) -> str:
        return SIGNS.get(self.candidate.label) or self.digit.text

    @property
    def digit(self) -> Digit:
        seen = self.candidate
        left, top, right, bottom = (round(side) for side in seen.box)
        box = left, top, max(right - left, 1), max(bottom - top, 1)
        value = int(seen.probabilities.argmax())
        return Digit(
            value=value,
            confidence=float(seen.probabilities[value]),
            trusted=self.accepted,
            box=box,
            probabilities=seen.probabilities,
            image=seen.image,
            ink=seen.ink,
            acceptance=seen.digit,
        )


class Recognizer:
    """Reads pictures with one classifier. Safe to share between threads.

    Args:
        litert: the classifier's LiteRT file.
        page: reads pages.
        marks: checks each mark again.
        lines: reads drawn lines; None skips this step.
        calibration: weights of these networks.
        fitted: the classifier that the calibration was fitted with, if different.
    """

    def __init__(
        self,
        litert: bytes,
        page: PageReader,
        marks: MarkNetwork,
        lines: LineNetwork | None,
        calibration: Calibration,
        fitted: Network | None = None,
        name: str = "",
    ):
        self.name, self.classifier_digest = name, hashlib.sha256(litert).hexdigest()
        self.settings = page.settings
        self._network, self._page, self._look, self._lines = Network(litert), page, marks, lines
        self._calibration, self._fitted = calibration, fitted or self._network

    @property
    def _is_fitted(self) -> bool:
        """Whether the calibration was fitted with the classifier that reads."""
        return self._fitted is self._network

    @classmethod
    def load(cls, name: str | None = None, settings: ReadingSettings | None = None) -> "Recognizer":
        """The model of that name, by default the one that this host has chosen.

        Raises:
            ModelError: there is no such model, or its files or the page network's are damaged.
        """
        model, page = model_store.find(name), page_model.find()
        try:
            calibration, fitted = Calibration.from_card(page.card["calibration"]), page.card["classifier"]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"The page network in the folder {page.folder.name!r} is of another version. Train it anew."
            ) from error
        try:
            page_network, mark_network, line_network = _networks(
                page.litert_bytes(), page.mark_bytes(), page.line_bytes()
            )
        except (ValueError, RuntimeError) as error:
            raise ModelError("The page network is damaged: its file holds no network.") from error
        reader = PageReader(page_network, settings)
        try:
            other = None if _is_from(model, fitted) else _network(model_store.find(fitted).litert_bytes())
            return cls(model.litert_bytes(), reader, mark_network, line_network, calibration, other, model.name)
        except (ValueError, RuntimeError) as error:  # the file matches the card but is not a network
            raise ModelError(f"The model {model.name!r} is damaged: its file holds no network.") from error

    def classify(self, digits: np.ndarray) -> np.ndarray:
        """Ten probabilities each, float32 (n, 10), for digits uint8 (n, 28, 28), normalised as MNIST."""
        return self._network.run(digits)[0]

    def read(self, picture: np.ndarray) -> Reading:
        """Read a picture: one digit, a number, or lines of them.

        Args:
            picture: uint8 (height, width), (height, width, 3) or (height, width, 4), any polarity.

        Raises:
            UnreadableImageError: the array is not a picture.
        """
        picture = image_files.on_paper(image_files.check(picture))
        with _small if picture.shape[0] * picture.shape[1] <= SMALL else _large:
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
            page = self._page.read(grey)
            drawn = is_drawn(grey)
            marks = self._marks(self.candidates(page, grey, drawn), drawn)
            lines, left_out = _text_lines(marks, self.settings)
            lines = [_with_doubtful_slashes(line, self.settings) for line in lines]
            digits = [mark.digit for line in lines for mark in line if not mark.is_sign]
            if drawn:
                left_out = max(left_out, self._unread_pieces(lines, grey))
            return Reading(
                ["".join(mark.text for mark in line) for line in lines],
                [_turned_back(digit, page, grey.shape) for digit in digits],
                page.ink,
                90 * page.turns,
                left_out,
                page.is_crowded,
            )

    def _unread_pieces(self, lines: Sequence[Sequence[_Mark]], grey: np.ndarray) -> int:
        """Count the small pieces of ink in a drawing that are not read as signs; 0 if there are so many that they are
        dirt. The page network misses points drawn with a broad pen."""
        marks = [mark for line in lines for mark in line]
        heights = [mark.candidate.height for mark in marks if mark.accepted]
        if not heights:
            return 0
        signs = sum(mark.is_sign for mark in marks)
        unread = drawn_lines.small_pieces(grey, float(np.median(heights)), self.settings) - signs
        return max(unread, 0) if unread <= len(heights) else 0

    def candidates(self, page: Page, grey: np.ndarray, drawn: bool) -> list[Candidate]:
        """Candidate marks of a page, read from `grey`, uint8 (height, width), with the networks' outputs.

        Args:
            drawn: whether it is a drawing, whose lines the line network reads as well.
        """
        least = self.settings.sign_drawn if drawn else self.settings.sign
        detections = [d for d in page.marks if d.label <= OTHER or d.score >= least]
        if not detections:
            return []
        upright = np.ascontiguousarray(np.rot90(grey, page.turns))
        cut = cut_out(detections, upright)
        probabilities, digit = self._judged(detections, cut, drawn)
        found = [
            Candidate(d.x, d.y, d.width, d.height, d.label, d.heat, float(own), classes, image, ink)
            for d, own, classes, image, ink in zip(detections, digit, probabilities, cut.images, cut.inks, strict=True)
        ]
        if self._lines is None or not drawn:
            return found
        lines = drawn_lines.text_lines(found, upright, self.settings)
        weights = self._calibration.line, self._calibration.line_of_one
        return drawn_lines.decided(
            found, lines, self._lines, *weights, self.classify, keeps_classes=not self._is_fitted
        )

    def _judged(self, detections: Sequence[Detection], cut: Cutouts, drawn: bool) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of the ten digits (n, 10), and that each is a digit at all (n,)."""
        heat = np.array([mark.heat for mark in detections])
        network = np.stack([mark.probabilities for mark in detections])
        look, classes = self._looks(heat, network, cut), self._fitted.run(cut.images)[0]
        around = context(detections, look[:, :OTHER].sum(1), cut.contrasts, self.settings)
        fusion = self._calibration.of(kind_of(drawn, seen(detections, self.settings)))
        digit = fusion.digit_probability(evidence(heat, network, classes, look, around))
        return fusion.fused(network, classes, look) if self._is_fitted else self.classify(cut.images), digit

    def _looks(self, heat: np.ndarray, network: np.ndarray, cut: Cutouts) -> np.ndarray:
        """The mark network's probabilities, (n, 11); for marks beyond `MOST_LOOKED`, the page network's."""
        looks = network[:, : OTHER + 1] / network[:, : OTHER + 1].sum(1, keepdims=True)
        clearest = np.argsort(-heat, kind="stable")[:MOST_LOOKED]
        looks[clearest] = self._look(cut.views[clearest])
        return looks

    def _marks(self, candidates: Sequence[Candidate], drawn: bool) -> list[_Mark]:
        """Every candidate that is accepted as a digit, is a sign, or is seen clearly."""
        threshold = self._calibration.of(kind_of(drawn, seen(candidates, self.settings))).threshold
        if _is_text(candidates, self.settings):
            threshold = max(threshold, self._calibration.page.threshold)
        marks = [_Mark(c, c.digit >= threshold and c.label not in SIGNS) for c in candidates]
        return [m for m in marks if m.accepted or m.is_sign or m.candidate.heat >= self.settings.seen]


def seen(marks: Sequence[Detection | Candidate], settings: ReadingSettings) -> int:
    """How many marks are seen clearly, signs apart."""
    return len(_visible(marks, settings))


def _visible(marks: Sequence[Detection | Candidate], settings: ReadingSettings) -> list[Detection | Candidate]:
    return [mark for mark in marks if mark.heat >= settings.seen and mark.label not in SIGNS]


def _is_text(marks: Sequence[Candidate], settings: ReadingSettings) -> bool:
    """Whether at least half of the marks, and at least two, are surely no digits."""
    visible = _visible(marks, settings)
    letters = sum(mark.digit < settings.letter for mark in visible)
    return letters >= max(2, settings.text * len(visible))


def _is_from(model: StoredModel, fitted: str) -> bool:
    """Whether a model is the one that the calibration was fitted with, or was taught from it: its answers are so close
    to that one's that the same weights hold."""
    taught = model.card.get("taught", {})
    return fitted in (model.name, taught.get("origin", taught.get("from")))


@functools.lru_cache(maxsize=1)
def _network(litert: bytes) -> Network:
    return Network(litert)


@functools.lru_cache(maxsize=2)
def _networks(page: bytes, mark: bytes, line: bytes) -> tuple[PageNetwork, MarkNetwork, LineNetwork]:
    """Cached networks, shared by the recognizers of all models."""
    return PageNetwork(page), MarkNetwork(mark), LineNetwork(line)


def _text_lines(marks: Sequence[_Mark], settings: ReadingSettings) -> tuple[list[list[_Mark]], int]:
    """Marks in reading order, only those beside digits if there are any; and how many are left out."""
    by_candidate = {id(mark.candidate): mark for mark in marks}
    others, signs = ([m.candidate for m in marks if m.is_sign == is_sign] for is_sign in (False, True))
    ordered, strays = layout.with_signs(layout.lines(others, settings), signs, settings)
    lines = [[by_candidate[id(candidate)] for candidate in line] for line in ordered]
    whole = len(others) + len(signs) - strays
    lines = [_with_meant_signs(line) for line in lines]
    if any(mark.accepted for line in lines for mark in line):
        lines = [_among_digits(line, settings) for line in lines]
    return [line for line in lines if line], whole - sum(map(len, lines))


def _with_meant_signs(line: Sequence[_Mark]) -> list[_Mark]:
    """Remove points not between digits, and minus signs not before a digit."""

    def is_kept(place: int) -> bool:
        mark = line[place]
        if not mark.is_sign:
            return True
        goes_before = place + 1 < len(line) and line[place + 1].accepted
        return goes_before and (mark.candidate.label == MINUS or (place > 0 and line[place - 1].accepted))

    return [mark for place, mark in enumerate(line) if is_kept(place)]


def _with_doubtful_slashes(line: Sequence[_Mark], settings: ReadingSettings) -> list[_Mark]:
    """Lower the probability of being a digit of what may be a slash between two digits."""
    candidates = [mark.candidate for mark in line]
    slashes = [
        all(mark.accepted for mark in line[max(place - 1, 0) : place + 2]) and may_be_slash(candidates, place)
        for place in range(len(line))
    ]
    return [_doubted(mark, settings.maybe) if is_slash else mark for mark, is_slash in zip(line, slashes, strict=True)]


def _doubted(mark: _Mark, probability: float) -> _Mark:
    return replace(mark, candidate=replace(mark.candidate, digit=min(mark.candidate.digit, probability)))


def _among_digits(line: Sequence[_Mark], settings: ReadingSettings) -> list[_Mark]:
    """A line's digits and signs, and what stands right beside one of its digits."""
    digits = [mark.candidate for mark in line if mark.accepted]

    def is_beside(mark: Candidate) -> bool:
        return any(
            abs(mark.x - digit.x) - (mark.width + digit.width) / 2 < settings.beside * digit.height
            and 0.5 < mark.height / digit.height < 2
            for digit in digits
        )

    return [m for m in line if m.accepted or m.is_sign or is_beside(m.candidate)] if digits else []


def _turned_back(digit: Digit, page: Page, shape: tuple[int, int]) -> Digit:
    """Map the digit's box back to the original picture, of shape (height, width)."""
    height, width = shape
    x, y, w, h = digit.box
    boxes = [(x, y, w, h), (width - y - h, x, h, w), (width - x - w, height - y - h, w, h), (y, height - x - w, h, w)]
    return replace(digit, box=boxes[page.turns])
