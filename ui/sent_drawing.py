"""A drawing as the canvas sends it, {"raw": {"objects": Fabric.js paths}, "data": a PNG as a data URL}, and as the
browser keeps it, with the canvas's width, as JSON. Both come from outside, and may be anything.
"""

import binascii
import json
import logging

import numpy as np

from digit_core import UnreadableImageError, records
from digit_core.pictures import image_files

log = logging.getLogger(__name__)

LARGEST_PNG = 8_000_000  # characters of a data URL


def is_drawing(value) -> bool:
    """Whether this is a drawing as the canvas sends it: its strokes and its picture."""
    try:
        return (
            isinstance(value["data"], str)
            and len(value["data"]) <= LARGEST_PNG
            and all(isinstance(stroke, dict) for stroke in value["raw"]["objects"])
        )
    except (TypeError, KeyError):
        return False


def decoded(url: str | None) -> np.ndarray | None:
    """The picture of a data URL, RGB (height, width, 3), or None if nothing was drawn."""
    if not url:
        return None
    try:
        return image_files.decode(binascii.a2b_base64(url.partition(";base64,")[2]))
    except (binascii.Error, UnreadableImageError):  # not from our canvas: nothing drawn
        log.warning("The canvas sent a picture that cannot be read", exc_info=True)
        return None


def packed(kept: dict | None) -> str:
    return json.dumps(kept) if kept else ""


def unpacked(text: str) -> dict | None:
    try:
        found = records.parse(text)
    except ValueError:
        return None
    complete = is_drawing(found) and found["raw"]["objects"] and isinstance(found.get("width"), int)
    return found if complete and found["width"] > 0 else None
