"""Endless made-up tiles of pages with their targets, for training and measuring the page network.

    pages = SyntheticPages(sources, photos, seed=1)
    inputs, targets = pages.batch(24)

Everything is at the scale of one level of the reader's pyramid: a tile shows what the network sees there. The same
sources and seed give the same tiles. NumPy, OpenCV and Pillow only.
"""

from collections.abc import Sequence

import numpy as np

from digit_core.data.composition import Composer
from digit_core.data.marks import Sources
from digit_core.data.page_targets import FAINTEST, VISIBLE, Targets, contrast_of, hidden_fraction, stack, targets
from digit_core.data.photography import Camera
from digit_core.data.scenes import TILE, Mark, Scene
from digit_core.pictures import contrast

READABLE = 9  # pixels high from which a mark must be read
POOL = 400  # scenes that wait for their second picture
SHEET = 4  # times a tile's side that a sheet has


class SyntheticPages:
    """Makes tiles; each scene is photographed twice, far apart in time, since composing costs more than a picture."""

    def __init__(self, sources: Sources, photos: Sequence[np.ndarray] = (), seed: int = 0):
        self._rng = np.random.default_rng(seed)
        self._composer = Composer(sources, self._rng)
        self._camera, self._large_camera = Camera(photos, self._rng), Camera(photos, self._rng, SHEET * TILE)
        self._pool: list[Scene] = []

    def batch(self, count: int) -> tuple[np.ndarray, Targets]:
        """Network inputs float16 (count, TILE, TILE, 1) and their targets."""
        tiles = [self.tile() for _ in range(count)]
        inputs = np.stack([contrast.normalize(picture) for picture, _ in tiles]).astype(np.float16)
        return inputs[..., np.newaxis], stack([target for _, target in tiles])

    def tile(self) -> tuple[np.ndarray, Targets]:
        """One picture, uint8 (TILE, TILE), and its targets."""
        scene = self._scene()
        picture, covered = self._camera.picture(scene)
        window = None
        if self._rng.random() < 0.5 and all(mark.visible > 0.99 for mark in scene.marks):
            window = self._window(scene)
            if window is not None:
                left, top, right, bottom = window
                picture = contrast.extend(picture[top:bottom, left:right], top, TILE - bottom, left, TILE - right)
        return picture, targets(scene, covered, window, picture)

    def page(self) -> tuple[np.ndarray, list[Mark], frozenset[int]]:
        """A picture for evaluation, uint8 (TILE, TILE), its marks, and the indices of those that need not be read."""
        scene = self._composer.compose()
        picture, covered = self._camera.picture(scene)
        return picture, scene.marks, self._doubtful(scene, covered, picture)

    def sheet(self) -> tuple[np.ndarray, list[Mark], frozenset[int]]:
        """Like `page`, with large marks and `SHEET` times as many pixels per side; grain, dirt and show-through
        are as large as small writing."""
        scene = self._composer.compose().enlarged(SHEET)
        picture, covered = self._large_camera.picture(scene)
        return picture, scene.marks, self._doubtful(scene, covered, picture)

    def drawing(self) -> tuple[np.ndarray, list[Mark], frozenset[int]]:
        """The same of one mark on a canvas, as visitors draw it."""
        scene = self._composer.drawing()
        picture = self._camera.canvas(scene)
        return picture, scene.marks, self._doubtful(scene, None, picture)

    def _doubtful(self, scene: Scene, covered: np.ndarray | None, picture: np.ndarray) -> frozenset[int]:
        return frozenset(
            index
            for index, mark in enumerate(scene.marks)
            if mark.visible < VISIBLE
            or mark.height < READABLE
            or hidden_fraction(mark, covered) > 0
            or contrast_of(scene, index, picture) < FAINTEST
        )

    def _scene(self) -> Scene:
        if len(self._pool) >= 2 * POOL or (len(self._pool) >= POOL and self._rng.random() < 0.5):
            return self._pool.pop(int(self._rng.integers(len(self._pool))))
        scene = self._composer.compose()
        again = scene.copy()
        if self._rng.random() < 0.5:
            again.lines[:] = 0
        self._pool.append(again)
        return scene

    def _window(self, scene: Scene) -> tuple[int, int, int, int] | None:
        """Where a smaller picture ends, often close round the ink: (left, top, right, bottom)."""
        rng = self._rng
        boxes = [(m.left, m.top, m.left + m.width, m.top + m.height) for m in scene.marks] or [(40, 40, 120, 120)]
        low, high = np.min(boxes, 0)[:2], np.max(boxes, 0)[2:]
        is_tight = rng.random() < 0.5

        def room(free: float) -> float:
            free = max(free, 0.0)
            return rng.uniform(-0.6, min(free, rng.choice((1.0, 4.0, 12.0)))) if is_tight else rng.uniform(0, free)

        left, top = (int(np.clip(np.floor(value - room(value)), 0, TILE)) for value in low)
        right, bottom = (int(np.clip(np.ceil(value + room(TILE - value)), 0, TILE)) for value in high)
        return (left, top, right, bottom) if right - left >= 10 and bottom - top >= 16 else None
