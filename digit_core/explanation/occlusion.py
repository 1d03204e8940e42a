"""Which ink is evidence for a digit: the picture is read again with ink removed, patch by patch and at random.

M. D. Zeiler, R. Fergus: Visualizing and Understanding Convolutional Networks, 2014, section 4.2; V. Petsiuk, A. Das,
K. Saenko: RISE, 2018, whose random masks serve here for a ridge regression (M. Ribeiro, S. Singh, C. Guestrin: "Why
Should I Trust You?", 2016). Patches show which ink the answer depends on, masks how several strokes act together.
Neither needs gradients, so both work with every network that reads digits.
`python benchmarks/explanations.py --settings` prints the quality of both, and of other sizes, on validation digits.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 28
SEED = 2026
INKED = 40  # grey levels from which a pixel is ink
LEAST = 1e-7  # lower bound of a probability before its logarithm is taken
FOR, AGAINST = (76, 125, 224), (224, 123, 31)  # RGB: blue and orange, distinguishable for colour-blind people
NEUTRAL = np.float32(165)  # grey of ink that is evidence for nothing
ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "middle", "right")


@dataclass(frozen=True)
class Settings:
    """How ink is removed.

    Attributes:
        patch, step: side of a patch, and distance from one to the next, in pixels.
        masks: number of random masks.
        cells: cells per side of a mask; each keeps its ink or loses it.
        kept: fraction of the cells that keep it.
        ridge: strength of the ridge penalty in the regression on the masks.
        balance: weight of the masks in the map, 0..1; the patches have the rest.
    """

    patch: int = 9
    step: int = 4
    masks: int = 128
    cells: int = 14
    kept: float = 0.5
    ridge: float = 2.0
    balance: float = 0.7


SETTINGS = Settings()
Classify = Callable[[np.ndarray], np.ndarray]  # digits uint8 (n, 28, 28) -> probabilities (n, 10)


@dataclass(frozen=True)
class Evidence:
    """The evidence for each digit.

    Attributes:
        maps: float (10, 28, 28), -1..1: how much each pixel's ink raises the score of each digit over the other
            nine's; below 0 is evidence against it; 0 where there is no ink.
        probabilities: (10,), of the whole picture.
        without: int (28, 28): the answer without the patch around a pixel; -1 where there is no ink.
    """

    maps: np.ndarray
    probabilities: np.ndarray
    without: np.ndarray

    def between(self, digit: int, other: int) -> np.ndarray:
        """The evidence for one digit over another, float (28, 28)."""
        return self.maps[digit] - self.maps[other]


def explain(classify: Classify, image: np.ndarray, settings: Settings = SETTINGS) -> Evidence:
    """The evidence in a digit, uint8 (28, 28), bright on 0.

    Raises:
        ValueError: there is no ink.
    """
    inked = image >= INKED
    if not inked.any():
        raise ValueError("There is no ink to explain.")
    patch, starts = settings.patch, range(1 - settings.patch, SIDE, settings.step)
    corners = [(y, x) for y in starts for x in starts if inked[_window(y, x, patch)].any()]
    masks = _masks(settings)
    erased = np.repeat(image[np.newaxis], len(corners) + 1, 0)
    for picture, (y, x) in zip(erased[1:], corners, strict=True):
        picture[_window(y, x, patch)] = 0
    probabilities = classify(np.concatenate([erased, (image * masks).astype(np.uint8)]))
    scores = np.log(np.maximum(probabilities, LEAST))
    scores = scores - scores.mean(1, keepdims=True)
    count = len(erased)
    patched = _scaled(by_patches(corners, patch, scores[:count]) * inked)
    masked = _scaled(by_masks(masks, scores[count:], inked, settings.ridge))
    maps = (1 - settings.balance) * patched + settings.balance * masked
    return Evidence(maps, probabilities[0], _without(corners, patch, probabilities[1:count].argmax(1), inked))


def _scaled(maps: np.ndarray) -> np.ndarray:
    """The maps, scaled to -1..1."""
    return maps / max(float(np.abs(maps).max()), 1e-9)


def by_patches(corners: Sequence[tuple[int, int]], patch: int, scores: np.ndarray) -> np.ndarray:
    """The mean drop in score when the patches that cover a pixel are removed, float (10, 28, 28).

    Args:
        corners: of the patches: top, left.
        patch: pixels of their side.
        scores: (1 + n, 10), of the whole picture and of those without a patch.
    """
    sums, counts = np.zeros((10, SIDE, SIDE)), np.zeros((SIDE, SIDE))
    for (y, x), score in zip(corners, scores[1:], strict=True):
        window = _window(y, x, patch)
        sums[:, window[0], window[1]] += (scores[0] - score)[:, np.newaxis, np.newaxis]
        counts[window] += 1
    return sums / np.maximum(counts, 1)


def by_masks(masks: np.ndarray, scores: np.ndarray, inked: np.ndarray, ridge: float) -> np.ndarray:
    """How much scores rise if the masks keep a pixel, float (10, 28, 28): the weights of a ridge regression, as in
    M. Ribeiro, S. Singh, C. Guestrin: "Why Should I Trust You?", 2016.

    Args:
        masks: (n, 28, 28), 0..1.
        scores: (n, 10).
        inked: bool (28, 28); other pixels get no weight.
        ridge: strength of the penalty, more than 0, in variances of a mask that is spread over all inked pixels.
    """
    kept, gained = masks[:, inked].astype(float), scores - scores.mean(0)
    kept -= kept.mean(0)
    alike = kept @ kept.T
    held = ridge * np.trace(alike) / len(masks) * np.eye(len(masks))
    found = np.zeros((scores.shape[1], SIDE, SIDE))
    found[:, inked] = (kept.T @ np.linalg.solve(alike + held, gained)).T
    return found


@functools.cache
def _masks(settings: Settings) -> np.ndarray:
    """Random masks, enlarged and moved, float32 (masks, 28, 28); always the same."""
    rng = np.random.default_rng(SEED)
    scale, shape = -(-SIDE // settings.cells), (settings.masks, settings.cells + 1, settings.cells + 1)
    found = []
    for coarse in (rng.random(shape) < settings.kept).astype(np.float32):
        top, left = rng.integers(0, scale, 2)
        large = cv2.resize(coarse, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        found.append(large[top : top + SIDE, left : left + SIDE])
    return np.stack(found)


def _without(corners: Sequence[tuple[int, int]], patch: int, answers: np.ndarray, inked: np.ndarray) -> np.ndarray:
    """The answer without the patch whose centre is nearest to each inked pixel, int (28, 28); -1 elsewhere."""
    without, nearest = np.full((SIDE, SIDE), -1), np.full((SIDE, SIDE), np.inf)
    rows, columns = np.indices((SIDE, SIDE))
    for (y, x), answer in zip(corners, answers, strict=True):
        distance = np.hypot(rows - y - patch // 2, columns - x - patch // 2)
        closer = (distance < nearest) & inked
        nearest[closer], without[closer] = distance[closer], answer
    return without


def place(evidence: np.ndarray) -> str:
    """Where on the ink most of the positive evidence lies, in words: "at the top right"."""
    known = np.argwhere(evidence != 0)
    if not len(known):
        return "nowhere"
    low, high = known.min(0), known.max(0) + 1
    ys, xs = np.nonzero(evidence > 0)
    weights = evidence[ys, xs]
    cells = np.zeros((3, 3))
    third = np.maximum(high - low, 1) / 3
    where = np.minimum(((np.stack([ys, xs], 1) - low) / third).astype(int), 2)
    np.add.at(cells, (where[:, 0], where[:, 1]), weights)
    row, column = np.unravel_index(cells.argmax(), cells.shape)
    if row == column == 1:
        return "in the middle"
    if row == 1:
        return f"on the {COLUMNS[column]}"
    return f"at the {ROWS[row]}" + ("" if column == 1 else f" {COLUMNS[column]}")


def coloured(image: np.ndarray, evidence: np.ndarray, most: float, scale: int = 8) -> np.ndarray:
    """The digit with its evidence laid over the ink, RGB uint8 (28 scale, 28 scale, 3).

    Args:
        most: the evidence that has the full colour; blue above 0, orange below.
    """
    size = (SIDE * scale, SIDE * scale)
    large = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)[..., np.newaxis] / 255
    relative = (evidence / max(most, 1e-9)).astype(np.float32)
    strength = np.clip(cv2.resize(relative, size, interpolation=cv2.INTER_LINEAR), -1, 1)[..., np.newaxis]
    colour = np.where(strength >= 0, np.float32(FOR), np.float32(AGAINST))
    shown = NEUTRAL + np.sqrt(np.abs(strength)) * (colour - NEUTRAL)
    return (large * shown).astype(np.uint8)


def _window(y: int, x: int, side: int) -> tuple[slice, slice]:
    return slice(max(y, 0), max(y + side, 0)), slice(max(x, 0), max(x + side, 0))
