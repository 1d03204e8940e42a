"""Maps and kernels as pictures: blue above 0, orange below, on a paper colour. Independent of the user interface."""

import numpy as np

PAPER, ABOVE, BELOW = (np.array(rgb, np.float32) for rgb in ((243, 246, 252), (29, 63, 145), (190, 82, 0)))
GAP = 2  # pixels of the maps' own size between two of them
GAP_GREY = 200


def coloured(values: np.ndarray, most: float) -> np.ndarray:
    """Values, of any shape, as RGB uint8 (*shape, 3); `most` has the full colour."""
    strength = np.clip(values / max(most, 1e-9), -1, 1).astype(np.float32)[..., np.newaxis]
    colour = np.where(strength >= 0, ABOVE, BELOW)
    return (PAPER + np.abs(strength) * (colour - PAPER)).round().astype(np.uint8)


def strongest(maps: np.ndarray) -> float:
    """The value shown in full colour in all maps: a high quantile, so that one outlier does not fade the rest."""
    return float(np.quantile(np.abs(maps), 0.998)) or float(np.abs(maps).max()) or 1.0


def columns_of(count: int) -> int:
    """Number of maps per row, at most 16; divides them evenly where possible."""
    return next((columns for columns in (16, 12, 10, 8, 6) if count % columns == 0 and count > columns), min(count, 16))


def montage(maps: np.ndarray, columns: int) -> np.ndarray:
    """Maps (height, width, n) beside and under each other, in cells of one size; RGB uint8."""
    height, width, count = maps.shape
    rows = -(-count // columns)
    cells = np.full((rows * columns, height + GAP, width + GAP, 3), GAP_GREY, np.uint8)
    inner = slice(GAP // 2, GAP // 2 + height), slice(GAP // 2, GAP // 2 + width)
    cells[:count, *inner] = coloured(maps.transpose(2, 0, 1), strongest(maps))
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    return cells.reshape(rows * (height + GAP), columns * (width + GAP), 3)
