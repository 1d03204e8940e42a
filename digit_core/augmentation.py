"""Batches of distorted digits: what other hands and other pens would have made of them.

Each digit gets one random affine map and one smooth random displacement (after Simard,
Steinkraus, Platt: Best Practices for Convolutional Neural Networks, 2003), applied in a
single resampling, then a thicker or thinner pen. NumPy and OpenCV only, tens of
microseconds a digit; the same generator state gives the same batch.
"""

from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 28
CENTRE = (SIDE - 1) / 2
GRID = 5  # nodes a side of the coarse grid whose random shifts bend a digit smoothly


@dataclass(frozen=True)
class Distortion:
    """How far a digit may be distorted; every amount is drawn evenly from minus to plus its limit.

    Attributes:
        rotation: degrees.
        scale: share of the size, for both axes together.
        stretch: share of the size, for each axis by itself.
        shear: pixels to the side a pixel of height (a slant).
        shift: pixels, for each axis.
        bend: pixels, the standard deviation of the smooth displacement.
        pen: octaves by which the grey of softened edges is lifted (thicker) or lowered (thinner).
    """

    rotation: float = 0.0
    scale: float = 0.0
    stretch: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    bend: float = 0.0
    pen: float = 0.0


DISTORTIONS = {
    "none": Distortion(),
    "gentle": Distortion(rotation=10, scale=0.08, stretch=0.08, shear=0.15, shift=1.0, bend=0.4, pen=0.7),
    "strong": Distortion(rotation=15, scale=0.12, stretch=0.15, shear=0.3, shift=1.5, bend=0.7, pen=1.2),
}


def distort(images: np.ndarray, distortion: Distortion, rng: np.random.Generator) -> np.ndarray:
    """Distort every digit of a batch by itself.

    Args:
        images: uint8 (n, 28, 28), 0..255.

    Returns:
        uint8 (n, 28, 28), 0..255; the images themselves if `distortion` is all zero.
    """
    if distortion == Distortion():
        return images
    maps = _affine_maps(len(images), distortion, rng)  # (n, 28, 28, 2): where each pixel comes from
    if distortion.bend:
        maps += _bends(len(images), distortion.bend, rng)
    warped = np.stack([cv2.remap(i, m, None, cv2.INTER_LINEAR) for i, m in zip(images, maps, strict=True)])
    return _repen(warped, distortion.pen, rng) if distortion.pen else warped


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


def _repen(images: np.ndarray, octaves: float, rng: np.random.Generator) -> np.ndarray:
    """Thicken or thin strokes: soften their edges, then lift or lower the softened greys."""
    levels = np.linspace(0, 1, 256)
    powers = 2 ** rng.uniform(-octaves, octaves, len(images))
    out = np.empty_like(images)
    for index, (image, power) in enumerate(zip(images, powers, strict=True)):
        soft = cv2.GaussianBlur(image, (3, 3), 0.6)
        peak = max(int(soft.max()), 1) / 255
        curve = 255 * np.minimum(levels / peak, 1) ** power  # the peak stays at 255
        out[index] = cv2.LUT(soft, curve.astype(np.uint8))
    return out
