"""Calibrate the networks on synthetic validation pages, drawings and drawn lines.

No network was trained on the validation part's digits and writers. Loads no TensorFlow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from digit_core.data.scenes import Mark
from digit_core.models.calibration import fit_logistic
from digit_core.models.page_format import OTHER
from digit_core.reading.acceptance import KINDS, Calibration, Fusion, evidence, is_drawn, kind_of
from digit_core.reading.context import context
from digit_core.reading.cutouts import cut_out
from digit_core.reading.mark_network import MarkNetwork
from digit_core.reading.page_network import Detection
from digit_core.reading.page_reader import PageReader
from digit_core.reading.recognizer import seen

Classifier = Callable[[np.ndarray], np.ndarray]  # digits uint8 (n, 28, 28) -> probabilities (n, 10)
SAME = 0.35  # intersection over union from which a detection is that mark
NOTHING_FOUND = "The page network finds nothing at all: it needs more training."
ARRAYS = ("heat", "network", "classifier", "mark", "context", "kind", "truth")  # of `Findings`
INVENTED = 2  # cost of a false positive, in refused digits
UNKNOWN = -2  # label of an ambiguous detection: half hidden, or too small


class CalibrationError(Exception):
    """Calibration is not possible; the message tells the user why."""


@dataclass(frozen=True)
class Example:
    """A picture, uint8 (height, width), and all marks on it; `doubtful` are those that nobody need read."""

    picture: np.ndarray
    marks: Sequence[Mark]
    doubtful: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Findings:
    """The detections of all examples: their evidence, and what they really are.

    Attributes:
        heat: (n,); `network` (n, 13), `classifier` (n, 10) and `mark` (n, 11) are probabilities.
        context: (n, 4), what surrounds each.
        kind: (n,), which of `acceptance.KINDS`.
        truth: (n,), the digit, or -1 for none.
        missed, digits: of how many digits how many were not detected at all.
    """

    heat: np.ndarray
    network: np.ndarray
    classifier: np.ndarray
    mark: np.ndarray
    context: np.ndarray
    kind: np.ndarray
    truth: np.ndarray
    missed: int
    digits: int

    @property
    def evidence(self) -> np.ndarray:
        return evidence(self.heat, self.network, self.classifier, self.mark, self.context)


def check(reader: PageReader, examples: Sequence[Example]) -> None:
    """Raises CalibrationError if nothing is found on any of the examples."""
    if not any(reader.marks(example.picture) for example in examples):
        raise CalibrationError(NOTHING_FOUND)


def find(reader: PageReader, look: MarkNetwork, classify: Classifier, examples: Sequence[Example]) -> Findings:
    """Read every example, and compare what was detected with what is there."""
    rows, missed, digits = [], 0, 0
    for example in examples:
        marks = reader.marks(example.picture)
        truth, found = matched(marks, example)
        readable = [i for i, m in enumerate(example.marks) if m.label < OTHER and i not in example.doubtful]
        digits += len(readable)
        missed += len(set(readable) - found)
        if not marks:
            continue
        cut, kind = cut_out(marks, example.picture), kind_of(is_drawn(example.picture), seen(marks, reader.settings))
        looks, classes = look(cut.views), classify(cut.images)
        around = context(marks, looks[:, :OTHER].sum(1), cut.contrasts, reader.settings)
        rows += [
            (mark.heat, mark.probabilities, *own, kind, value)
            for mark, value, *own in zip(marks, truth, classes, looks, around, strict=True)
            if value != UNKNOWN and mark.label <= OTHER  # points and minus signs are read by a rule of their own
        ]
    if not rows:
        raise CalibrationError(NOTHING_FOUND)
    return Findings(*(np.array(column) for column in zip(*rows, strict=True)), missed, digits)


def fit(findings: Findings) -> Calibration:
    """Fit maximum-likelihood weights, and thresholds, for each kind of mark. The thresholds of drawn marks are
    preliminary: `drawing_calibration` chooses them again with the line network."""
    return Calibration(**{kind: _fusion(_of_kind(findings, kind)) for kind in KINDS})


def _fusion(findings: Findings) -> Fusion:
    is_digit = findings.truth >= 0
    if len(np.unique(findings.truth[is_digit])) < 10 or is_digit.all():
        raise CalibrationError("The page network does not find all ten digits and other marks: it needs more training.")
    weights = np.full(len(is_digit), 1 / len(is_digit))
    acceptance = tuple(fit_logistic(findings.evidence, is_digit, weights))
    fusion = Fusion(*_fit_exponents(findings, is_digit), acceptance)
    # A false digit spoils a number, a "?" only leaves it open; pages hold many marks that are not digits.
    threshold = best_threshold(fusion.digit_probability(findings.evidence), is_digit, INVENTED)
    return replace(fusion, threshold=threshold)


def best_threshold(probability: np.ndarray, is_digit: np.ndarray, invented: float = 1.0) -> float:
    """The threshold on `probability` (n,) with the lowest cost; a false positive costs `invented` refused digits."""
    candidates = np.linspace(0.05, 0.95, 91)
    wrong = [
        np.count_nonzero(is_digit & (probability < candidate))
        + invented * np.count_nonzero(~is_digit & (probability >= candidate))
        for candidate in candidates
    ]
    return round(float(candidates[int(np.argmin(wrong))]), 2)


def joined(a: Findings, b: Findings) -> Findings:
    """The detections of both."""
    arrays = (np.concatenate([getattr(a, name), getattr(b, name)]) for name in ARRAYS)
    return Findings(*arrays, a.missed + b.missed, a.digits + b.digits)


def _of_kind(findings: Findings, kind: str) -> Findings:
    return replace(findings, **{name: getattr(findings, name)[findings.kind == kind] for name in ARRAYS})


def _fit_exponents(findings: Findings, is_digit: np.ndarray) -> tuple[float, float, float]:
    """Exponents of the networks' probabilities with the lowest cross-entropy; none is below 0."""
    truth = findings.truth[is_digit]
    rows = np.arange(len(truth))

    def cross_entropy(exponents: np.ndarray) -> float:
        fusion = Fusion(*np.maximum(exponents, 0))
        fused = fusion.fused(*(own[is_digit] for own in (findings.network, findings.classifier, findings.mark)))
        return float(-np.log(np.maximum(fused[rows, truth], 1e-9)).mean())

    found = minimize(cross_entropy, (0.4, 0.3, 0.3), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6})
    return tuple(float(value) for value in np.maximum(found.x, 0))


def matched(marks: Sequence[Detection], example: Example) -> tuple[list[int], set[int]]:
    """The truth of each detection, the best first to choose; and the indices of the marks that were found."""
    truth, found = [-1] * len(marks), set()
    for place in sorted(range(len(marks)), key=lambda i: -marks[i].score):
        overlaps = [0.0 if i in found else overlap(marks[place].box, mark) for i, mark in enumerate(example.marks)]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best < 0 or overlaps[best] < SAME:
            continue
        found.add(best)
        label = example.marks[best].label
        truth[place] = UNKNOWN if best in example.doubtful else label if label < OTHER else -1
    return truth, found


def overlap(box: tuple[float, float, float, float], mark: Mark) -> float:
    """Intersection over union of a box, as left, top, right and bottom, and a mark's box, 0..1."""
    left, top, right, bottom = box
    width = min(right, mark.left + mark.width) - max(left, mark.left)
    height = min(bottom, mark.top + mark.height) - max(top, mark.top)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((right - left) * (bottom - top) + mark.width * mark.height - both)


def figures(findings: Findings, calibration: Calibration) -> dict[str, float]:
    """Evaluate on pages: the number of "digits", the fractions of them "found" and "right", and the fraction of all
    other detections that is "refused"."""
    value, accepted = np.zeros(len(findings.truth), int), np.zeros(len(findings.truth), bool)
    for kind in KINDS:
        some, fusion, own = findings.kind == kind, calibration.of(kind), _of_kind(findings, kind)
        value[some] = fusion.fused(own.network, own.classifier, own.mark).argmax(1)
        accepted[some] = fusion.digit_probability(own.evidence) >= fusion.threshold
    is_digit = findings.truth >= 0
    right = accepted & (value == findings.truth)
    figures = {
        "digits": findings.digits,
        "found": 1 - findings.missed / findings.digits,
        "right": float(right[is_digit].sum() / findings.digits),
        "refused": float(1 - accepted[~is_digit].mean()),
    }
    return {name: round(value, 4) for name, value in figures.items()}
