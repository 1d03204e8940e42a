"""Fuzz the code that reads untrusted files, with atheris (Linux; `pip install atheris`).

    python fuzz/fuzz.py picture CORPUS -max_total_time=1800

Targets: picture (decoding), reader (decoding and reading), idx, npz, csv, jsonl, zip, link (a shared drawing).
CORPUS is a folder for inputs that reach new code; it starts with the seeds below. Any exception except the errors with
a message for users is a crash.
"""

import base64
import contextlib
import io
import logging
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import atheris
import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["digit_core", "ui"]):
    from digit_core import Recognizer, UnreadableImageError
    from digit_core.data import file_formats
    from digit_core.data.file_formats import DigitFileError
    from digit_core.pictures import image_files
    from ui import samples, shared_drawing

SMALLEST, LARGEST = 1, 200_000  # input size in bytes


def picture(content: bytes) -> None:
    image_files.decode(content)


def reader(content: bytes) -> None:
    RECOGNIZER.read(image_files.decode(content))


def link(content: bytes) -> None:
    """A drawing in a URL: if it can be unpacked, it is drawn."""
    text = base64.urlsafe_b64encode(zlib.compress(content)).decode()
    if (found := shared_drawing.unpack(text, "#000000")) is not None:
        samples.picture(found[0], found[1], 300)


def data_file(name: str, read: Callable = file_formats.read) -> Callable[[bytes], None]:
    path = Path(tempfile.mkdtemp()) / name

    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        read(path)

    return attempt


TARGETS = {
    "picture": picture,
    "reader": reader,
    "idx": data_file("train-images-idx3-ubyte", file_formats.read_idx),
    "npz": data_file("digits.npz"),
    "csv": data_file("digits.csv"),
    "jsonl": data_file("digits.jsonl"),
    "zip": data_file("digits.zip"),
    "link": link,
}


def seeds(target: str) -> list[bytes]:
    """Small valid inputs for a target."""
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 12:16] = 255
    if target in ("picture", "reader"):
        kinds = (".png", ".jpg", ".bmp", ".tiff", ".webp")
        return [cv2.imencode(kind, 255 - digit)[1].tobytes() for kind in kinds]
    if target == "idx":
        return [struct.pack(">IIII", 0x803, 2, 28, 28) + digit.tobytes() * 2]
    if target == "npz":
        file = io.BytesIO()
        np.savez(file, images=np.stack([digit] * 2), labels=np.array([1, 1]))
        return [file.getvalue()]
    if target == "csv":
        return [("1," + ",".join(map(str, digit.ravel())) + "\n").encode() * 2]
    if target == "zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("1/a.png", cv2.imencode(".png", 255 - digit)[1].tobytes())
        return [file.getvalue()]
    if target == "link":
        return [b'{"width":560,"strokes":[[18,10,10,5,5],[18,40,40,1,1,2,2]]}']
    return [b'{"label": 1, "writer": "a", "strokes": [[[0.1, 0.2], [0.3, 0.4]]]}\n' * 2]


def main() -> None:
    if len(sys.argv) < 3 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    target, corpus = sys.argv[1], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds(target)):
        (corpus / f"seed{number}").write_bytes(content)
    act = TARGETS[target]

    def attempt(content: bytes) -> None:
        if SMALLEST <= len(content) <= LARGEST:
            with contextlib.suppress(UnreadableImageError, DigitFileError):
                act(content)

    logging.disable()
    # atheris itself grows by about 10 kB per input; without it, memory is constant over 20,000 readings
    atheris.Setup([sys.argv[0], *sys.argv[2:], "-timeout=10", "-rss_limit_mb=8000"], attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    RECOGNIZER = Recognizer.load()
    main()
