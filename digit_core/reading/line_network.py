"""Line network inference: the ink of a drawn line -> class log-probabilities at each step. LiteRT only.

It sees a whole line at once, so it counts touching or overlapping digits better than the page network.
`line_decoding` combines the two.
"""

import heapq
from dataclasses import dataclass

import numpy as np

from digit_core.models.line_format import MARGIN, NOTHING, STEP, prepare, stack
from digit_core.models.litert import Interpreters

CERTAIN = np.log(0.999)  # log-probability of NOTHING from which a step counts as blank
UNLIKELY = np.log(0.002)  # log-probability of a class below which a step does not propose it
NEVER = -1e9  # stands in for log(0)

Marks = tuple[int, ...]  # of a line, from left to right: 0..9 or `line_format.OTHER`


@dataclass(frozen=True)
class Steps:
    """The network's output along a line; each run of near-certain blanks is reduced to one step.

    Attributes:
        logs: log-probabilities float64 (steps, 12).
        places: where along the ink each step is, (steps,), 0 at its left end and 1 at its right.
    """

    logs: np.ndarray
    places: np.ndarray

    def likeliest(self, count: int) -> list[Marks]:
        """The likeliest marks, best first, by prefix beam search (Hannun et al. 2014) with `count` beams."""
        beams: dict[Marks, tuple[float, float]] = {(): (0.0, NEVER)}  # ending in a blank, and in their last mark
        for step in self.logs.tolist():
            longer: dict[Marks, tuple[float, float]] = {}
            classes = [value for value in range(NOTHING) if step[value] > UNLIKELY]
            for marks, (blank, ended) in beams.items():
                both = float(np.logaddexp(blank, ended))
                _add(longer, marks, both + step[NOTHING], ended + step[marks[-1]] if marks else NEVER)
                for value in classes:
                    before = blank if marks and marks[-1] == value else both
                    _add(longer, (*marks, value), NEVER, before + step[value])
            beams = dict(heapq.nlargest(count, longer.items(), key=lambda beam: np.logaddexp(*beam[1])))
        return list(beams)

    def log_probability(self, lines: list[Marks]) -> np.ndarray:
        """The log-probability (n,) of each of these lines of marks: the forward algorithm of CTC."""
        extended = _extended(lines)
        may_skip = _may_skip(extended)
        reached = np.full(extended.shape, NEVER)
        reached[:, 0] = 0.0
        for number, step in enumerate(self.logs):
            from_last = _moved(reached, 1)
            skipped = np.where(may_skip, _moved(reached, 2), NEVER) if number else NEVER
            reached = np.logaddexp(np.logaddexp(reached, from_last), skipped) + step[extended]
        rows, last = np.arange(len(lines)), 2 * np.array([len(marks) for marks in lines])
        return np.logaddexp(reached[rows, last], np.where(last > 0, reached[rows, last - 1], NEVER))

    def places_of(self, marks: Marks) -> list[float]:
        """Position of each mark along the ink, 0..1: the middle of its segment in the Viterbi path."""
        [extended], count = _extended([marks]), 2 * len(marks) + 1
        may_skip = _may_skip(extended[np.newaxis])[0]
        reached, came = np.full(count, NEVER), np.zeros((len(self.logs), count), int)
        reached[0] = 0.0
        for number, step in enumerate(self.logs):
            skipped = np.where(may_skip, _moved(reached, 2), NEVER) if number else np.full(count, NEVER)
            ways = np.stack([reached, _moved(reached, 1), skipped])
            came[number] = ways.argmax(0)
            reached = ways.max(0) + step[extended]
        state = count - 1 if count == 1 or reached[-1] > reached[-2] else count - 2
        steps: list[list[float]] = [[] for _ in range(count)]
        for number in reversed(range(len(self.logs))):
            steps[state].append(self.places[number])
            state -= came[number, state]
        return [float(np.mean(own)) if own else 0.5 for own in steps[1::2]]


class LineNetwork:
    """Runs the LiteRT file whose bytes it is given. Safe to share between threads."""

    def __init__(self, litert: bytes):
        self._interpreters = Interpreters(litert, most=5)

    def __call__(self, ink: np.ndarray) -> Steps | None:
        """Read a line of ink, uint8 (height, width); None if it is empty or too long for a line."""
        picture = prepare(ink)
        if picture is None:
            return None
        [answers] = self._interpreters.run(stack([picture]))
        logits = answers[0, : -(-picture.shape[1] // STEP)].astype(float)
        logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        is_new = logs[:, NOTHING] < CERTAIN
        kept = np.flatnonzero(is_new | np.append(True, is_new[:-1]))
        places = ((kept + 0.5) * STEP - MARGIN) / max(picture.shape[1] - 2 * MARGIN, 1)
        return Steps(logs[kept], np.clip(places, 0, 1))


def _add(beams: dict[Marks, tuple[float, float]], marks: Marks, blank: float, ended: float) -> None:
    before = beams.get(marks, (NEVER, NEVER))
    beams[marks] = float(np.logaddexp(before[0], blank)), float(np.logaddexp(before[1], ended))


def _extended(lines: list[Marks]) -> np.ndarray:
    """The marks with blanks before, between and after them, (n, 2 most + 1), padded with blanks."""
    extended = np.full((len(lines), 2 * max(map(len, lines)) + 1), NOTHING)
    for row, marks in zip(extended, lines, strict=True):
        row[1 : 2 * len(marks) : 2] = marks
    return extended


def _may_skip(extended: np.ndarray) -> np.ndarray:
    """Whether a mark may follow the one before it without a blank in between, bool (n, states)."""
    skips = np.zeros(extended.shape, bool)
    skips[:, 3::2] = extended[:, 3::2] != extended[:, 1:-2:2]
    return skips


def _moved(reached: np.ndarray, by: int) -> np.ndarray:
    """Log-probabilities of the states `by` places before."""
    moved = np.full(reached.shape, NEVER)
    moved[..., by:] = reached[..., :-by]
    return moved
