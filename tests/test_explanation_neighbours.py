"""Similar digits: the nearest neighbours, a digit's place on the map, and the cached index."""

from dataclasses import replace

import numpy as np
import pytest

from digit_core.data.datasets import Split
from digit_core.explanation import neighbours
from digit_core.explanation.neighbours import Index
from digit_core.models import store


@pytest.fixture
def index():
    """Three known digits on a line in feature space, and two digits on the map."""
    images = np.zeros((3, 28, 28), np.uint8)
    features = np.array([[0, 0], [1, 0], [5, 0]], np.float32)
    points = np.array([[0, 0], [10, 0]], np.float32)
    return Index(images, np.array([4, 4, 9]), features, images[:2], np.array([4, 9]), features[[0, 2]], points,
                 np.eye(2, dtype=np.float32))  # fmt: skip


def test_the_nearest_come_first_with_their_distances(index):
    places, distances = index.nearest(np.array([0.9, 0]), 2)
    assert places.tolist() == [1, 0]
    assert distances[1] / distances[0] == pytest.approx(9, rel=1e-3)


def test_a_digit_is_put_near_those_that_are_like_it(index):
    x, _ = index.place(np.array([1.0, 0]))  # distance 1 from the first, 4 from the second
    assert x == pytest.approx(2)
    assert index.place(np.array([5.0, 0]))[0] == pytest.approx(10, abs=0.01)


def test_an_index_is_made_kept_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    monkeypatch.setattr(neighbours, "LOOKED_UP", 6)
    monkeypatch.setattr(neighbours, "MAPPED", 4)
    model, told = store.find("lenet5"), []
    assert neighbours.kept(model, "builtin") is None
    file = neighbours.keep(model, "builtin", told.append)
    found = neighbours.kept(model, "builtin")
    assert found.features.shape == (60, 84)
    assert found.points.shape == (40, 2)
    assert found.axes.shape == (84, 84)
    assert told[-1] == 1.0
    assert told == sorted(told)
    assert neighbours.kept(store.find("simple_cnn"), "builtin") is None
    file.write_bytes(file.read_bytes()[:500])
    assert neighbours.kept(model, "builtin") is None


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.array(["<b>x</b>"] * 3)}, {"labels": np.array([4, 4, 10])},
        {"features": np.zeros((3, 3), np.float32)}, {"features": np.full((3, 2), np.nan, np.float32)},
        {"points": np.zeros((2, 3), np.float32)}, {"axes": np.zeros((3, 2), np.float32)},
        {"images": np.zeros((3, 28, 28))}, {"map_labels": np.array([4])},
    ],
    ids=str,
)  # fmt: skip
def test_arrays_that_cannot_be_are_refused(index, change):
    with pytest.raises(ValueError, match="its "):
        neighbours._checked(replace(index, **change))


def test_an_index_of_another_kind_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    file = neighbours.file_of(store.find("lenet5"), "builtin")
    file.parent.mkdir()
    with open(file, "wb") as out:
        np.save(out, np.zeros(3))
    assert neighbours.kept(store.find("lenet5"), "builtin") is None


def test_digits_of_few_kinds_are_enough():
    split = Split(np.zeros((4, 28, 28), np.uint8), np.array([1, 1, 1, 3]))
    some = neighbours._some(split, 2, np.random.default_rng(0))
    assert np.bincount(some.labels).tolist() == [0, 2, 0, 1]


def test_thousands_of_features_are_kept_along_their_main_axes(rng):
    features = (rng.normal(size=(60, 5)) @ rng.normal(size=(5, 3000))).astype(np.float32)  # really five-dimensional
    axes = neighbours._axes(features)
    assert axes.shape == (60, 3000)
    before = np.linalg.norm(features - features[7], axis=1)
    np.testing.assert_allclose(np.linalg.norm((features - features[7]) @ axes.T, axis=1), before, rtol=1e-3, atol=1e-2)
