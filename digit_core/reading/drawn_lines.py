"""Reread each line of a drawing as a whole: confirm or reject the detected marks, and add missed ones.

Only drawings are reread, because their ink is known exactly; photographs keep the page network's answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from digit_core.models.calibration import log_odds
from digit_core.models.line_format import OTHER
from digit_core.pictures import normalization
from digit_core.reading import layout, line_decoding
from digit_core.reading.line_decoding import Decoded, Weights
from digit_core.reading.line_network import LineNetwork
from digit_core.reading.settings import ReadingSettings

INKED = 40  # grey levels from the paper's from which a pixel is ink
ROUND = 0.1  # heights round a mark's box that count as inside
MOST = 24  # marks; longer lines skip the line network
TALL = 64  # pixels to which taller marks are scaled down
LARGEST = 4_000_000  # pixels; larger pictures are skipped
MOST_COMPONENTS = 5000  # of a picture: bounds time and memory


@dataclass(frozen=True)
class Candidate:
    """A mark as it may be read; centre and size in pixels of the upright picture.

    Attributes:
        label: 0..9, OTHER, POINT or MINUS.
        heat: the probability that there is a mark, 0..1.
        digit: the probability that it is a digit, whichever, 0..1.
        probabilities: float32 (10,), of the ten digits.
        image: uint8 (28, 28), as a classifier wants it.
        ink: its own ink, uint8 (height, width).
    """

    x: float
    y: float
    width: float
    height: float
    label: int
    heat: float
    digit: float
    probabilities: np.ndarray = field(repr=False)
    image: np.ndarray = field(repr=False)
    ink: np.ndarray = field(repr=False)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return (self.x - self.width / 2, self.y - self.height / 2, self.x + self.width / 2, self.y + self.height / 2)


@dataclass(frozen=True)
class DrawnLine:
    """The ink of one line of marks, uint8 (height, width), and where in the picture it is.

    Attributes:
        corner: x and y of its first pixel, in pixels of the picture.
        scale: pixels of the picture a pixel of `ink`.
    """

    ink: np.ndarray
    corner: tuple[float, float]
    scale: float


@dataclass(frozen=True)
class TextLine:
    """Marks from left to right, and their ink if it can be separated from its surroundings, else None."""

    marks: list[Candidate]
    drawn: DrawnLine | None


def text_lines(candidates: Sequence[Candidate], grey: np.ndarray, settings: ReadingSettings) -> list[TextLine]:
    """The text lines of a drawing, uint8 (height, width), without points and minus signs."""
    lines = layout.lines([c for c in candidates if c.label <= OTHER], settings)
    inks = drawn_lines(lines, grey, settings)
    return [
        TextLine(marks, ink if ink is not None and _is_writing(ink, marks, settings) else None)
        for marks, ink in zip(lines, inks, strict=True)
    ]


def decided(
    candidates: Sequence[Candidate],
    lines: Sequence[TextLine],
    network: LineNetwork,
    weights: Weights,
    alone: Weights,
    classify: Callable[[np.ndarray], np.ndarray],
    keeps_classes: bool = False,
) -> list[Candidate]:
    """The marks that both networks together decide on, with fused probabilities; signs pass through unchanged.

    Args:
        lines: the `text_lines` of the candidates.
        weights: for lines with several detections; `alone` is for lines with one.
        classify: images uint8 (n, 28, 28) -> probabilities (n, 10), for marks that were not detected.
        keeps_classes: whether the probabilities of the ten digits stay as they are.
    """
    found = [c for c in candidates if c.label > OTHER]
    for line in lines:
        marks, drawn = line.marks, line.drawn
        steps = network(drawn.ink) if drawn is not None and len(marks) <= MOST else None
        if steps is None:
            found += marks
            continue
        digit, classes = np.array([m.digit for m in marks]), np.array([m.probabilities for m in marks])
        decoded = line_decoding.decode(digit, classes, steps, weights if len(marks) > 1 else alone)
        for number, mark in enumerate(decoded):
            if mark.detection is None:
                new = _unseen(drawn, decoded, number, classify, keeps_classes)
                found += [new] if new is not None else []
                continue
            old = marks[mark.detection]
            own = old.probabilities if keeps_classes else mark.probabilities.astype(np.float32)
            digit = mark.digit if len(marks) > 1 or len(decoded) > 1 else pooled(old.digit, mark.digit)
            found.append(replace(old, digit=digit, probabilities=own))
    return found


def pooled(one: float, other: float) -> float:
    """Combine two probabilities of one event: the mean of their log-odds, as a probability.

    A logarithmic opinion pool (Genest and Zidek 1986). By itself, the line network rejects more isolated digits.
    """
    return float(1 / (1 + np.exp(-(log_odds(one) + log_odds(other)) / 2)))


def drawn_lines(
    lines: Sequence[Sequence[Candidate]], grey: np.ndarray, settings: ReadingSettings
) -> list[DrawnLine | None]:
    """The ink of each line of marks; None if it cannot be separated from its surroundings."""
    heights = [mark.height for line in lines for mark in line]
    scale = max(float(np.median(heights)) / TALL, 1.0) if heights else 1.0
    if grey.size / scale**2 > LARGEST:
        return [None] * len(lines)
    ink = _ink(grey, scale)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink > INKED).astype(np.uint8), connectivity=8)
    if not lines or count > MOST_COMPONENTS:
        return [None] * len(lines)
    boxes = np.concatenate([stats[1:, :2], stats[1:, :2] + stats[1:, 2:4]], 1)  # (n, 4) as `Candidate.box`
    owners = np.append(-1, _lines_of(boxes * scale, lines))  # component 0 is paper
    found: list[DrawnLine | None] = []
    for number, line in enumerate(lines):
        own = boxes[owners[1:] == number]
        left, top, right, bottom = (*own[:, :2].min(0), *own[:, 2:].max(0)) if len(own) else (0, 0, 0, 0)
        if not 0 < bottom - top < settings.highest * np.median([mark.height for mark in line]) / scale:
            found.append(None)
            continue
        part = np.s_[top:bottom, left:right]
        alone = np.where(owners[labels[part]] == number, ink[part], 0).astype(np.uint8)
        found.append(DrawnLine(alone, (left * scale, top * scale), scale))
    return found


def small_pieces(grey: np.ndarray, height: float, settings: ReadingSettings) -> int:
    """Count the components of a drawing, uint8 (height, width), that are much smaller than digits of `height` pixels:
    points and commas, detected or not."""
    scale = max(height / TALL, 1.0)
    if grey.size / scale**2 > LARGEST:
        return 0
    _, _, stats, _ = cv2.connectedComponentsWithStats((_ink(grey, scale) > INKED).astype(np.uint8), connectivity=8)
    sizes = stats[1:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max(1) * scale
    return int(np.count_nonzero(sizes < settings.small * height))


def _is_writing(line: DrawnLine, marks: Sequence[Candidate], settings: ReadingSettings) -> bool:
    """Whether enough of a line's ink lies on its marks; for frames and printed lines it does not."""
    within = np.zeros(line.ink.shape, bool)
    for mark in marks:
        if mark.heat < settings.seen:
            continue
        low, high = (np.array(corner) - line.corner for corner in (mark.box[:2], mark.box[2:]))
        low, high = low - ROUND * mark.height, high + ROUND * mark.height
        (left, top), (right, bottom) = np.maximum(np.round(np.stack([low, high]) / line.scale), 0).astype(int)
        within[top : bottom + 1, left : right + 1] = True
    inked = line.ink > INKED
    return bool(inked.any() and np.mean(within[inked]) >= settings.covered)


def _ink(grey: np.ndarray, scale: float) -> np.ndarray:
    """Each pixel's difference from the paper's grey, uint8, maximum 255, at 1 / `scale` of the size."""
    paper = int(cv2.calcHist([grey], [0], None, [256], [0, 256]).argmax())
    ink = cv2.absdiff(grey, np.full_like(grey, paper))
    if scale > 1:
        size = max(round(grey.shape[1] / scale), 1), max(round(grey.shape[0] / scale), 1)
        ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    return cv2.convertScaleAbs(ink, alpha=255 / max(int(ink.max()), 1))


def _lines_of(boxes: np.ndarray, lines: Sequence[Sequence[Candidate]]) -> np.ndarray:
    """For each component box (n, 4), the line whose marks it overlaps most, else a line beside it, else -1."""
    marks = np.array([mark.box for line in lines for mark in line])
    starts = np.cumsum([0, *(len(line) for line in lines[:-1])])
    low, high = np.maximum(boxes[:, np.newaxis, :2], marks[:, :2]), np.minimum(boxes[:, np.newaxis, 2:], marks[:, 2:])
    wide, tall = np.moveaxis(high - low, 2, 0)  # (n, marks); below 0: the gap
    overlap = np.add.reduceat(np.maximum(wide, 0) * np.maximum(tall, 0), starts, axis=1)
    is_beside = (tall > 0.5 * (boxes[:, 3:] - boxes[:, 1:2])) & (-wide < marks[:, 3] - marks[:, 1])
    beside = np.logical_or.reduceat(is_beside, starts, axis=1)
    lying = np.where(overlap.max(1) > 0, overlap.argmax(1), -1)
    return np.where((lying < 0) & beside.any(1), beside.argmax(1), lying)


def _unseen(
    line: DrawnLine,
    decoded: Sequence[Decoded],
    number: int,
    classify: Callable[[np.ndarray], np.ndarray],
    keeps_classes: bool,
) -> Candidate | None:
    """Build a mark only the line network saw from the ink halfway to its neighbours; None without ink."""
    width = line.ink.shape[1]
    before = decoded[number - 1].place if number else -decoded[number].place
    after = decoded[number + 1].place if number + 1 < len(decoded) else 2 - decoded[number].place
    first, last = ((decoded[number].place + other) / 2 * width for other in (before, after))
    part = line.ink[:, max(int(first), 0) : max(int(last), int(first) + 1) + 1]
    if not part.any():
        return None
    x, y, wide, high = cv2.boundingRect(part)
    ink = part[y : y + high, x : x + wide]
    image = normalization.normalize(ink)
    probabilities = classify(image[np.newaxis])[0] if keeps_classes else decoded[number].probabilities
    return Candidate(
        x=line.corner[0] + (max(int(first), 0) + x + wide / 2) * line.scale,
        y=line.corner[1] + (y + high / 2) * line.scale,
        width=wide * line.scale,
        height=high * line.scale,
        label=int(decoded[number].probabilities.argmax()),
        heat=1.0,
        digit=decoded[number].digit,
        probabilities=np.asarray(probabilities, np.float32),
        image=image,
        ink=ink,
    )
