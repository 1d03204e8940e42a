"""Training targets of the page network: what it should output for a tile, single or in batches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from digit_core.data.scenes import TILE, Mark, Scene
from digit_core.models.page_format import (
    NATIVE,
    OFFSET_UNIT,
    SIZE_UNIT,
    SLOT_WIDTH,
    STRIDE,
    TOLERATED,
    slot_centres,
)

ROWS, COLUMNS = TILE // STRIDE, TILE // SLOT_WIDTH
SLOT_Y, SLOT_X = slot_centres(ROWS, COLUMNS)
CORE = 4.5  # pixels around a mark's centre where a slot predicts its class and size
VISIBLE = 0.9  # visible fraction of its box above which a mark must be found
GLIMPSED = 0.4  # visible fraction above which it may be found
FAINT_INK = 20  # grey level of a mask below which a pixel is paper
FAINTEST = 5.0  # contrast of a mark's ink and its box's paper, in grey levels, below which it is illegible


class Targets(NamedTuple):
    """For one tile or, stacked, for a batch; slots form a grid of (ROWS, COLUMNS)."""

    heat: np.ndarray  # float16 (ROWS, COLUMNS): 1 at a mark's centre, falling off round it
    weight: np.ndarray  # uint8: 0 where a mark may be found or not
    label: np.ndarray  # int8: class of the mark whose centre is near, -1 for none
    size: np.ndarray  # float16 (2, ROWS, COLUMNS): log width and height where there is a label
    offset: np.ndarray  # float16 (2, ROWS, COLUMNS): to the centre of the mark that has its ink or its centre here
    has_offset: np.ndarray  # uint8
    ink: np.ndarray  # uint8 (TILE, TILE)


def targets(
    scene: Scene,
    covered: np.ndarray | None = None,
    window: tuple[int, int, int, int] | None = None,
    picture: np.ndarray | None = None,
) -> Targets:
    """The targets of a scene.

    Args:
        covered: bool (TILE, TILE), where something covers the page.
        window: (left, top, right, bottom), the area that the page was cropped to.
        picture: uint8 (TILE, TILE), the picture of the scene; detecting marks of too low contrast is optional.
    """
    out = _empty(scene)
    if covered is not None:
        out.ink[covered] = 0
    if window is not None:
        left, top, right, bottom = window
        inside = out.ink[top:bottom, left:right].copy()
        out.ink[:] = 0
        out.ink[top:bottom, left:right] = inside
    found = {}
    for index, mark in sorted(enumerate(scene.marks), key=lambda pair: -pair[1].height):
        hidden = hidden_fraction(mark, covered)
        if hidden > 0.6:
            continue
        is_native = NATIVE[0] <= mark.size <= NATIVE[1] and mark.visible > VISIBLE and not hidden
        if is_native and _holds(mark.centre) and (picture is None or contrast_of(scene, index, picture) >= FAINTEST):
            found[index] = mark
        elif TOLERATED[0] <= mark.size <= TOLERATED[1] and mark.visible > GLIMPSED:
            _tolerate(out, mark)
    nearest = np.full((ROWS, COLUMNS), np.inf, np.float32)
    for mark in found.values():
        _add(out, mark, nearest)
    _add_ink_offsets(out, scene, found)
    return out


def hidden_fraction(mark: Mark, covered: np.ndarray | None) -> float:
    """How much of a mark's box is covered."""
    if covered is None:
        return 0.0
    part = covered[_box(mark)]
    return float(part.mean()) if part.size else 0.0


def contrast_of(scene: Scene, index: int, picture: np.ndarray) -> float:
    """Grey levels between the ink of a mark and the rest of its box, as a picture of the scene shows them."""
    rows, columns = _box(scene.marks[index])
    own, part = scene.owner[rows, columns] == index + 1, picture[rows, columns].astype(np.float32)
    around = scene.ink[rows, columns] < FAINT_INK
    if not own.any() or not around.any():
        return 255.0
    return abs(float(part[own].mean()) - float(part[around].mean()))


def _box(mark: Mark) -> tuple[slice, slice]:
    """The pixels of a mark's box and one more on each side."""
    rows = slice(int(max(mark.top - 1, 0)), int(max(mark.top + mark.height, 0)) + 2)
    return rows, slice(int(max(mark.left - 1, 0)), int(max(mark.left + mark.width, 0)) + 2)


def stack(rows: Sequence[Targets]) -> Targets:
    """Several tiles' targets as one batch."""
    return Targets(*(np.stack(arrays) for arrays in zip(*rows, strict=True)))


def _empty(scene: Scene) -> Targets:
    grid = (ROWS, COLUMNS)
    return Targets(
        heat=np.zeros(grid, np.float16),
        weight=np.ones(grid, np.uint8),
        label=np.full(grid, -1, np.int8),
        size=np.zeros((2, *grid), np.float16),
        offset=np.zeros((2, *grid), np.float16),
        has_offset=np.zeros(grid, np.uint8),
        ink=scene.ink.copy(),
    )


def _holds(centre: tuple[float, float]) -> bool:
    return all(0 <= value < TILE - 1 for value in centre)


def _window(x: float, y: float, reach_x: float, reach_y: float) -> tuple[slice, slice]:
    """The slots within so many pixels of (x, y)."""
    rows = slice(max(int((y - reach_y) / STRIDE), 0), max(int((y + reach_y) / STRIDE) + 1, 0))
    columns = slice(max(int((x - reach_x) / SLOT_WIDTH), 0), max(int((x + reach_x) / SLOT_WIDTH) + 1, 0))
    return rows, columns


def _tolerate(out: Targets, mark: Mark) -> None:
    out.weight[_window(*mark.centre, max(mark.width / 2, 6), max(mark.height / 2, 6))] = 0


def _add(out: Targets, mark: Mark, nearest: np.ndarray) -> None:
    """Heat round a mark's centre; class, size and offset in its core, where no other centre is nearer."""
    x, y = mark.centre
    spread_x, spread_y = np.clip(mark.width / 6, 1.8, 6.0), np.clip(mark.height / 6, 2.5, 6.0)
    window = _window(x, y, 3 * spread_x, 3 * spread_y)
    dx, dy = SLOT_X[:, window[1]] - x, SLOT_Y[window[0]] - y
    heat = np.exp(-(dx**2) / (2 * spread_x**2) - dy**2 / (2 * spread_y**2))
    np.maximum(out.heat[window], np.where(heat > 0.05, heat * 0.998, 0), out=out.heat[window])
    row, column = round((y - SLOT_Y[0, 0]) / STRIDE), round((x - SLOT_X[0, 0]) / SLOT_WIDTH)
    row, column = min(max(row, 0), ROWS - 1), min(max(column, 0), COLUMNS - 1)
    out.heat[row, column], out.weight[row, column] = 1, 1

    window = _window(x, y, CORE + SLOT_WIDTH, CORE + STRIDE)
    dx, dy = SLOT_X[:, window[1]] - x, SLOT_Y[window[0]] - y
    distance = dx**2 + dy**2
    own = (distance < nearest[window]) & (np.abs(dx) <= CORE) & (np.abs(dy) <= CORE)
    nearest[window][own] = distance[own]
    out.label[window][own] = mark.label
    out.has_offset[window][own] = 1
    size = np.log(max(mark.width, 2) / SIZE_UNIT), np.log(max(mark.height, 2) / SIZE_UNIT)
    for axis, (length, towards) in enumerate(zip(size, (-dx, -dy), strict=True)):
        out.size[axis][window][own] = length
        out.offset[axis][window][own] = (np.broadcast_to(towards, own.shape) / OFFSET_UNIT)[own]


def _add_ink_offsets(out: Targets, scene: Scene, found: dict[int, Mark]) -> None:
    """Every slot with a found mark's ink points to that mark's centre."""
    if not found:
        return
    owner = np.where(out.ink > 0, scene.owner, 0).reshape(ROWS, STRIDE, COLUMNS, SLOT_WIDTH).max((1, 3))
    for index, mark in found.items():
        own = (owner == index + 1) & (out.label < 0)
        rows, columns = np.nonzero(own)
        out.has_offset[rows, columns] = 1
        out.offset[0][rows, columns] = (mark.centre[0] - SLOT_X[0, columns]) / OFFSET_UNIT
        out.offset[1][rows, columns] = (mark.centre[1] - SLOT_Y[rows, 0]) / OFFSET_UNIT
