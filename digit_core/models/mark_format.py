"""Input and output format of the mark network: the contract between training and inference.

Input: float32 (n, 44, 44, 2), 0..1, a mark in the middle of its surroundings. The first channel is the picture, with
paper at 0.25 and the mark's ink at 0.7 in any light; the second is the mark's own ink, as the page network
separated it from its neighbours'.

Output: float32 (n, 11), logits of the ten digits and of other marks.
"""

import numpy as np

SIDE = 44  # pixels
FIELD = 1.9  # side of the input over the longer side of the mark's box
OTHER = 10  # class of a mark that is no digit
CLASSES = 11


def batch(views: np.ndarray) -> np.ndarray:
    """Views uint8 (n, 44, 44, 2) as the network's input."""
    return views.astype(np.float32) / np.float32(255)
