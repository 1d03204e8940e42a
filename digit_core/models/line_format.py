"""Input and output format of the line network: the contract between training and inference.

Input: the ink of one drawn line of marks, float32 (1, 32, width, 1), 0..1; widths are multiples of 32.

Output: float32 (1, width / 2, 12), logits of the classes at every second column: ten digits, other mark, and blank;
repeated labels are merged (connectionist temporal classification, CTC, Graves et al. 2006).
"""

import cv2
import numpy as np

from digit_core.pictures import normalization

OTHER = 10  # class of a mark that is no digit
NOTHING = 11  # CTC blank: no new mark at this step
CLASSES = 12
HEIGHT = 32  # pixels of the input
INK_HEIGHT = 28  # of these, pixels of ink
MARGIN = 6  # pixels of paper to the left and right
STEP = 2  # pixels along the line from one answer to the next
WIDEST = 40  # width over height of a line; anything wider is not writing
BLOCK = 32  # widths are rounded up to multiples, so that new input sizes are rare


def prepare(ink: np.ndarray) -> np.ndarray | None:
    """The ink of a line, uint8 (height, width), as the network takes it: uint8 (32, w), its peak at 255.

    None where there is no ink, or it is much too long for a line.
    """
    if not ink.any():
        return None
    ink = normalization.crop(ink)
    height, width = ink.shape
    if width > WIDEST * height:
        return None
    if height < 2 * INK_HEIGHT:
        ink = cv2.resize(ink, (3 * width, 3 * height), interpolation=cv2.INTER_CUBIC)
    size = max(round(width * INK_HEIGHT / height), 1), INK_HEIGHT
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    small = cv2.convertScaleAbs(small, alpha=255 / max(int(small.max()), 1))
    above = (HEIGHT - INK_HEIGHT) // 2
    return np.pad(small, ((above, above), (MARGIN, MARGIN)))


def stack(pictures: list[np.ndarray]) -> np.ndarray:
    """Batch prepared lines, float32 (n, 32, width, 1), padded to the widest, rounded up to whole blocks."""
    width = -(-max(picture.shape[1] for picture in pictures) // BLOCK) * BLOCK
    lines = np.zeros((len(pictures), HEIGHT, width, 1), np.float32)
    for line, picture in zip(lines, pictures, strict=True):
        line[:, : picture.shape[1], 0] = picture / np.float32(255)
    return lines
