"""Maps and kernels as pictures: blue above 0, orange below, on a paper colour. Independent of the user interface."""

import numpy as np

PAPER, ABOVE, BELOW = (np.array(rgb, float) for rgb in ((243, 246, 252), (29, 63, 145), (190, 82, 0)))
GAP = 2  # pixels of the maps' own size between two of them
GAP_GREY = 200


def coloured(values: np.ndarray, most: float) -> np.ndarray:
    """Values (height, width) as RGB uint8 (height, width, 3); `most` has the full colour."""
    strength = np.clip(values / max(most, 1e-9), -1, 1)[..., np.newaxis]
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
    most, rows = strongest(maps), -(-count // columns)
    page = np.full((rows * (height + GAP), columns * (width + GAP), 3), GAP_GREY, np.uint8)
    for place in range(count):
        top, left = place // columns * (height + GAP) + GAP // 2, place % columns * (width + GAP) + GAP // 2
        page[top : top + height, left : left + width] = coloured(maps[..., place], most)
    return page
