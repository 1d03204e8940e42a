"""Hundreds of damaged and hostile files, made from valid ones with fixed seeds, so always the same."""

import gzip
import io
import json
import struct
from collections.abc import Iterator

import cv2
import numpy as np
import pictures

SCENES = 2000  # pixels per side


def damaged(content: bytes, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """A file truncated, lengthened, and with bytes changed: in its header, where sizes are, and anywhere."""
    rng = np.random.default_rng(seed)
    for fraction in (0.05, 0.5, 0.95):
        yield f"cut at {fraction}", content[: int(len(content) * fraction)]
    yield "followed by rubbish", content + rng.bytes(500)
    for part, reach, changes in (("head", 64, 4), ("head again", 64, 4), ("anywhere", len(content), 20)):
        changed = bytearray(content)
        for place in rng.integers(0, min(reach, len(content)), changes):
            changed[place] = rng.integers(256)
        yield f"changed {part}", bytes(changed)
    yield "largest numbers", content[:8] + b"\xff" * 16 + content[24:]


def picture_files() -> Iterator[tuple[str, bytes]]:
    """Over 200 files: every readable format damaged in eight ways, and the files of `pictures.broken`."""
    for seed, (name, content) in enumerate(pictures.readable().items()):
        for damage, changed in damaged(content, seed):
            yield f"{name}, {damage}", changed
    yield from pictures.broken().items()


def scenes() -> Iterator[tuple[str, np.ndarray]]:
    """Valid pictures that are expensive to read: uint8 (SCENES, SCENES) and some of other shapes."""
    rows, columns = np.mgrid[:SCENES, :SCENES]
    from_centre = np.hypot(rows - SCENES / 2, columns - SCENES / 2)
    rng = np.random.default_rng(0)
    dark = {
        "diagonals 3 apart": (rows + columns) % 3 == 0,
        "diagonals 9 apart": (rows + columns) % 9 < 2,
        "crossed diagonals": ((rows + columns) % 24 < 2) | ((rows - columns) % 24 < 2),
        "grid": (rows % 12 == 0) | (columns % 12 == 0),
        "dots": (rows % 16 < 3) & (columns % 16 < 3),
        "rings": from_centre % 14 < 3,
        "spiral": (from_centre + 20 * np.arctan2(rows - SCENES / 2, columns - SCENES / 2)) % 20 < 4,
        "sparse noise": rng.random((SCENES, SCENES)) < 0.01,
        "stripes": columns % 40 < 20,
    }
    for name, ink in dark.items():
        yield name, np.where(ink, 0, 255).astype(np.uint8)
    yield "smooth noise", cv2.GaussianBlur(rng.integers(0, 256, (SCENES, SCENES), np.uint8), (0, 0), 4)
    yield "very wide", np.where(np.arange(60_000)[None] % 30 < 4, 0, 255).astype(np.uint8).repeat(40, 0)
    yield "very high", np.where(np.arange(60_000)[:, None] % 30 < 4, 0, 255).astype(np.uint8).repeat(40, 1)


def data_files() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Over 70 of (description, files by name); the first file is the one to read."""
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 256, (20, 28, 28), np.uint8), (np.arange(20) % 10).astype(np.uint8)
    names = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    pair = idx(images), idx(labels)
    csv = b"".join(b",".join(b"%d" % v for v in [d, *i.ravel()]) + b"\n" for i, d in zip(images, labels, strict=True))
    row = {"label": 1, "writer": "a", "strokes": [[[0.1, 0.2], [0.3, 0.4]]]}
    jsonl = (json.dumps(row) + "\n").encode() * 20
    whole = [
        (names[0], pair[0], {names[1]: pair[1]}),
        (names[0] + ".gz", gzip.compress(pair[0], mtime=0), {names[1]: pair[1]}),
        ("digits.npz", npz(images=images, labels=labels), {}),
        ("keras.npz", npz(x_train=images, y_train=labels, x_test=images, y_test=labels), {}),
        ("digits.csv", csv, {}),
        ("digits.csv.gz", gzip.compress(csv, mtime=0), {}),
        ("digits.jsonl", jsonl, {}),
        ("digits.jsonl.gz", gzip.compress(jsonl, mtime=0), {}),
    ]
    for seed, (name, content, beside) in enumerate(whole):
        for damage, changed in damaged(content, seed):
            yield f"{name}, {damage}", {name: changed, **beside}
    yield "labels damaged", {names[0]: pair[0], names[1]: pair[1][:-3]}
    yield "objects to unpickle", {"digits.npz": npz(images=np.array([{}, print], object), labels=labels)}
    yield "no rows", {"digits.npz": npz(images=images[:0], labels=labels[:0])}
    yield "records", {"digits.npz": npz(images=np.zeros(20, "i4,f8"), labels=labels)}
    yield "complex", {"digits.npz": npz(images=images.astype(complex), labels=labels)}
    for value in ("NaN", "Infinity", "1e999", "null", '"a"', "{}", "[[]]", "[1]", "[1, 2, 3]", "[true, false]"):
        yield f"a point {value}", {"digits.jsonl": b'{"label": 1, "strokes": [[%s]]}\n' % value.encode()}
        yield f"strokes {value}", {"digits.jsonl": b'{"label": 1, "strokes": %s}\n' % value.encode()}
        yield f"a label {value}", {"digits.jsonl": b'{"label": %s, "strokes": [[[0, 0], [1, 1]]]}\n' % value.encode()}
        yield f"a pixel {value}", {"digits.csv": b"1," + value.encode() + b",0" * 783 + b"\n"}


def idx(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


ODD = ("", "null", "[]", "7", "{", "[" * 100_000, "\ud800", "\0", '{"a": NaN}', "9" * 5000)  # replace a JSON file
ODD_VALUES = (None, -1, 1e400, "x" * 10_000, [], {}, True)  # replace a value in a JSON file
