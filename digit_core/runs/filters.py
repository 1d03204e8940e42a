"""Snapshots of the first layer's filters, evenly spread over a training, in a run's `filters.npy`."""

from pathlib import Path

import numpy as np

from digit_core import paths, records

FILE = "filters.npy"
MOST = 8  # snapshots
SHOWN = 16  # filters per snapshot
LARGEST = 11  # pixels per side of a filter
LARGEST_FILE = 100_000  # bytes


class FilterLog:
    """Keeps snapshots while training, always including the first and the newest; not thread-safe."""

    def __init__(self, folder: Path):
        self._path = folder / FILE
        earlier = read(folder)
        self._moments = [] if earlier is None else list(earlier)
        self._every = self._since = 1  # keep one of this many snapshots

    def add(self, filters: np.ndarray) -> None:
        """Add the current filters, float32 (side, side, n), as a snapshot. Raises OSError if the disk is full."""
        own = np.asarray(filters, np.float32)[..., :SHOWN]
        if self._moments and self._moments[0].shape != own.shape:
            self._moments = []
        if self._since < self._every and len(self._moments) > 1:
            self._moments[-1] = own  # replace the previous newest
            self._since += 1
        else:
            self._moments.append(own)
            self._since = 1
        if len(self._moments) > MOST:
            self._moments = [self._moments[0], *self._moments[2:-1:2], self._moments[-1]]
            self._every *= 2
        with paths.replacing_file(self._path) as file:
            np.save(file, np.stack(self._moments), allow_pickle=False)


def read(folder: Path) -> np.ndarray | None:
    """The snapshots, float32 (m, side, side, n), or None if there are none or they cannot be read."""
    try:
        found = records.read_arrays(folder / FILE, LARGEST_FILE).get("")
    except (OSError, ValueError):
        return None
    if found is None or found.ndim != 4 or found.dtype != np.float32:
        return None
    moments, height, width, count = found.shape
    fits = 0 < moments <= MOST and 0 < height <= LARGEST and 0 < width <= LARGEST and 0 < count <= SHOWN
    return found if fits and np.isfinite(found).all() else None
