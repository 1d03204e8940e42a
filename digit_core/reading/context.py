"""Context features of a mark: digits usually stand among other digits written with the same pen.

The columns go into `acceptance.evidence`, whose weights are fitted on validation pages. Runs no model.
"""

from collections.abc import Sequence

import numpy as np

from digit_core.models.calibration import log_odds
from digit_core.models.page_format import OTHER
from digit_core.reading.page_network import Detection
from digit_core.reading.settings import ReadingSettings

SUREST = 3.0  # log-odds at which a neighbour's vote is clipped
FAMILY = 0.5  # pseudo-count of neutral neighbours for each mark
REACH = 1.5  # mark heights over which a neighbour's weight falls to 1/e
SAME_LINE = 0.6  # heights between the middles of two marks of one line
SAME_SIZE = 0.4  # minimum height ratio of two neighbouring marks
FAINTEST = 0.02  # contrasts are clipped to at least this


def context(
    marks: Sequence[Detection], digit: np.ndarray, contrasts: np.ndarray, settings: ReadingSettings
) -> np.ndarray:
    """Context features of each mark, float (n, 4).

    Columns: the mean log-odds that its neighbours in the line are digits; the same for all other marks of the page,
    both weighted by heat and contrast; the largest fraction of its box inside the box of a higher-scoring mark; and the
    log ratio of its contrast to that of the page's digits, because grain and show-through are fainter than writing.

    Args:
        digit: the probability that each is a digit, (n,), without context.
        contrasts: of the marks, (n,), as `cutouts.cut_out` gives them.
    """
    if not marks:
        return np.zeros((0, 4))
    contrasts = np.maximum(contrasts, FAINTEST)
    company = _company(marks, digit, contrasts, settings.fading)
    return np.column_stack([*company, _covered(marks), _faintness(marks, digit, contrasts)])


def _company(
    marks: Sequence[Detection], digit: np.ndarray, contrasts: np.ndarray, fading: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean log-odds of the neighbours and of the page's other marks, each (n,); 0 where there are none.

    A mark fainter than `fading` times this one counts by the square of its contrast ratio: grain says little about
    writing.
    """
    x, y, width, height = np.array([(mark.x, mark.y, mark.width, mark.height) for mark in marks]).T
    says = np.array([mark.heat * (mark.label <= OTHER) for mark in marks])  # points and minus signs say nothing
    opinion = np.clip(log_odds(digit), -SUREST, SUREST)
    taller = np.maximum(height[:, np.newaxis], height)
    gap = np.abs(x[:, np.newaxis] - x) - (width[:, np.newaxis] + width) / 2
    is_beside = gap > -np.minimum(width[:, np.newaxis], width) / 2
    is_beside &= np.abs(y[:, np.newaxis] - y) < SAME_LINE * taller
    is_beside &= np.minimum(height[:, np.newaxis], height) > SAME_SIZE * taller
    weight = np.minimum(contrasts / contrasts[:, np.newaxis] / fading, 1) ** 2
    others = says * weight * (1 - np.eye(len(marks)))
    near = others * is_beside * np.exp(-np.maximum(gap, 0) / taller / REACH)
    return near @ opinion / (FAMILY + near.sum(1)), others @ opinion / (2 * FAMILY + others.sum(1))


def _covered(marks: Sequence[Detection]) -> np.ndarray:
    """The largest fraction (n,) of each mark's box within the box of a better mark."""
    left, top, right, bottom = np.array([mark.box for mark in marks]).T
    score = np.array([mark.score for mark in marks])
    width = np.minimum(right[:, np.newaxis], right) - np.maximum(left[:, np.newaxis], left)
    height = np.minimum(bottom[:, np.newaxis], bottom) - np.maximum(top[:, np.newaxis], top)
    shared = np.maximum(width, 0) * np.maximum(height, 0) / ((right - left) * (bottom - top))[:, np.newaxis]
    return (shared * (score > score[:, np.newaxis])).max(1)


def _faintness(marks: Sequence[Detection], digit: np.ndarray, contrasts: np.ndarray) -> np.ndarray:
    """The logarithm of each contrast over the usual one, at most 0, (n,); large marks and likely digits count more."""
    logs = np.log(contrasts)
    weights = np.array([mark.heat * mark.height for mark in marks]) * digit + 1e-9
    order = np.argsort(logs)
    usual = logs[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)]
    return np.minimum(logs - usual, 0)
