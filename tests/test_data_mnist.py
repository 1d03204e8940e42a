"""MNIST is found locally, or downloaded and verified; damaged files are set aside."""

import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pytest

from digit_core.data import datasets, mnist
from digit_core.data.datasets import DatasetError

TINY = {
    "x_train": np.arange(48, dtype=np.uint8).repeat(28 * 28).reshape(48, 28, 28),
    "y_train": (np.arange(48) % 10).astype(np.uint8),
    "x_test": np.full((10, 28, 28), 9, np.uint8),
    "y_test": np.arange(10, dtype=np.uint8),
}


def _idx(array):
    return gzip.compress(struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A server with tiny substitutes for MNIST's files, and no local copies of them."""
    site = tmp_path / "site"
    site.mkdir()
    np.savez(site / "mnist.npz", **TINY)
    for key, (name, _) in mnist.IDX.items():
        (site / name).write_bytes(_idx(TINY[key]))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(site))

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"

    def digest(name):
        return "sha256:" + hashlib.sha256((site / name).read_bytes()).hexdigest()

    home = tmp_path / "home"
    monkeypatch.setenv("DIGIT_HOME", str(home))
    monkeypatch.delenv("DIGIT_DATA_DIR", raising=False)
    monkeypatch.setattr(mnist, "NPZ", (address + "mnist.npz", digest("mnist.npz")))
    monkeypatch.setattr(mnist, "IDX_FOLDER", address)
    monkeypatch.setattr(mnist, "IDX", {key: (name, digest(name)) for key, (name, _) in mnist.IDX.items()})
    digests = {key: hashlib.sha256(array.tobytes()).hexdigest() for key, array in TINY.items()}
    monkeypatch.setattr(mnist, "DIGESTS", digests)
    yield site
    server.shutdown()


def _loaded():
    arrays = mnist.arrays(progress=False)
    return all(np.array_equal(arrays[key], TINY[key]) for key in TINY)


def test_mnist_is_downloaded_once_and_then_found_in_the_cache(elsewhere):
    assert _loaded()
    (elsewhere / "mnist.npz").unlink()
    assert _loaded()


def test_the_mirror_is_asked_when_the_first_source_fails(elsewhere):
    (elsewhere / "mnist.npz").write_bytes(b"not what it was")
    assert _loaded()


def test_a_damaged_file_is_named_set_aside_and_fetched_again(elsewhere, tmp_path, caplog):
    cached = tmp_path / "home" / "data" / "mnist.npz"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"PK\x03\x04 half a file")
    assert _loaded()
    assert str(cached) in caplog.text
    assert cached.with_name("mnist.npz.damaged").exists()


def test_any_damage_to_a_file_is_found(elsewhere, tmp_path, monkeypatch):
    """Change three random bytes of a compressed file, 60 times: it is always set aside, without an error."""
    folder, rng = tmp_path / "given", np.random.default_rng(1)
    folder.mkdir()
    monkeypatch.setenv("DIGIT_DATA_DIR", str(folder))
    np.savez_compressed(folder / "whole.npz", **TINY)
    whole = np.frombuffer((folder / "whole.npz").read_bytes(), np.uint8)
    for _ in range(60):
        damaged = whole.copy()
        damaged[rng.integers(0, len(whole), 3)] = rng.integers(0, 256, 3)
        (folder / "mnist.npz").write_bytes(damaged.tobytes())
        assert _loaded()


def test_a_file_with_other_arrays_counts_as_damaged(elsewhere, tmp_path, monkeypatch):
    folder = tmp_path / "given"
    folder.mkdir()
    np.savez(folder / "mnist.npz", **{**TINY, "y_test": TINY["y_test"][::-1]})
    monkeypatch.setenv("DIGIT_DATA_DIR", str(folder))
    assert _loaded()
    assert [file.name for file in folder.iterdir()] == ["mnist.npz"]  # the user's own file stays as it is


def test_a_file_that_cannot_be_read_just_now_is_not_damaged(elsewhere, tmp_path, monkeypatch):
    cached = tmp_path / "home" / "data" / "mnist.npz"
    assert _loaded()
    content = cached.read_bytes()
    (elsewhere / "mnist.npz").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(np, "load", lambda *args, **options: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        assert _loaded()  # from the mirror
    assert cached.read_bytes() == content


def test_a_pickled_file_is_never_opened(elsewhere, tmp_path, monkeypatch):
    folder = tmp_path / "given"
    folder.mkdir()
    np.savez(folder / "mnist.npz", **{**TINY, "y_test": np.array([{"a": 1}], dtype=object)})
    monkeypatch.setenv("DIGIT_DATA_DIR", str(folder))
    assert _loaded()


def test_without_network_both_ways_out_are_named(elsewhere, monkeypatch):
    for file in elsewhere.iterdir():
        file.unlink()
    with pytest.raises(DatasetError, match=r"DIGIT_DATA_DIR.*builtin"):
        datasets.load("mnist")
