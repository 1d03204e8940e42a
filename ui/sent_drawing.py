"""Validation of drawings and their pictures; all of it is untrusted input.

A drawing is {"raw": {"objects": Fabric.js paths}, "data": a PNG as a data URL}. The browser stores it, with the
canvas's width, as JSON; a host's script may send one. `browser.js` sends pictures alone.
"""

import binascii
import hashlib
import json
import logging
import struct

import numpy as np

from digit_core import UnreadableImageError, records
from digit_core.pictures import image_files
from ui.bounded import Bounded

log = logging.getLogger(__name__)

LARGEST_PNG = 8_000_000  # characters of a data URL
LARGEST_PICTURE = 5_000_000  # pixels; more than a full-width canvas on a high-DPI screen
FARTHEST = 100_000  # pixels
NARROWEST, WIDEST = 50, 4000  # pixels of a canvas
PNG = b"\x89PNG\r\n\x1a\n"  # signature
INKED = 250  # grey levels; ink of any colour is darker than paper
COMMANDS = {("Q", 4), ("L", 2)}  # path commands after the move, with their number of values
MOST_COMMANDS = 40_000  # of all paths of a drawing: hundreds of strokes

_decoded = Bounded(24_000_000)


def is_drawing(value) -> bool:
    """Whether this is a drawing as the canvas sends it: its strokes and its picture."""
    try:
        return (
            isinstance(value["data"], str)
            and len(value["data"]) <= LARGEST_PNG
            and commands(value["raw"]["objects"]) <= MOST_COMMANDS
            and all(_is_path(stroke) for stroke in value["raw"]["objects"])
        )
    except (TypeError, KeyError, IndexError, ValueError):
        return False


def commands(strokes: list[dict]) -> int:
    """Number of path commands of strokes, which their memory depends on."""
    return sum(len(stroke["path"]) for stroke in strokes)


def _is_path(stroke: dict) -> bool:
    """Whether a stroke is a move, then curves and lines, as pens draw; numbers in canvas pixels."""
    (move, *first), *more = stroke["path"]
    known = move == "M" and len(first) == 2 and all((c, len(v)) in COMMANDS for c, *v in more)
    numbers = [stroke.get("strokeWidth", 1), *first, *(v for _, *values in more for v in values)]
    return known and all(abs(records.number(number)) < FARTHEST for number in numbers)


def decoded(url: str | None, most: int = LARGEST_PICTURE) -> np.ndarray | None:
    """Decode a PNG of at most `most` pixels, given as a data URL, to RGB (height, width, 3) or grey (height, width);
    None if nothing was drawn. Cached: do not modify the result."""
    if not url:
        return None
    key = hashlib.blake2b(url.encode(errors="replace")).digest()
    return _decoded.get_or_make(key, lambda: _decode(url, most), waits=True)


def _decode(url: str, most: int) -> np.ndarray | None:
    try:
        content = binascii.a2b_base64(url.partition(";base64,")[2])
        return image_files.decode(content) if 0 < _pixels(content) <= most else None
    except (binascii.Error, UnreadableImageError) as error:  # not from our pages: nothing drawn
        log.info("A picture of a canvas cannot be read: %s", error)
        return None


def _pixels(content: bytes) -> int:
    """Pixel count from a PNG's header; 0 if it is not a PNG."""
    if content[:8] != PNG or len(content) < 24:
        return 0
    width, height = struct.unpack(">II", content[16:24])
    return width * height


def shows(url: str, strokes: list[dict]) -> bool:
    """Whether the picture of a data URL shows the ink of all strokes, by the points of their paths."""
    picture = decoded(url)
    if picture is None:
        return False
    inked = (picture if picture.ndim == 2 else picture.min(2)) < INKED
    height, width = inked.shape
    for stroke in strokes:
        x, y = np.floor([command[-2:] for command in stroke["path"]]).astype(int).T
        is_inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        if is_inside.any() and inked[y[is_inside], x[is_inside]].mean() <= 0.5:
            return False
    return True


def packed(kept: dict | None) -> str:
    return json.dumps(kept) if kept else ""


def unpacked(text: str) -> dict | None:
    try:
        found = records.parse(text)
    except ValueError:
        return None
    complete = is_drawing(found) and found["raw"]["objects"] and isinstance(found.get("width"), int)
    return found if complete and NARROWEST <= found["width"] <= WIDEST else None
