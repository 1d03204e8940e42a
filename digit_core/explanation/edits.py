"""Edits to a digit, as the sliders make them, and how far each can go before the answer changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np

SIDE = 28
NOISE_SEED = 4
TRIED, FINER = 13, 3  # settings of each slider in the coarse search, and of each gap in the finer ones
UPSAMPLED = 8  # upsampling factor while the pen is changed, so that fractions of a pixel count

Classify = Callable[[np.ndarray], np.ndarray]  # digits uint8 (n, 28, 28) -> probabilities (n, 10)


@dataclass(frozen=True)
class Edit:
    """What is done to a digit.

    Attributes:
        turn: degrees, clockwise above 0.
        slant: how far the top leans to the right, in heights.
        pen: pixels by which strokes become thicker, or thinner below 0.
        noise: fraction of the pixels that become black or white.
        right, down: pixels.
    """

    turn: float = 0.0
    slant: float = 0.0
    pen: float = 0.0
    noise: float = 0.0
    right: float = 0.0
    down: float = 0.0


LIMITS = {  # per slider: minimum, maximum, step
    "turn": (-90.0, 90.0, 1.0),
    "slant": (-1.0, 1.0, 0.02),
    "pen": (-2.0, 3.0, 0.25),
    "noise": (0.0, 0.6, 0.01),
    "right": (-10.0, 10.0, 0.5),
    "down": (-10.0, 10.0, 0.5),
}


@dataclass(frozen=True)
class Tip:
    """The smallest amount of one edit that changes the answer, and the new answer; `name` is a field of `Edit`."""

    name: str
    amount: float
    digit: int


Tips = dict[tuple[str, bool], Tip]  # by edit and direction, upwards or not


def apply(image: np.ndarray, edit: Edit) -> np.ndarray:
    """Apply an edit to a digit, uint8 (28, 28); the same edit gives the same noise."""
    done = _penned(image, edit.pen)
    angle = np.deg2rad(edit.turn)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.array([[1, -edit.slant], [0, 1]])
    centre = np.full(2, (SIDE - 1) / 2)
    moved = centre - linear @ centre + (edit.right, edit.down)
    if edit != Edit(pen=edit.pen, noise=edit.noise):
        done = cv2.warpAffine(done, np.column_stack([linear, moved]), (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    if edit.noise:
        rng = np.random.default_rng(NOISE_SEED)
        hit, white = rng.random((SIDE, SIDE)) < edit.noise, rng.random((SIDE, SIDE)) < 0.5
        done = np.where(hit, np.where(white, 255, 0), done).astype(np.uint8)
    return done


def tips(classify: Classify, image: np.ndarray, edit: Edit) -> list[Tip]:
    """For each edit and direction, the smallest amount that changes the answer while the other edits stay as they are.
    The search is coarse first, then finer between the last setting that keeps the answer and the first that changes
    it, until they are one step of the slider apart.

    Args:
        edit: the current edit; its answer is the reference.
    """
    answer = int(classify(apply(image, edit)[np.newaxis]).argmax())
    settings = {field.name: _settings(field.name) for field in fields(Edit)}
    tried = {name: own[np.linspace(0, len(own) - 1, TRIED).round().astype(int)] for name, own in settings.items()}
    found = _nearest(classify, image, edit, answer, tried, {})
    while finer := _finer(found, tried, edit):
        found = _nearest(classify, image, edit, answer, finer, found)
        tried = {name: np.append(own, finer.get(name, ())) for name, own in tried.items()}
    return list(found.values())


def _nearest(
    classify: Classify, image: np.ndarray, edit: Edit, answer: int, amounts: Mapping[str, Sequence[float]], found: Tips
) -> Tips:
    """For each edit and direction, the nearest that changes the answer: of the given amounts and those found before."""
    tries = [(name, float(amount)) for name, own in amounts.items() for amount in own]
    answers = classify(np.stack([apply(image, replace(edit, **{name: amount})) for name, amount in tries])).argmax(1)
    found = dict(found)
    for (name, amount), digit in zip(tries, answers, strict=True):
        now, side = getattr(edit, name), (name, amount > getattr(edit, name))
        if digit != answer and (side not in found or abs(amount - now) < abs(found[side].amount - now)):
            found[side] = Tip(name, amount, int(digit))
    return found


def _finer(found: Tips, tried: Mapping[str, np.ndarray], edit: Edit) -> dict[str, list[float]]:
    """A few settings between each tip and the last one before it that was tried, or where the edit is now."""
    between: dict[str, list[float]] = {}
    for tip in found.values():
        now = getattr(edit, tip.name)
        before = np.append(now, tried[tip.name])
        before = before[(before - now) * np.sign(tip.amount - now) < abs(tip.amount - now)]
        low, high = sorted((tip.amount, before[np.abs(before - tip.amount).argmin()]))
        own = _settings(tip.name)
        inside = own[(own > low) & (own < high)]
        if len(inside):
            some = np.linspace(-1, len(inside), min(FINER, len(inside)) + 2)[1:-1].round().astype(int)
            between.setdefault(tip.name, []).extend(inside[some])
    return between


def _settings(name: str) -> np.ndarray:
    """All settings of a change's slider, from the least to the most."""
    least, most, step = LIMITS[name]
    return np.round(least + step * np.arange(round((most - least) / step) + 1), 3)


def _penned(image: np.ndarray, pixels: float) -> np.ndarray:
    """Thicken strokes by `pixels`, half on each side, or thin them below 0."""
    reach = round(abs(pixels) / 2 * UPSAMPLED)
    if not reach:
        return image
    large = cv2.resize(image, None, fx=UPSAMPLED, fy=UPSAMPLED, interpolation=cv2.INTER_CUBIC)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    changed = (cv2.dilate if pixels > 0 else cv2.erode)(large, disc)
    return cv2.resize(changed, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
