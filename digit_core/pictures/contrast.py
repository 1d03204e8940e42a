"""Local contrast normalisation: remove light and paper from a grey picture for the page network.

Defines the network's input and the padding beyond a picture's edge. Runs no model.
"""

import cv2
import numpy as np

WINDOW = 65  # pixels over which mean and deviation are taken
FLOOR = 7.0  # grey levels of deviation below which contrast is noise
EDGE_WINDOW = 63  # pixels along an edge over which paper is told from ink that reaches the edge


def normalize(grey: np.ndarray) -> np.ndarray:
    """Subtract the local mean and divide by the local deviation, so that light and paper mostly vanish.

    Args:
        grey: uint8 (height, width).

    Returns:
        float32 (height, width), about -3..3; 0 where the picture is even.
    """
    values = grey.astype(np.float32)
    border = cv2.BORDER_REFLECT_101 if min(values.shape) > WINDOW else cv2.BORDER_REPLICATE
    mean = cv2.blur(values, (WINDOW, WINDOW), borderType=border)
    variance = cv2.blur(values * values, (WINDOW, WINDOW), borderType=border) - mean * mean
    return (values - mean) / (np.sqrt(np.maximum(variance, 0)) + FLOOR)


def extend(grey: np.ndarray, top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """Pad with paper: each side is extended by its running median, so that ink at the edge ends there.

    Args:
        grey: uint8 (height, width).
        top, bottom, left, right: pixels to add.

    Returns:
        uint8 (top + height + bottom, left + width + right).
    """
    out = cv2.copyMakeBorder(grey, top, bottom, left, right, cv2.BORDER_REPLICATE)
    height, width = grey.shape
    if min(height, width) < 8:
        return out
    rows, columns = np.s_[top : top + height], np.s_[left : left + width]
    north, south = _running_median(grey[0]), _running_median(grey[-1])
    west, east = _running_median(grey[:, 0]), _running_median(grey[:, -1])
    out[:top, columns], out[top + height :, columns] = north, south
    out[rows, :left], out[rows, left + width :] = west[:, np.newaxis], east[:, np.newaxis]
    out[:top, :left], out[:top, left + width :] = _mean(north[0], west[0]), _mean(north[-1], east[0])
    out[top + height :, :left] = _mean(south[0], west[-1])
    out[top + height :, left + width :] = _mean(south[-1], east[-1])
    return out


def _running_median(line: np.ndarray) -> np.ndarray:
    """uint8 (n,) -> uint8 (n,), mirrored at the ends."""
    window = min(EDGE_WINDOW, (len(line) - 1) | 1)
    reach = window // 2
    border = cv2.BORDER_REFLECT_101 if len(line) > reach else cv2.BORDER_REPLICATE
    extended = cv2.copyMakeBorder(line.reshape(1, -1), 0, 0, reach, reach, border)
    return cv2.medianBlur(extended, window)[0, reach : reach + len(line)]


def _mean(a: np.uint8, b: np.uint8) -> int:
    return (int(a) + int(b)) // 2
