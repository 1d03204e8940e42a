"""Data augmentation: distort batches of digits to imitate other writers and pens.

Some digits get a stroke that is rare in MNIST: a slash through the 0, a bar across the 7, a
flag or foot on the 1. Each digit then gets a random affine map and a smooth random displacement
in a single resampling (after Simard, Steinkraus, Platt: Best Practices for Convolutional Neural
Networks, 2003), and a thicker or thinner pen; a few are blurred slightly. Only the blur softens
edges: a network trained only on soft digits misreads sharp ones. Uses only NumPy and OpenCV;
takes tens of microseconds per digit. The same generator state gives the same batch.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from digit_core.pictures import normalization

SIDE = 28
CENTRE = (SIDE - 1) / 2
GRID = 5  # nodes a side of the coarse grid whose random shifts bend a digit smoothly


@dataclass(frozen=True)
class Distortion:
    """How far a digit may be distorted; amounts are drawn evenly from minus to plus their limit.

    Attributes:
        rotation: degrees.
        scale: fraction of the size, for both axes together.
        stretch: fraction of the size, for each axis separately.
        shear: horizontal pixels per pixel of height (slant).
        shift: pixels, for each axis.
        bend: pixels, the standard deviation of the smooth displacement.
        pen: pixels by which strokes grow on each side, or shrink, 0..1.
        blur: fraction of the digits that are slightly out of focus.
        habits: fraction of the digits 0, 1 and 7 that get a slash, a flag or foot, a bar.
    """

    rotation: float = 0.0
    scale: float = 0.0
    stretch: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    bend: float = 0.0
    pen: float = 0.0
    blur: float = 0.0
    habits: float = 0.0


DISTORTIONS = {
    "none": Distortion(),
    "slight": Distortion(rotation=8, scale=0.06, stretch=0.06, shear=0.1, shift=0.7, bend=0.3, pen=0.25, habits=0.25),
    "gentle": Distortion(
        rotation=10, scale=0.08, stretch=0.08, shear=0.15, shift=1.0, bend=0.4, pen=0.5, blur=0.15, habits=0.25
    ),
    "strong": Distortion(
        rotation=13, scale=0.12, stretch=0.12, shear=0.25, shift=1.5, bend=0.6, pen=0.6, blur=0.15, habits=0.25
    ),
}


def distort(images: np.ndarray, labels: np.ndarray, distortion: Distortion, rng: np.random.Generator) -> np.ndarray:
    """Distort every digit of a batch by itself.

    Args:
        images: uint8 (n, 28, 28), 0..255.
        labels: (n,), 0..9; they tell which habits a digit may take on.

    Returns:
        uint8 (n, 28, 28), 0..255; the images themselves if `distortion` is all zero.
    """
    if distortion == Distortion():
        return images
    if distortion.habits:
        images = _with_habits(images, labels, distortion.habits, rng)
    maps = _affine_maps(len(images), distortion, rng)  # (n, 28, 28, 2): where each pixel comes from
    if distortion.bend:
        maps += _bends(len(images), distortion.bend, rng)
    warped = np.stack([cv2.remap(i, m, None, cv2.INTER_CUBIC) for i, m in zip(images, maps, strict=True)])
    if distortion.pen:
        warped = _repen(warped, distortion.pen, rng)
    return _blur(warped, distortion.blur, rng) if distortion.blur else warped


def _with_habits(images: np.ndarray, labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return a copy where a fraction `share` of the 0s, 1s and 7s gets extra strokes."""
    images = images.copy()
    drawn = images.any(axis=(1, 2))
    for index in np.flatnonzero(np.isin(labels, list(HABITS)) & drawn & (rng.random(len(images)) < share)):
        fine = cv2.resize(images[index], None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC)
        fine = cv2.copyMakeBorder(fine, *[FINER * SIDE // 2] * 4, cv2.BORDER_CONSTANT, value=0)
        width = int(rng.integers(FINER, 4 * FINER))
        for start, end in HABITS[int(labels[index])](fine, rng):
            cv2.line(fine, np.round(start).astype(int), np.round(end).astype(int), int(fine.max()), width, cv2.LINE_AA)
        images[index] = normalization.normalize(fine)
    return images


FINER = 4  # times enlarged while a stroke is drawn


def _strong(ink: np.ndarray) -> np.ndarray:
    """Where the ink is at least half as bright as its peak, uint8 of 0 and 1; not all 0 unless the ink is."""
    return (2 * ink.astype(int) > ink.max()).astype(np.uint8)


BACKWARD = 0.25  # share of the slashes that fall to the right
Strokes = list[tuple[np.ndarray, np.ndarray]]  # (start, end) of each, (x, y) in pixels


def _slash(ink: np.ndarray, rng: np.random.Generator) -> Strokes:
    """Through a 0, mostly from lower left to upper right, a little beyond it or not quite across."""
    x, y, width, height = cv2.boundingRect(_strong(ink))
    middle = np.array((x + width / 2, y + height / 2)) + rng.normal(0, 0.06 * height, 2)
    angle = np.radians(rng.uniform(35, 85))
    if rng.random() < BACKWARD:
        angle = np.pi - angle
    half = rng.uniform(0.4, 0.85) * height * np.array((np.cos(angle), -np.sin(angle)))
    return [(middle - half, middle + half)]


def _bar(ink: np.ndarray, rng: np.random.Generator) -> Strokes:
    """Across the stem of a 7, about half-way down, nearly level."""
    x, y, _, height = cv2.boundingRect(_strong(ink))
    level = y + rng.uniform(0.4, 0.7) * height
    stem = np.flatnonzero(_strong(ink)[int(level)])
    middle = np.array((stem.mean() if stem.size else x, level))
    half = rng.uniform(0.15, 0.4) * height * np.array((1, rng.uniform(-0.4, 0.2)))
    return [(middle - half, middle + half)]


def _flag_or_foot(ink: np.ndarray, rng: np.random.Generator) -> Strokes:
    """From the top of a 1 to the left, the longer the steeper; under it, a foot; or both."""
    strong = _strong(ink)
    _, y, _, height = cv2.boundingRect(strong)
    top = np.array((np.flatnonzero(strong[y]).mean(), y))
    bottom = np.array((np.flatnonzero(strong[y + height - 1]).mean(), y + height - 1))
    slope = rng.uniform(0, 1)  # from nearly level to steep
    angle = np.radians(60 * slope)
    flag = rng.uniform(0.15, 0.35 + 0.5 * slope) * height * np.array((-np.cos(angle), np.sin(angle)))
    foot = rng.uniform(0.15, 0.35) * height * np.array((1, rng.uniform(-0.1, 0.1)))
    strokes = [(top, top + flag), (bottom - foot, bottom + foot)]
    kind = rng.integers(4)
    return strokes[:1] if kind < 2 else strokes[1:] if kind == 2 else strokes


HABITS = {0: _slash, 1: _flag_or_foot, 7: _bar}  # digit -> strokes that some people add


def _affine_maps(n: int, limits: Distortion, rng: np.random.Generator) -> np.ndarray:
    """Source coordinates (x, y) of every pixel under n random affine maps, float32 (n, 28, 28, 2)."""

    def draw(limit: float, *shape: int) -> np.ndarray:
        return rng.uniform(-limit, limit, (n, *shape))

    angle = np.radians(draw(limits.rotation))
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(n, 2, 2)
    slant = np.tile(np.eye(2), (n, 1, 1))
    slant[:, 0, 1] = draw(limits.shear)
    size = (1 + draw(limits.scale, 1)) * (1 + draw(limits.stretch, 2))  # (n, 2)
    matrix = turn @ slant / size[:, np.newaxis]  # inverse map: a larger digit samples a smaller area
    grid = np.indices((SIDE, SIDE))[::-1].reshape(2, -1) - CENTRE  # (2, 784), x then y
    source = matrix @ grid + CENTRE + draw(limits.shift, 2)[..., np.newaxis]
    return np.ascontiguousarray(source.transpose(0, 2, 1).reshape(n, SIDE, SIDE, 2), np.float32)


def _bends(n: int, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """n smooth displacement fields, float32 (n, 28, 28, 2), in pixels."""
    nodes = rng.normal(0, deviation, (n, GRID, GRID, 2)).astype(np.float32)
    return np.stack([cv2.resize(field, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for field in nodes])


def _repen(images: np.ndarray, limit: float, rng: np.random.Generator) -> np.ndarray:
    """Thicken or thin strokes: mix each digit with itself grown or shrunk by a pixel."""
    out = np.empty_like(images)
    for index, (image, amount) in enumerate(zip(images, rng.uniform(-limit, limit, len(images)), strict=True)):
        other = (cv2.dilate if amount > 0 else cv2.erode)(image, CROSS)
        mixed = cv2.addWeighted(image, 1 - abs(amount), other, abs(amount), 0)
        out[index] = cv2.convertScaleAbs(mixed, alpha=float(image.max()) / max(int(mixed.max()), 1))  # keeps its peak
    return out


CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def _blur(images: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    for index in np.flatnonzero(rng.random(len(images)) < share):
        images[index] = cv2.GaussianBlur(images[index], (3, 3), rng.uniform(0.3, 0.8))
    return images
