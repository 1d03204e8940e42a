"""Input and output format of the page network: the contract between training and inference.

Input: `pictures.contrast.normalize` of a level of the pyramid, float32 (1, height, width, 1); height and
width are multiples of 16.

Output: float32 (1, height / 4, width / 4, 52). A cell covers 4 x 4 pixels and holds two detection slots
side by side, each 4 pixels high and 2 wide, then the ink logits of its 16 pixels, row by row.
The channels of a slot are

    0        logit: a mark's centre is here
    1..13    class logits: ten digits, other mark, decimal point, minus
    14, 15   log(width / 32), log(height / 32) of the mark's ink in pixels
    16, 17   from here to the mark's centre, x and y, in units of 8 pixels; also valid wherever the mark has ink
"""

import numpy as np

STRIDE = 4  # pixels of a cell's side
SLOTS = 2  # detection slots of a cell, side by side
SLOT_WIDTH = STRIDE // SLOTS
OTHER, POINT, MINUS = 10, 11, 12  # classes after the ten digits
CLASSES = 13
SIZE_UNIT = 32.0  # pixels
OFFSET_UNIT = 8.0  # pixels
SLOT_CHANNELS = 1 + CLASSES + 4
CHANNELS = SLOTS * SLOT_CHANNELS + STRIDE**2
MULTIPLE = 16  # height and width of an input

NATIVE = (19.0, 48.0)  # pixels high: a level must find these marks
TOLERATED = (13.0, 66.0)  # a level may find these or not


def slots(output: np.ndarray) -> np.ndarray:
    """(height / 4, width / 4, 52) -> (height / 4, width / 2, 18): the detection slots in a grid."""
    rows, columns = output.shape[:2]
    return output[..., : SLOTS * SLOT_CHANNELS].reshape(rows, columns * SLOTS, SLOT_CHANNELS)


def ink_logits(output: np.ndarray) -> np.ndarray:
    """(height / 4, width / 4, 52) -> (height, width)."""
    rows, columns = output.shape[:2]
    cells = output[..., SLOTS * SLOT_CHANNELS :].reshape(rows, columns, STRIDE, STRIDE)
    return cells.transpose(0, 2, 1, 3).reshape(rows * STRIDE, columns * STRIDE)


def slot_centres(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The pixel coordinates (y, x) of the slots' centres, float32 (rows, 1) and (1, columns)."""
    y = np.arange(rows, dtype=np.float32)[:, np.newaxis] * STRIDE + (STRIDE - 1) / 2
    x = np.arange(columns, dtype=np.float32)[np.newaxis] * SLOT_WIDTH + (SLOT_WIDTH - 1) / 2
    return y, x
