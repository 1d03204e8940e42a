"""What the other marks of a page say of a mark: digits stand among digits, and are written with one pen.

The columns go into `acceptance.evidence`, whose weights are fitted on validation pages. Knows no model.
"""

from collections.abc import Sequence

import numpy as np

from digit_core.models.calibration import log_odds
from digit_core.models.page_format import OTHER
from digit_core.reading.page_network import Detection

SUREST = 3.0  # log-odds beyond which one neighbour says no more
FAMILY = 0.5  # how many neighbours of no opinion each mark starts with
REACH = 1.5  # heights over which what a neighbour says falls to 1/e
SAME_LINE = 0.6  # heights between the middles of two marks of one line
SAME_SIZE = 0.4  # lower over higher from which two marks are of one hand
FAINTEST = 0.02  # contrast below which all marks are as faint


def context(marks: Sequence[Detection], digit: np.ndarray, contrasts: np.ndarray) -> np.ndarray:
    """What surrounds each mark, float (n, 4).

    Columns: the mean log-odds that its neighbours in the line are digits; the same of all other marks of the page;
    the largest fraction of its box that lies within the box of a mark of a higher score; and the logarithm of how
    much fainter it is than the page's digits: grain, and what shows through from behind, is fainter than writing.

    Args:
        digit: the probability that each is a digit, (n,), by itself.
        contrasts: of the marks, (n,), as `cutouts.cut_out` gives them.
    """
    if not marks:
        return np.zeros((0, 4))
    return np.column_stack([*_company(marks, digit), _covered(marks), _faintness(marks, digit, contrasts)])


def _company(marks: Sequence[Detection], digit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean log-odds of the neighbours and of the page's other marks, each (n,); 0 where there are none."""
    x, y, width, height = np.array([(mark.x, mark.y, mark.width, mark.height) for mark in marks]).T
    says = np.array([mark.heat * (mark.label <= OTHER) for mark in marks])  # points and minus signs say nothing
    opinion = np.clip(log_odds(digit), -SUREST, SUREST)
    taller = np.maximum(height[:, np.newaxis], height)
    gap = np.abs(x[:, np.newaxis] - x) - (width[:, np.newaxis] + width) / 2
    is_beside = gap > -np.minimum(width[:, np.newaxis], width) / 2
    is_beside &= np.abs(y[:, np.newaxis] - y) < SAME_LINE * taller
    is_beside &= np.minimum(height[:, np.newaxis], height) > SAME_SIZE * taller
    others = says * (1 - np.eye(len(marks)))
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
    logs = np.log(np.maximum(contrasts, FAINTEST))
    weights = np.array([mark.heat * mark.height for mark in marks]) * digit + 1e-9
    order = np.argsort(logs)
    usual = logs[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)]
    return np.minimum(logs - usual, 0)
