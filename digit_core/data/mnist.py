"""MNIST: looked for on this machine, else downloaded; checked either way by the digest of each array."""

import hashlib
import logging
import os
from pathlib import Path

import numpy as np

from digit_core import paths
from digit_core.data import file_formats
from digit_core.data.file_formats import DigitFileError

log = logging.getLogger(__name__)

# SHA-256 of the bytes of each array, whichever file brought it.
DIGESTS = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
NPZ = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)
IDX_FOLDER = "https://ossci-datasets.s3.amazonaws.com/mnist/"
IDX = {
    "x_train": ("train-images-idx3-ubyte.gz", "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    "y_train": ("train-labels-idx1-ubyte.gz", "md5:d53e105ee54ea40749a09fcbcd1e9432"),
    "x_test": ("t10k-images-idx3-ubyte.gz", "md5:9fb629c4189551a2d022fa330f9573f3"),
    "y_test": ("t10k-labels-idx1-ubyte.gz", "md5:ec29112dd5afa0611ce80d1b7f02629c"),
}
DOWNLOAD_TIMEOUT = 20  # seconds without an answer


class MnistError(Exception):
    """MNIST is not available; the message tells the user what to do."""


class _DamagedFileError(Exception):
    """A file that should hold MNIST does not."""


def is_at_hand() -> bool:
    """Whether MNIST is on this machine, so that nothing must be fetched."""
    cache = paths.home() / "data"
    whole = any(folder and os.path.exists(folder / "mnist.npz") for folder in (paths.data_dir(), cache))
    return whole or all(os.path.exists(cache / file) for file, _ in IDX.values())


def arrays(progress: bool) -> dict[str, np.ndarray]:
    """MNIST's four arrays from the first place that has them whole: `$DIGIT_DATA_DIR`, the cache, the network.

    Returns:
        x_train, x_test `uint8 (n, 28, 28)` and y_train, y_test `uint8 (n,)`.

    Raises:
        MnistError: no place has them.
    """
    cache = paths.home() / "data"
    for folder in (paths.data_dir(), cache):
        if folder and os.path.exists(folder / "mnist.npz"):
            try:
                return _read_npz(folder / "mnist.npz")
            except _DamagedFileError as error:
                log.warning("%s", error)
                if folder == cache:  # what people keep elsewhere is theirs
                    _set_aside(folder / "mnist.npz")
            except (OSError, MemoryError) as error:
                log.warning("%s cannot be read: %s", folder / "mnist.npz", error)
    failures = []
    for fetch in (_fetch_npz, _fetch_idx):
        try:
            return fetch(cache, progress)
        except (OSError, ValueError, DigitFileError, _DamagedFileError) as error:  # requests' errors are OSErrors
            log.warning("MNIST could not be fetched: %s", error)
            failures.append(type(error).__name__)
    raise MnistError(
        "MNIST is not on this machine and could not be downloaded "
        f"({', '.join(failures)}). Connect to the internet, or put mnist.npz into a folder "
        "and name that folder in DIGIT_DATA_DIR; or use the built-in digits (data set 'builtin')."
    )


def _fetch_npz(cache: Path, progress: bool) -> dict[str, np.ndarray]:
    """Keras' public copy; the file stays in the cache."""
    url, digest = NPZ
    return _read_npz(_download(url, digest, cache, "mnist.npz", progress))


def _fetch_idx(cache: Path, progress: bool) -> dict[str, np.ndarray]:
    """The four IDX files from a mirror; pooch keeps them in the cache."""
    arrays = {}
    for key, (file, digest) in IDX.items():
        path = _download(IDX_FOLDER + file, digest, cache, file, progress)
        arrays[key] = file_formats.read_idx(path)
    return _checked(arrays, cache)


def _download(url: str, digest: str, folder: Path, name: str, progress: bool) -> Path:
    """Fetch one file unless it is there already; pooch checks it and writes it in one move."""
    import pooch

    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=DOWNLOAD_TIMEOUT)
    return Path(pooch.retrieve(url, digest, name, folder, downloader=downloader))


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in DIGESTS}
    except (OSError, MemoryError):  # it may be whole all the same
        raise
    except Exception as error:  # numpy, zipfile and zlib raise whatever they like over damaged files
        raise _DamagedFileError(f"{path} is damaged: {error}") from error
    return _checked(arrays, path)


def _checked(arrays: dict[str, np.ndarray], source: Path) -> dict[str, np.ndarray]:
    for key, digest in DIGESTS.items():
        if hashlib.sha256(np.ascontiguousarray(arrays[key]).tobytes()).hexdigest() != digest:
            raise _DamagedFileError(f"{source} is damaged: its {key} is not MNIST's")
    return arrays


def _set_aside(path: Path) -> None:
    """Rename a damaged file so that it is not read again but can still be looked at."""
    try:
        path.replace(path.with_name(path.name + ".damaged"))
    except OSError as error:  # a read-only data folder: go on to the next place
        log.warning("%s could not be set aside: %s", path, error)
