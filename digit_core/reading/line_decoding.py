"""Combine page and line network to decide which marks a drawn line holds. Runs no model.

A log-linear model (Berger et al. 1996) scores every likely line of marks by its probability under the line network
and by its match with the page network's detections. The weights are fitted on synthetic validation lines by
`training.drawing_calibration`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from digit_core.models.line_format import OTHER
from digit_core.reading.line_network import Marks, Steps

BEAMS = 8  # lines that the line network proposes
UNSURE = 0.03  # detections with a digit probability between this and 1 - this are ambiguous
MOST_UNSURE = 3  # ambiguous detections; all their combinations are tried
LEAST = 1e-4  # floor of all probabilities


@dataclass(frozen=True)
class Weights:
    """Weights of a hypothesis's features.

    Attributes:
        line: of the line network's log-probability.
        digit: of the log-probabilities that detections are digits, summed.
        value: of the log-probabilities of these digits' values, summed.
        refused: of the log-probabilities that the other detections are not digits, summed.
        unseen: added for each mark that was not detected.
        other: added for a detection that is a mark but not a digit.
        nothing: added for a detection that is not a separate mark.
    """

    line: float = 1.0
    digit: float = 1.0
    value: float = 1.0
    refused: float = 1.0
    unseen: float = -3.0
    other: float = -0.7
    nothing: float = -0.7


@dataclass(frozen=True)
class Hypothesis:
    """A possible line of marks, the detection (or None) matched to each mark, and its features.

    `features`, (7,), are in the order of `Weights`.
    """

    marks: Marks
    detections: tuple[int | None, ...]
    features: np.ndarray


@dataclass(frozen=True)
class Decoded:
    """One mark of the chosen line.

    Attributes:
        detection: its index, or None if only the line network saw it.
        digit: the probability that it is a digit of any class.
        probabilities: float (10,), of the ten digits.
        place: position along the ink, 0..1.
    """

    detection: int | None
    digit: float
    probabilities: np.ndarray
    place: float


def hypotheses(
    digit: np.ndarray, classes: np.ndarray, steps: Steps, weights: Weights, more: Sequence[Marks] = ()
) -> list[Hypothesis]:
    """Every likely line of marks.

    Args:
        digit: the probability that each detection is a digit, (n,), from left to right.
        classes: digit probabilities, (n, 10).
        more: further lines to consider.
    """
    proposed = list(dict.fromkeys([*more, *steps.likeliest(BEAMS), *_detected(digit, classes)]))
    logs = steps.log_probability(proposed)
    return [
        Hypothesis(marks, *_aligned(marks, digit, classes, float(log), weights))
        for marks, log in zip(proposed, logs, strict=True)
    ]


def decode(digit: np.ndarray, classes: np.ndarray, steps: Steps, weights: Weights) -> list[Decoded]:
    """The likeliest line of marks, with probabilities summed over all hypotheses; arguments as `hypotheses`."""
    found = hypotheses(digit, classes, steps, weights)
    scores = np.array([h.features for h in found]) @ np.array(astuple(weights))
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    best = found[int(scores.argmax())]
    places = steps.places_of(best.marks)
    decided = []
    for number, detection in enumerate(best.detections):
        votes = np.zeros(OTHER + 1)
        for hypothesis, share in zip(found, shares, strict=True):
            if detection is None:
                same = hypothesis.detections == best.detections
                votes[hypothesis.marks[number] if same else OTHER] += share
            elif detection in hypothesis.detections:
                votes[hypothesis.marks[hypothesis.detections.index(detection)]] += share
        digits = votes[:OTHER] + LEAST * (0.1 if detection is None else classes[detection])
        decided.append(Decoded(detection, float(votes[:OTHER].sum()), digits / digits.sum(), places[number]))
    return decided


def _detected(digit: np.ndarray, classes: np.ndarray) -> list[Marks]:
    """Lines from the detections: non-digits dropped, ambiguous ones both ways; and one with non-digits kept."""
    unsure = [i for i in np.argsort(np.abs(digit - 0.5)) if UNSURE < digit[i] < 1 - UNSURE][:MOST_UNSURE]
    is_digit = digit >= 0.5
    lines = []
    for choice in itertools.product((False, True), repeat=len(unsure)):
        is_digit[unsure] = choice
        lines.append(tuple(int(value) for value in classes[is_digit].argmax(1)))
    values = np.where(digit >= 0.5, classes.argmax(1), OTHER)
    return [*lines, tuple(int(value) for value in values)]


def _aligned(
    marks: Marks, digit: np.ndarray, classes: np.ndarray, log: float, weights: Weights
) -> tuple[tuple[int | None, ...], np.ndarray]:
    """The detection of each mark in the best alignment of marks and detections, and its features."""
    yes, no = np.log(np.clip(digit, LEAST, 1)), np.log(np.clip(1 - digit, LEAST, 1))
    values = np.log(np.clip(classes, LEAST, 1))
    best = np.full((len(digit) + 1, len(marks) + 1), -np.inf)
    way = np.zeros(best.shape, int)  # 0: both go on, 1: the detection is nothing, 2: the mark is unseen
    best[0, 0] = 0.0
    for i, j in itertools.product(range(len(digit) + 1), range(len(marks) + 1)):
        ways = [-np.inf, -np.inf, -np.inf]
        if i and j:
            value = marks[j - 1]
            is_digit = weights.digit * yes[i - 1] + weights.value * values[i - 1, min(value, OTHER - 1)]
            gain = weights.refused * no[i - 1] + weights.other if value == OTHER else is_digit
            ways[0] = best[i - 1, j - 1] + gain
        if i:
            ways[1] = best[i - 1, j] + weights.refused * no[i - 1] + weights.nothing
        if j:
            ways[2] = best[i, j - 1] + weights.unseen
        if i or j:
            way[i, j] = int(np.argmax(ways))
            best[i, j] = ways[way[i, j]]
    detections: list[int | None] = []
    features = np.array([log, 0, 0, 0, 0, 0, 0], float)
    i, j = len(digit), len(marks)
    while i or j:
        step = way[i, j]
        i, j = i - (step != 2), j - (step != 1)
        is_other = step == 0 and marks[j] == OTHER
        if step == 0 and not is_other:
            features[1:3] += yes[i], values[i, marks[j]]
        elif step != 2:
            features[3] += no[i]
        features[4:] += (step == 2, is_other, step == 1)
        if step != 1:
            detections.append(i if step == 0 else None)
    return tuple(reversed(detections)), features
