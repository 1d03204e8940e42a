"""Encode a drawing as a short text for a link, and decode it: stroke points rounded to pixels and compressed.

Decoding treats the text as untrusted input: sizes are limited, and invalid text yields None.
"""

import base64
import binascii
import itertools
import json
import zlib

import numpy as np

from digit_core import records
from ui import samples
from ui.sent_drawing import NARROWEST, WIDEST

LONGEST = 6000  # characters; some chats cut longer links
LARGEST = 40_000  # bytes after decompression
MOST_STROKES, MOST_POINTS = 200, 5000
BROADEST = 60  # pixels of a pen


def pack(objects: list[dict], width: int) -> str | None:
    """Encode Fabric.js paths on a canvas of this width in pixels; None if they are invalid or the text is too long."""
    try:
        strokes = [_stroke(stroke) for stroke in objects]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    if not 0 < len(strokes) <= MOST_STROKES or sum(map(len, strokes)) > 2 * MOST_POINTS:
        return None
    content = json.dumps({"width": width, "strokes": strokes}, separators=(",", ":")).encode()
    text = base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")
    return text if len(content) <= LARGEST and len(text) <= LONGEST else None


def unpack(text: str, colour: str) -> tuple[list[dict], int] | None:
    """Decode a text made by `pack`: the Fabric.js paths in this colour, and the canvas's width; None if invalid."""
    if len(text) > LONGEST:
        return None
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        content = zlib.decompressobj().decompress(packed, LARGEST)
        found = records.parse(content)
        width, strokes = found["width"], found["strokes"]
        if not isinstance(width, int) or not NARROWEST <= width <= WIDEST or not 0 < len(strokes) <= MOST_STROKES:
            return None
        if sum(map(len, strokes)) > 2 * MOST_POINTS:
            return None
        return [samples.path(_points(moves), colour, _pen(pen)) for pen, *moves in strokes], width
    except (ValueError, TypeError, KeyError, binascii.Error, zlib.error):
        return None


def _stroke(stroke: dict) -> list[int]:
    """Return the pen width, the first point, and the offset from each point to the next; x and y alternate."""
    points = np.array([command[1:3] for command in stroke["path"]], float)  # for a curve, its control point
    whole = np.round(points).astype(int)
    ways = np.diff(whole, axis=0)
    return [max(round(float(stroke["strokeWidth"])), 1), *whole[0].tolist(), *ways[ways.any(1)].ravel().tolist()]


def _points(moves: list) -> list[tuple[float, float]]:
    if len(moves) < 2 or len(moves) % 2:
        raise ValueError("not the points of a stroke")
    numbers = [records.number(move) for move in moves]
    points = [*zip(itertools.accumulate(numbers[::2]), itertools.accumulate(numbers[1::2]), strict=True)]
    if not all(abs(value) <= WIDEST for point in points for value in point):
        raise ValueError("far outside the canvas")
    return points if len(points) > 1 else points * 2


def _pen(width) -> float:
    if not 1 <= records.number(width) <= BROADEST:
        raise ValueError("not the width of a pen")
    return float(width)
