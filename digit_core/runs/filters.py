"""How the first layer's filters form: some moments of a training, evenly spread, in a run's `filters.npy`."""

from pathlib import Path

import numpy as np

from digit_core import paths, records

FILE = "filters.npy"
MOST = 8  # moments that are kept
SHOWN = 16  # filters of which they are kept
LARGEST = 11  # pixels of a filter's side
LARGEST_FILE = 100_000  # bytes


class FilterLog:
    """Keeps moments while training; for one thread. The first one stays, and so does the newest."""

    def __init__(self, folder: Path):
        self._path = folder / FILE
        earlier = read(folder)
        self._moments = [] if earlier is None else list(earlier)
        self._every = self._since = 1  # of how many moments one is kept

    def add(self, filters: np.ndarray) -> None:
        """A moment: the filters as they are now, float32 (side, side, n). Raises OSError where the disk is full."""
        own = np.asarray(filters, np.float32)[..., :SHOWN]
        if self._moments and self._moments[0].shape != own.shape:
            self._moments = []
        if self._since < self._every and len(self._moments) > 1:
            self._moments[-1] = own  # the newest takes the place of the one before
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
    """The moments, float32 (m, side, side, n), or None where there are none that can be read."""
    try:
        found = records.read_arrays(folder / FILE, LARGEST_FILE).get("")
    except (OSError, ValueError):
        return None
    if found is None or found.ndim != 4 or found.dtype != np.float32:
        return None
    moments, height, width, count = found.shape
    fits = 0 < moments <= MOST and 0 < height <= LARGEST and 0 < width <= LARGEST and 0 < count <= SHOWN
    return found if fits and np.isfinite(found).all() else None
