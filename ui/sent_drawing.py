"""Validation of drawings from the browser; both formats are untrusted input.

The canvas sends {"raw": {"objects": Fabric.js paths}, "data": a PNG as a data URL}. The browser stores the same, with
the canvas's width, as JSON.
"""

import binascii
import hashlib
import json
import logging

import numpy as np

from digit_core import UnreadableImageError, records
from digit_core.pictures import image_files
from ui.bounded import Bounded

log = logging.getLogger(__name__)

LARGEST_PNG = 8_000_000  # characters of a data URL
LARGEST_PICTURE = 15_000_000  # array elements; more than a full-width canvas on a high-DPI screen
FARTHEST = 100_000  # pixels
NARROWEST, WIDEST = 50, 4000  # pixels of a canvas
INKED = 128  # grey levels; the pen is darker
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


def decoded(url: str | None) -> np.ndarray | None:
    """Decode a data URL to RGB (height, width, 3); None if nothing was drawn. Cached: do not modify the result."""
    if not url:
        return None
    return _decoded.get_or_make(hashlib.blake2b(url.encode(errors="replace")).digest(), lambda: _decode(url))


def _decode(url: str) -> np.ndarray | None:
    try:
        picture = image_files.decode(binascii.a2b_base64(url.partition(";base64,")[2]))
    except (binascii.Error, UnreadableImageError):  # not from our canvas: nothing drawn
        log.warning("The canvas sent a picture that cannot be read", exc_info=True)
        return None
    return picture if picture.size <= LARGEST_PICTURE else None


def shows(url: str, points: list[tuple[float, float]]) -> bool:
    """Whether the picture of a data URL shows the ink of a stroke, by its points in canvas pixels."""
    picture = decoded(url)
    if picture is None:
        return False
    height, width = picture.shape[:2]
    inside = [(round(y), round(x)) for x, y in points if 0 <= round(x) < width and 0 <= round(y) < height]
    return not inside or np.mean([picture[place].min() < INKED for place in inside]) > 0.5


def packed(kept: dict | None) -> str:
    return json.dumps(kept) if kept else ""


def unpacked(text: str) -> dict | None:
    try:
        found = records.parse(text)
    except ValueError:
        return None
    complete = is_drawing(found) and found["raw"]["objects"] and isinstance(found.get("width"), int)
    return found if complete and NARROWEST <= found["width"] <= WIDEST else None
