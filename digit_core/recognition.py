"""`Recognizer`: a picture -> a `Reading`. Runs on LiteRT and never loads TensorFlow.

A row's marks, and where need be the pieces that they can be cut into, are scored by a *judge*:
a network that tells digits from letters, scribbles and pieces of digits (`trust`). The way through
the row on which it finds the likeliest digits is what is read. Whether a mark is trusted in the end
is said by judge and model together: letters are read with less confidence than digits are.
"""

import logging
import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from digit_core import images, model_store, normalization, segmentation
from digit_core.calibration import log_odds
from digit_core.counterexamples import CLASSES, PIECES, SYMBOL, digit_share
from digit_core.lines import LineReader, Seen
from digit_core.litert import Network
from digit_core.segmentation import Grouping, Mark

log = logging.getLogger(__name__)

LEAST_CONFIDENCE = 0.4  # below it no mark is called a digit, whatever the judge says
UNKNOWN = "?"
COMPANY = 0.98  # the trust that a digit needs where many marks of the page are no digits
STRANGERS = 1 / 3  # share of a page's marks that are many
MOST_DOUBTFUL = 40  # marks of a page that are cut into pieces; where more are in doubt it is no writing
FEW_MARKS = 4  # fewer marks are not a page
UPRIGHT = 0.7  # mean trust from which a page is taken for upright
PASSABLE = 0.1  # the judge's trust from which a mark counts as a digit while the best way is looked for
LIKELY = 0.5  # trust below which a mark may be a piece of a broken digit, and from which all together may be one
SURE = 0.9  # score, as a probability, from which a mark is not tried in pieces
SYMBOL_COST = 0.5  # log-odds lost by a mark that is read as no digit
PIECES_SHARE = 0.3  # share of the probability of being pieces that counts for a symbol as long as nothing is cut
CUT_WEIGHT = 1.5  # how much more a doubt about a piece weighs than one about a whole mark
WHOLE_SHARE, CUT_SHARE = 0.5, 0.2  # weight of the model beside the line reader, for whole marks and cut ones
NEAR = 0.12  # heights from what the line reader saw, within which a cut is worth judging
FAR = 4.0  # log-odds lost by a mark a height away from where the line reader saw it
WIDE = 2.0  # room from which a mark is not a symbol but several

_reading = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))  # pictures looked through at the same time


@dataclass(frozen=True)
class Digit:
    """One mark and what it was read as.

    Attributes:
        value: the likeliest digit, 0..9.
        confidence: its probability, 0..1.
        trusted: False where the mark is not to be called a digit; it then reads "?".
        box: (x, y, width, height) in pixels of the upright picture.
        probabilities: float32 (10,), summing to 1.
        image: what the network saw, uint8 (28, 28), white on black.
        ink: the mark's own ink, uint8 (height, width), from which `image` was made.
        trust: the probability that the mark is a digit, whichever, 0..1.
    """

    value: int
    confidence: float
    trusted: bool
    box: tuple[int, int, int, int]
    probabilities: np.ndarray = field(repr=False)
    image: np.ndarray = field(repr=False)
    ink: np.ndarray = field(repr=False)
    trust: float = 1.0

    @property
    def text(self) -> str:
        return str(self.value) if self.trusted else UNKNOWN


@dataclass(frozen=True)
class Reading:
    """What a picture says.

    Attributes:
        lines: the rows' texts from top to bottom, e.g. ["2026"]; empty for a blank sheet.
        digits: the marks in reading order.
        ink: the picture reduced to ink, uint8 (height, width), at most 2,000 pixels a side, upright.
        turned: degrees by which the page had to be turned to the left to be upright: 0, 90 or 270.
    """

    lines: list[str]
    digits: list[Digit]
    ink: np.ndarray = field(repr=False)
    turned: int = 0

    @property
    def text(self) -> str:
        return "/".join(self.lines)


class Judge:
    """A small network that tells what a mark is: one of the ten digits, a symbol, or pieces (`trust`)."""

    def __init__(self, litert: bytes, threshold: float, weights: Sequence[float] = (1.0, 0.0, 0.0)):
        self._network = Network(litert)
        self.threshold = threshold  # probability of being a digit at all from which a mark is trusted
        self.weights = weights  # of the judge's log-odds, of the model's, and the constant (`trust`)

    def __call__(self, digits: np.ndarray) -> np.ndarray:
        """Probabilities of the classes in `counterexamples`, float32 (n, 12), for digits uint8 (n, 28, 28)."""
        return self._network.run(digits)[0]


@dataclass(frozen=True)
class _Hypothesis:
    """A grouping of pieces and what it may be: `classes` (12,); the score is a log-probability.

    `seen` is what the line reader took it for, where it was asked.
    """

    grouping: Grouping
    image: np.ndarray
    classes: np.ndarray
    beats_symbol: bool
    score: float
    seen: Seen | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is one mark, or some, no wider than a digit, of which nothing was cut off."""
        return self.grouping.entire and self.grouping.room == 1

    @property
    def trust(self) -> float:
        """Probability of being a digit, whichever: the judge's; of what was cut, the line reader's."""
        judged = float(digit_share(self.classes, self.is_whole))
        if self.seen is None:
            return judged
        along = 1 - float(self.seen.probabilities[SYMBOL])
        return (judged + along) / 2 if self.is_whole else along

    def merged(self, probabilities: np.ndarray) -> np.ndarray:
        """The model's probabilities of the ten digits, with what the line reader saw."""
        if self.seen is None:
            return probabilities
        along = self.seen.probabilities[:SYMBOL] / max(float(self.seen.probabilities[:SYMBOL].sum()), 1e-9)
        own = WHOLE_SHARE if self.is_whole else CUT_SHARE
        return (own * probabilities + (1 - own) * along).astype(np.float32)


_Row = tuple[list[Mark], list[_Hypothesis]]  # a row's marks and the best way through them


class Recognizer:
    """Reads pictures with one model. Safe to share between threads.

    Args:
        litert: the model's LiteRT file.
        judge: tells what is a digit and what is not; without one, only marks of little confidence are doubted.
        line_reader: reads along rows of marks; without one, these are told apart by cutting alone.
    """

    def __init__(
        self, litert: bytes, name: str = "", judge: Judge | None = None, line_reader: LineReader | None = None
    ):
        self.name = name
        self._network = Network(litert)
        self._judge = judge
        self._line_reader = line_reader

    @classmethod
    def load(cls, name: str | None = None) -> "Recognizer":
        """The model of that name, by default the project's own; where it has no companions, the default's help.

        Raises:
            ModelError: there is no such model, or its files are damaged.
        """
        model = model_store.find(name)
        return cls(model.litert_bytes(), model.name, _judge_for(model), _line_reader_for(model))

    def read(self, picture: np.ndarray) -> Reading:
        """Read a picture: one digit, a number, or rows of them.

        Args:
            picture: uint8 (height, width), (height, width, 3) or (height, width, 4), any polarity.

        Raises:
            UnreadableImageError: the array is not a picture.
        """
        ink = images.extract_ink(images.working_size(images.check(picture)))
        with _reading:
            rows, turns = self._read_upright(ink)
        scale = picture.shape[1] / ink.shape[1], picture.shape[0] / ink.shape[0]  # x, y
        upright = ink.shape if turns == 0 else ink.shape[::-1]
        digits = self._trusted([self._digits(row) for row in rows], upright)
        lines = ["".join(digit.text for digit in row) for row in digits]
        placed = [replace(d, box=_on_page(d.box, turns, ink.shape, scale)) for row in digits for d in row]
        return Reading(lines, placed, np.rot90(ink, turns), 90 * turns)

    def classify(self, digits: np.ndarray) -> np.ndarray:
        """Ten probabilities each, float32 (n, 10), for digits uint8 (n, 28, 28), normalised as MNIST."""
        return self._network.run(digits)[0]

    def trusts(self, digits: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Whether each of these digits, uint8 (n, 28, 28), would be called one if it stood alone, bool (n,).

        Args:
            probabilities: of the digits, as `classify` gives them.
        """
        sure = probabilities.max(1) >= LEAST_CONFIDENCE
        if not self._judge:
            return sure
        share = digit_share(self._judge(digits), True)
        return sure & (together(share, probabilities.max(1), self._judge.weights) >= self._judge.threshold)

    def _read_upright(self, ink: np.ndarray) -> tuple[list[list[_Hypothesis]], int]:
        """Rows, and the quarter turns to the left after which they read best; most pages stand upright."""
        (look, marks), turns = self._look(ink), 0
        if self._judge and marks >= FEW_MARKS and _mean_trust(look) < UPRIGHT:
            turned = {k: self._look(np.ascontiguousarray(np.rot90(ink, k)))[0] for k in (1, 3)}
            best = max(turned, key=lambda k: _mean_trust(turned[k]))
            if _mean_trust(turned[best]) >= UPRIGHT and _is_writing(turned[best]):
                look, turns = turned[best], best
        page = ink.shape if turns == 0 else ink.shape[::-1]
        rows = self._look_closer(look)
        return self._without_frame(self._as_one(look, rows) or rows, page), turns

    def _as_one(self, look: list[_Row], rows: list[list[_Hypothesis]]) -> list[list[_Hypothesis]] | None:
        """All marks of a page as one broken digit, if that is likelier than what was found.

        It is asked where one of them is no likely digit, and must be all the likelier where another is one.
        """
        pieces = [mark for row, _ in look for mark in row]
        marks = [hypothesis for row in rows for hypothesis in row]
        if not 1 < len(pieces) <= segmentation.MOST_PIECES or min(mark.trust for mark in marks) >= LIKELY:
            return None
        found = self._best([Grouping(0, 1, segmentation.join(pieces), 0.0)])
        needed = SURE if any(self._trusts(mark) for mark in marks) else LIKELY
        return [found] if found[0].trust >= needed else None

    def _look(self, ink: np.ndarray) -> tuple[list[_Row], int]:
        """A page's rows of marks with the best way through each, no mark cut yet; and how many marks it has.

        Marks that stand alone over each other may be pieces of one digit: joined where that reads better.
        """
        rows = segmentation.find_rows(ink)
        marks = sum(map(len, rows))
        if len(rows) > 1 and all(len(row) == 1 for row in rows):
            column = self._best(segmentation.stackings([row[0] for row in rows]))
            rows = [[hypothesis.grouping.mark] for hypothesis in column]
        return [(row, self._best(segmentation.groupings(segmentation.pieces(row)))) for row in rows], marks

    def _look_closer(self, look: list[_Row]) -> list[list[_Hypothesis]]:
        """The same once the marks that remain in doubt are cut into pieces; where that are very many, it is no page."""
        doubtful = [_doubtful(row, found) for row, found in look]
        if not self._judge or sum(len(marks) for marks in doubtful) > MOST_DOUBTFUL:
            return [found for _, found in look]
        return [
            self._closer(row, found, marks) if marks or len(found) > 1 else found
            for (row, found), marks in zip(look, doubtful, strict=True)
        ]

    def _closer(self, row: list[Mark], found: list[_Hypothesis], doubtful: set[int]) -> list[_Hypothesis]:
        """The best way through a row whose doubtful marks are cut; what gives hardly a digit stays whole.

        The line reader tells how many marks there are, and what it took them for; it is not believed
        where it leaves more marks unread than the judge does, nor where the judge is sure of one digit.
        """
        candidates = segmentation.groupings(segmentation.pieces(row, doubtful))
        seen, whole = self._seen(row), segmentation.join(row)
        if seen:  # most cuts need not be looked at
            near = self._scored([c for c in candidates if c.entire or _is_near(c.mark, seen, whole)])
            along = _aligned(near, seen, whole)
            if along and not self._untrusted(along) and not any(_is_all(h, candidates) for h in near):
                return along
        hypotheses = self._scored(candidates)
        along, cut = _aligned(hypotheses, seen, whole), _best_way(hypotheses)
        one = len(cut) == 1 and cut[0].trust >= SURE
        if along and not one and self._untrusted(along) <= self._untrusted(cut):
            return along
        return cut if self._untrusted(cut) < len(cut) / 2 else found

    def _seen(self, row: list[Mark]) -> list[Seen]:
        """What the line reader sees on a row, if that is several marks, mostly digits."""
        seen = self._line_reader(segmentation.join(row).ink) if self._line_reader else []
        return seen if len(seen) > 1 and sum(mark.value == SYMBOL for mark in seen) <= len(seen) / 2 else []

    def _untrusted(self, marks: Sequence[_Hypothesis]) -> int:
        return sum(not self._trusts(mark) for mark in marks)

    def _without_frame(self, rows: list[list[_Hypothesis]], page: tuple[int, int]) -> list[list[_Hypothesis]]:
        """Rows without what is no digit and reaches the picture's edge (a desk, a shadow, a line), or is mere dirt."""
        heights = [h.grouping.mark.height for row in rows for h in row if self._trusts(h)]
        if not heights:
            return rows
        dirt = segmentation.SMALL * float(np.median(heights))
        inside = [
            [h for h in row if self._trusts(h) or not (_reaches_edge(h.grouping.mark, page) or _size(h) < dirt)]
            for row in rows
        ]
        return [row for row in inside if row]

    def _trusts(self, hypothesis: _Hypothesis) -> bool:
        return not self._judge or hypothesis.trust >= PASSABLE

    def _trusted(self, rows: list[list[Digit]], page: tuple[int, int]) -> list[list[Digit]]:
        """The digits of a page, each trusted or not; among much that is no digit, or cut off, they need more trust."""
        threshold = self._judge.threshold if self._judge else 0.0
        digits = [digit for row in rows for digit in row]
        strangers = sum(digit.trust < threshold for digit in digits)
        if len(digits) > 1 and strangers >= STRANGERS * len(digits):
            threshold = max(COMPANY, threshold)

        def is_trusted(digit: Digit) -> bool:
            cut_off = self._judge and _is_at_edge(digit.box, page)
            least = max(LIKELY, threshold) if cut_off else threshold
            return digit.trust >= least and digit.confidence >= LEAST_CONFIDENCE

        return [[replace(digit, trusted=is_trusted(digit)) for digit in row] for row in rows]

    def _best(self, candidates: list[Grouping]) -> list[_Hypothesis]:
        """Score every candidate, and keep the best way through."""
        return _best_way(self._scored(candidates))

    def _scored(self, candidates: list[Grouping]) -> list[_Hypothesis]:
        """Every candidate judged, in one batch."""
        pictures = np.stack([normalization.normalize(candidate.mark.ink) for candidate in candidates])
        return [_hypothesis(*parts) for parts in zip(candidates, pictures, self._judged(pictures), strict=True)]

    def _judged(self, pictures: np.ndarray) -> np.ndarray:
        if self._judge:
            return self._judge(pictures)
        return np.pad(self.classify(pictures), ((0, 0), (0, CLASSES - 10)))

    def _digits(self, row: Sequence[_Hypothesis]) -> list[Digit]:
        """What the model reads, in pixels of the ink; none is trusted yet."""
        probabilities = self.classify(np.stack([hypothesis.image for hypothesis in row]))
        return [self._digit(h, p) for h, p in zip(row, probabilities, strict=True)]

    def _digit(self, hypothesis: _Hypothesis, probabilities: np.ndarray) -> Digit:
        probabilities = hypothesis.merged(probabilities)
        value = int(probabilities.argmax())
        confidence = float(probabilities[value])
        trust = float(together(hypothesis.trust, confidence, self._judge.weights)) if self._judge else 1.0
        return Digit(
            value=value,
            confidence=confidence,
            trusted=False,
            box=hypothesis.grouping.mark.box,
            probabilities=probabilities,
            image=hypothesis.image,
            ink=hypothesis.grouping.mark.ink,
            trust=trust,
        )


def together(share: np.ndarray | float, confidence: np.ndarray | float, weights: Sequence[float]) -> np.ndarray:
    """Probability of being a digit, whichever, by the judge's probability of that and the model's confidence.

    Args:
        weights: of the log-odds of either, and the constant, as `trust` fits them.
    """
    return 1 / (1 + np.exp(-(weights[0] * log_odds(share) + weights[1] * log_odds(confidence) + weights[2])))


def _judge_for(model: model_store.StoredModel) -> Judge | None:
    """A model's own judge, or the default model's; None where that cannot be had."""
    try:
        judging = model if model.has_judge else model_store.find()
        if not judging.has_judge:
            return None
        about = judging.card["judge"]
        return Judge(judging.judge_bytes(), about["threshold"], about["weights"])
    except model_store.ModelError:
        if model.has_judge:
            raise
        log.exception("There is no judge for %s", model.name)
        return None


def _line_reader_for(model: model_store.StoredModel) -> LineReader | None:
    """A model's own line reader, or the default model's; None where that cannot be had."""
    try:
        reading = model if model.has_lines else model_store.find()
        return LineReader(reading.lines_bytes()) if reading.has_lines else None
    except model_store.ModelError:
        if model.has_lines:
            raise
        log.exception("There is no line reader for %s", model.name)
        return None


def _best_way(hypotheses: Sequence[_Hypothesis]) -> list[_Hypothesis]:
    """The hypotheses that cover a row once with the highest score."""
    path = segmentation.best_path([h.grouping for h in hypotheses], [h.score for h in hypotheses])
    return [hypotheses[index] for index in path]


def _aligned(hypotheses: Sequence[_Hypothesis], seen: Sequence[Seen], row: Mark) -> list[_Hypothesis] | None:
    """The hypotheses that fit best what the line reader saw on the row; None where it saw nothing, or none fit."""
    if not seen:
        return None
    scores = np.array([[_fit(hypothesis, mark, row) for mark in seen] for hypothesis in hypotheses])
    path = segmentation.aligned_path([h.grouping for h in hypotheses], scores)
    return path and [replace(hypotheses[index], seen=mark) for index, mark in zip(path, seen, strict=True)]


def _is_near(mark: Mark, seen: Sequence[Seen], row: Mark) -> bool:
    """Whether the line reader saw something about the middle of that."""
    return min(_away(mark, other, row) for other in seen) <= NEAR


def _is_all(hypothesis: _Hypothesis, candidates: Sequence[Grouping]) -> bool:
    """Whether the judge is sure that a whole row is one digit."""
    whole = hypothesis.grouping.first == 0 and hypothesis.grouping.last == max(c.last for c in candidates)
    return whole and hypothesis.trust >= SURE


def _away(mark: Mark, seen: Seen, row: Mark) -> float:
    """How far a mark's middle is from where the line reader saw one, in heights of the row."""
    return abs(row.left + seen.place * row.width - (mark.left + mark.right) / 2) / row.height


def _fit(hypothesis: _Hypothesis, mark: Seen, row: Mark) -> float:
    """How well a grouping would be a mark that the line reader saw: by the judge, and by its place."""
    grouping = hypothesis.grouping
    classes = hypothesis.classes
    share = classes[mark.value] if mark.value < SYMBOL else classes[SYMBOL] + PIECES_SHARE * classes[PIECES]
    return grouping.log_odds + grouping.room * _log(share) - FAR * _away(grouping.mark, mark, row) ** 2


def _hypothesis(grouping: Grouping, image: np.ndarray, classes: np.ndarray) -> _Hypothesis:
    """A grouping as the likelier of a digit and a symbol; only uncut marks that are not wide can be symbols."""
    weight = grouping.room * (1.0 if grouping.entire else CUT_WEIGHT)
    digit = grouping.log_odds + weight * _log(classes[:SYMBOL].max())
    symbol = -math.inf
    if grouping.entire and grouping.room < WIDE:
        strange = classes[SYMBOL] + PIECES_SHARE * classes[PIECES]
        symbol = grouping.log_odds + grouping.room * (_log(strange) - SYMBOL_COST)
    return _Hypothesis(grouping, image, classes, digit >= symbol, max(digit, symbol))


def _log(probability: float) -> float:
    return math.log(max(float(probability), 1e-9))


def _doubtful(row: Sequence[Mark], found: Sequence[_Hypothesis]) -> set[int]:
    """Indices of a row's marks that may hold more than one digit: those of which the judge is not sure."""
    unsure = [h.grouping for h in found if not h.beats_symbol or h.score < math.log(SURE)]
    return {mark for grouping in unsure for mark in range(grouping.first, grouping.last)}


def _is_writing(look: list[_Row]) -> bool:
    """Whether there are different digits; lines that lie on their side are many ones."""
    values = [int(hypothesis.classes.argmax()) for _, found in look for hypothesis in found]
    return len(values) >= FEW_MARKS and len(set(values)) > 2


def _mean_trust(look: list[_Row]) -> float:
    return float(np.mean([hypothesis.trust for _, found in look for hypothesis in found] or [0]))


def _size(hypothesis: _Hypothesis) -> int:
    return max(hypothesis.grouping.mark.width, hypothesis.grouping.mark.height)


def _reaches_edge(mark: Mark, page: tuple[int, int]) -> bool:
    """Whether a mark's ink goes on to the edge of the page (height, width)."""
    return _is_at_edge(mark.box, page)


def _is_at_edge(box: tuple[int, int, int, int], page: tuple[int, int]) -> bool:
    x, y, width, height = box
    return x <= 1 or y <= 1 or x + width >= page[1] - 1 or y + height >= page[0] - 1


def _on_page(box: tuple, turns: int, page: tuple[int, int], scale: tuple[float, float]) -> tuple[int, int, int, int]:
    """A box on ink that was turned -> the same place in the picture's pixels."""
    x, y, width, height = box
    if turns == 1:
        x, y, width, height = page[1] - y - height, x, height, width
    if turns == 3:
        x, y, width, height = y, page[0] - x - width, height, width
    left, right = round(x * scale[0]), round((x + width) * scale[0])
    top, bottom = round(y * scale[1]), round((y + height) * scale[1])
    return left, top, right - left, bottom - top
