"""Extract the ink of a plain picture of one digit, as in data sets: ink on uniform paper, or the reverse.

Photographs are read by the page network instead; see `reading`.
"""

import cv2
import numpy as np

LEAST_CONTRAST = 24  # grey levels between ink and paper; less is a blank sheet
FAINT = 0.25  # fraction of the strongest ink below which a pixel is paper


def extract(picture: np.ndarray) -> np.ndarray:
    """The ink of a picture, uint8 (height, width), 0 where there is paper; all 0 for a blank sheet.

    Paper is the median grey of the picture's edge.

    Args:
        picture: uint8 (height, width) or RGB (height, width, 3).
    """
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    paper = int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    darker, lighter = cv2.subtract(np.full_like(grey, paper), grey), cv2.subtract(grey, np.full_like(grey, paper))
    ink = darker if darker.max() >= lighter.max() else lighter
    peak = float(np.percentile(ink[ink > FAINT * ink.max()], 90)) if ink.max() >= LEAST_CONTRAST else 0.0
    if not peak:
        return np.zeros_like(grey)
    noise = FAINT * peak
    return np.clip((ink - noise) * (255 / (peak - noise)), 0, 255).astype(np.uint8)
