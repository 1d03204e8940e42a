"""Normalise the ink of one digit to a 28x28 picture as MNIST does.

The procedure is that of MNIST's authors (LeCun, Cortes, Burges: "The original
images were size normalized to fit in a 20x20 pixel box while preserving their
aspect ratio ... centered in a 28x28 image by computing the center of mass"),
in the details that QMNIST's reconstruction found (Yadav, Bottou, 2019). Ink is
`uint8 (height, width)`, bright on 0. Knows no model.
"""

import cv2
import numpy as np

SIDE = 28  # pixels of the finished picture
BOX = 20  # pixels of the longer side of the ink
CENTRE = 14.0  # index at which MNIST's centres of mass stand, measured on all 70,000
FAINT = 0.2  # fraction of the peak below which a pixel is a stroke's soft edge, outside its extent
ENLARGED = 80  # longer side in pixels below which ink is enlarged before area averaging


def normalize(ink: np.ndarray) -> np.ndarray:
    """One digit's ink, uint8 (height, width) -> uint8 (28, 28), 0..255; no ink gives all 0."""
    if not ink.any():
        return np.zeros((SIDE, SIDE), np.uint8)
    return centre(fit_box(crop(ink)))


def batch(digits: np.ndarray) -> np.ndarray:
    """Digits uint8 (n, 28, 28), 0..255 -> what every network takes, float32 (n, 28, 28, 1), 0..1."""
    return digits[..., np.newaxis].astype(np.float32) / 255


def steps(ink: np.ndarray) -> dict[str, np.ndarray]:
    """The pictures between ink and network input, in order, each under a caption for people."""
    cropped = crop(ink)
    fitted = fit_box(cropped)
    return {
        "Cut to the ink": cropped,
        f"Shrunk to {BOX} pixels": fitted,
        "Centred by weight": centre(fitted),
    }


def crop(ink: np.ndarray) -> np.ndarray:
    """The smallest rectangle that holds all ink brighter than `FAINT` of the peak."""
    x, y, width, height = cv2.boundingRect((ink > FAINT * ink.max()).astype(np.uint8))
    return ink[y : y + height, x : x + width]


def fit_box(ink: np.ndarray) -> np.ndarray:
    """Resample a cropped digit so that its longer side is 20 pixels, and stretch its peak to 255.

    Averaging over areas keeps thin strokes, as it did for MNIST; it needs a source
    finer than the target, so small ink is enlarged first.
    """
    height, width = ink.shape
    longer = max(height, width)
    if longer < ENLARGED:
        scale = ENLARGED / longer
        ink = cv2.resize(ink, _scaled(width, height, scale), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(ink, _scaled(width, height, BOX / longer), interpolation=cv2.INTER_AREA)
    return cv2.convertScaleAbs(small, alpha=255 / max(int(small.max()), 1))


def centre(fitted: np.ndarray) -> np.ndarray:
    """Place a digit of at most 20x20 in 28x28, its centre of mass at index 14.0, by whole pixels."""
    moments = cv2.moments(fitted)
    mass = max(moments["m00"], 1.0)
    height, width = fitted.shape
    left = _within(round(CENTRE - moments["m10"] / mass), width)
    top = _within(round(CENTRE - moments["m01"] / mass), height)
    picture = np.zeros((SIDE, SIDE), np.uint8)
    picture[top : top + height, left : left + width] = fitted
    return picture


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _within(offset: int, length: int) -> int:
    return min(max(offset, 0), SIDE - length)
