"""Handwriting for tests: ten digits as pen strokes, and a pen to draw them with."""

import gzip
import json
from pathlib import Path

import cv2
import numpy as np

# Strokes of (x, y) in a box about 70 wide and 100 high, y down; written by hand for these tests.
DIGITS = {
    0: [[(36, 2), (16, 10), (5, 40), (10, 78), (32, 97), (56, 88), (68, 52), (60, 16), (38, 3)]],
    1: [[(14, 26), (38, 2), (37, 50), (36, 98)]],
    2: [[(8, 22), (22, 3), (48, 4), (58, 24), (46, 52), (8, 94), (36, 92), (66, 95)]],
    3: [[(10, 8), (36, 1), (56, 14), (52, 36), (28, 46), (54, 56), (64, 76), (46, 96), (18, 98), (4, 86)]],
    4: [[(36, 0), (20, 34), (4, 64), (38, 62), (70, 60)], [(50, 34), (48, 66), (46, 100)]],
    5: [[(16, 6), (13, 42), (40, 36), (62, 54), (60, 80), (36, 98), (6, 88)], [(17, 5), (42, 4), (66, 2)]],
    6: [[(50, 2), (24, 26), (8, 62), (14, 90), (38, 98), (58, 84), (56, 62), (34, 54), (12, 68)]],
    7: [[(4, 6), (36, 5), (66, 4), (48, 40), (32, 72), (24, 100)]],
    8: [[(56, 14), (36, 1), (14, 12), (18, 34), (58, 66), (54, 92), (32, 99), (10, 88), (12, 66), (52, 32), (57, 14)]],
    9: [[(60, 20), (42, 3), (16, 10), (10, 34), (30, 48), (52, 38), (61, 18), (58, 52), (48, 100)]],
}


def placed(strokes, left: float, top: float, height: float) -> list[list[tuple[float, float]]]:
    """Move the strokes of a digit in DIGITS to (left, top) and scale them to a height in pixels."""
    return [[(left + x * height / 100, top + y * height / 100) for x, y in stroke] for stroke in strokes]


def number(text: str, left: float, top: float, height: float, advance: float = 0.95):
    """The strokes of a number, digit by digit."""
    return [
        stroke
        for place, digit in enumerate(text)
        for stroke in placed(DIGITS[int(digit)], left + place * advance * height, top, height)
    ]


def draw(strokes, width: int = 400, height: int = 400, pen: int = 16) -> np.ndarray:
    """Dark ink on white, uint8 (height, width)."""
    picture = np.full((height, width), 255, np.uint8)
    for stroke in strokes:
        points = np.round(np.asarray(stroke, float) * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(picture, [points], False, 20, pen, cv2.LINE_AA, 4)
    return picture


def real_strokes(folder: Path, name: str, count: int) -> list[tuple[list, str]]:
    """`count` evenly spaced rows of a stroke set: (strokes in the unit box, label)."""
    with gzip.open(folder / "strokes" / f"{name}.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    return [(row["strokes"], str(row["label"])) for row in rows[:: len(rows) // count][:count]]
