"""Readings of whole test sets are cached, keyed by their inputs."""

import numpy as np
import pytest

from digit_core.data.datasets import Split
from digit_core.evaluation import cache
from digit_core.models import store as model_store


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))


@pytest.fixture
def digits(rng):
    return Split(rng.integers(0, 256, (30, 28, 28), dtype=np.uint8), np.arange(30, dtype=np.uint8) % 10)


def test_a_second_look_is_the_first_one_kept(digits, monkeypatch):
    shares = []
    first = cache.assess("lenet5", digits, shares.append)
    assert shares == [0.0, 1.0]
    assert cache.is_kept("lenet5", digits)
    monkeypatch.setattr(cache, "read_all", None)  # fails if called
    second = cache.assess("lenet5", digits)
    assert (first.probabilities == second.probabilities).all()


def test_other_digits_and_other_models_are_read_anew(digits):
    cache.assess("lenet5", digits)
    other = Split(digits.images[::-1].copy(), digits.labels)
    assert not cache.is_kept("lenet5", other)
    assert not cache.is_kept("simple_cnn", digits)
    model_store.copy(model_store.find("lenet5"), "twin")  # the same files under another name
    assert cache.is_kept("twin", digits)


def test_what_is_damaged_is_read_anew(digits):
    first = cache.assess("lenet5", digits)
    [file] = cache.folder().glob("*.npz")
    file.write_bytes(file.read_bytes()[:100])
    assert (cache.assess("lenet5", digits).probabilities == first.probabilities).all()


def test_where_nothing_can_be_kept_it_reads_all_the_same(digits, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "file"))
    assert cache.assess("lenet5", digits).digits == 30


def test_it_ends_where_its_watcher_ends_it(digits):
    class EnoughError(Exception):
        pass

    def tell(share):
        raise EnoughError

    with pytest.raises(EnoughError):
        cache.assess("lenet5", digits, tell)
    assert not cache.is_kept("lenet5", digits)
