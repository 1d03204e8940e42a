"""Digits that are similar to a network: nearest training digits in feature space, and a map of the test digits.

Feature space is the input of the network's last layer. A model's index is built once, in a few seconds, and cached
under `$DIGIT_HOME/neighbours/`. The map is t-SNE after PCA (L. van der Maaten, G. Hinton: Visualizing Data using
t-SNE, 2008); other digits are placed among their nearest test digits.
"""

import functools
import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from digit_core import paths, records
from digit_core.data import datasets
from digit_core.data.datasets import Dataset, Split
from digit_core.explanation.network import Network, network_of
from digit_core.models.store import ModelError, StoredModel

log = logging.getLogger(__name__)

LOOKED_UP, MAPPED = 300, 150  # digits per class in the index, and on the map
MOST_AXES = 128  # of the features that are kept
MOST_VALUES = 20_000_000  # features of all digits while an index is made
COMPONENTS = 30  # principal components of the features, for t-SNE
PLACED_BY = 5  # nearest digits that determine a digit's place on the map
SEED = 2026
MOST_KEPT = 60  # files; two per model
LARGEST_FILE = 40_000_000  # bytes of a kept index, unpacked

OnProgress = Callable[[float], None]  # 0..1


@dataclass(frozen=True)
class Index:
    """Digits and their places in feature space.

    Attributes:
        images: uint8 (n, 28, 28), of the training part, with `labels` (n,) and `features` float32 (n, c).
        map_images: uint8 (m, 28, 28), of the test part, with `map_labels` and `map_features`.
        points: float32 (m, 2), the positions of `map_images` on the map.
        axes: float32 (c, k): the principal axes on which the k features are projected, all of them if they are few.
    """

    images: np.ndarray
    labels: np.ndarray
    features: np.ndarray
    map_images: np.ndarray
    map_labels: np.ndarray
    map_features: np.ndarray
    points: np.ndarray
    axes: np.ndarray

    def nearest(self, feature: np.ndarray, count: int = 8) -> tuple[np.ndarray, np.ndarray]:
        """The indices of the nearest training digits to a digit's k features, and their distances as fractions of
        `usual_distance`."""
        distances = np.linalg.norm(self.features - self.axes @ feature, axis=1)
        order = np.argsort(distances)[:count]
        return order, distances[order] / self.usual_distance

    @functools.cached_property
    def usual_distance(self) -> float:
        """The mean distance between two training digits."""
        step = max(len(self.features) // 2, 1)
        return float(np.linalg.norm(self.features - np.roll(self.features, step, 0), axis=1).mean()) or 1.0

    def place(self, feature: np.ndarray) -> np.ndarray:
        """A digit's position on the map, float (2,): the mean of its nearest digits, weighted by inverse distance."""
        distances = np.linalg.norm(self.map_features - self.axes @ feature, axis=1)
        order = np.argsort(distances)[:PLACED_BY]
        weights = 1 / np.maximum(distances[order], 1e-6)
        return weights @ self.points[order] / weights.sum()


def make(network: Network, dataset: Dataset, on_progress: OnProgress = lambda fraction: None) -> Index:
    """The index of a network with digits of a data set; loads scikit-learn."""
    rng = np.random.default_rng(SEED)
    room = max(MOST_VALUES // (10 * len(network.layers[-1].kernel)), 10)  # digits per class
    known, shown = _some(dataset.train, min(LOOKED_UP, room), rng), _some(dataset.test, min(MAPPED, room), rng)
    total, done = len(known) + len(shown), 0

    def features(split: Split) -> np.ndarray:
        nonlocal done
        found = []
        for image in split.images:
            found.append(network.features(image))
            done += 1
            on_progress(0.7 * done / total)
        return np.stack(found)

    known_features, shown_features = features(known), features(shown)
    axes = _axes(known_features)
    known_features, shown_features = known_features @ axes.T, shown_features @ axes.T
    points = _t_sne(shown_features)
    on_progress(1.0)
    return Index(known.images, known.labels, known_features, shown.images, shown.labels, shown_features, points, axes)


def _axes(features: np.ndarray) -> np.ndarray:
    """At most `MOST_AXES` orthonormal axes, float32 (c, k), along which features vary most; thousands of features would
    take most of a server's memory, and the distances hardly differ."""
    from sklearn.decomposition import PCA

    count = features.shape[1]
    if count <= MOST_AXES:
        return np.eye(count, dtype=np.float32)
    return PCA(min(MOST_AXES, len(features)), random_state=SEED).fit(features).components_.astype(np.float32)


def _some(split: Split, most: int, rng: np.random.Generator) -> Split:
    """Up to `most` random digits of each class."""
    chosen = []
    for digit in range(10):
        places = np.flatnonzero(split.labels == digit)
        chosen.append(rng.choice(places, min(most, len(places)), replace=False))
    places = np.sort(np.concatenate(chosen))
    return Split(split.images[places], split.labels[places])


def _t_sne(features: np.ndarray) -> np.ndarray:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    count = min(COMPONENTS, *features.shape)
    reduced = PCA(count, random_state=SEED).fit_transform(features)
    perplexity = min(30, max(2, len(features) // 4))
    return TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(reduced).astype(np.float32)


def kept(model: StoredModel, data: str) -> Index | None:
    """Load the cached index of a model and data set; None if there is none or it cannot be read."""
    file = file_of(model, data)
    try:
        arrays = records.read_arrays(file, LARGEST_FILE)
        return _checked(Index(**{field.name: arrays[field.name] for field in fields(Index)}))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        log.warning("The index %s cannot be read: %s", file.name, error)
        return None


def keep(model: StoredModel, data: str, on_progress: OnProgress = lambda fraction: None) -> Path:
    """Build and cache the index of a model.

    Raises:
        ModelError: the model cannot be read, or the index cannot be written.
        DatasetError: the data set is not available.
    """
    index = make(network_of(model), datasets.load(data), on_progress)
    file = file_of(model, data)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(file) as out:
            np.savez_compressed(out, **asdict(index))
        paths.keep_newest(file.parent, MOST_KEPT)
    except OSError as error:
        log.warning("No index can be written to %s", file, exc_info=error)
        raise ModelError(f"The map cannot be written: {error.strerror or 'the folder cannot be used'}.") from error
    return file


def file_of(model: StoredModel, data: str) -> Path:
    """Where a model's index is kept."""
    key = hashlib.sha256(f"{model.digest} {data}".encode()).hexdigest()
    return paths.home() / "neighbours" / f"{key[:32]}.npz"


def _checked(index: Index) -> Index:
    """Return the index. Raises ValueError if its arrays are invalid or inconsistent."""
    known, shown, width = len(index.labels), len(index.map_labels), index.features.shape[-1:]
    shapes = {
        "images": (known, 28, 28), "labels": (known,), "features": (known, *width),
        "map_images": (shown, 28, 28), "map_labels": (shown,), "map_features": (shown, *width), "points": (shown, 2),
    }  # fmt: skip
    if not known or not shown or any(getattr(index, name).shape != shape for name, shape in shapes.items()):
        raise ValueError("its arrays do not belong together")
    if index.images.dtype != np.uint8 or index.map_images.dtype != np.uint8:
        raise ValueError("its pictures are not uint8")
    for labels in (index.labels, index.map_labels):
        if labels.dtype.kind not in "ui" or labels.min() < 0 or labels.max() > 9:
            raise ValueError("its labels are not digits")
    if index.axes.ndim != 2 or index.axes.shape[:1] != width:
        raise ValueError("its axes are not those of its features")
    for numbers in (index.features, index.map_features, index.points, index.axes):
        if numbers.dtype != np.float32 or not np.isfinite(numbers).all():
            raise ValueError("its features or points are not finite float32")
    return index
