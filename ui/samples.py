"""Sample numbers as strokes for the canvas, for visitors without a pen or mouse.

Each digit is a list of strokes, each a list of (x, y) in a box 0.7 wide and 1 high, with y pointing down. The values
below are in hundredths.
"""

import itertools

import cv2
import numpy as np

from digit_core.reading import overlay

_STROKES = {
    "0": ("35,2 12,15 3,50 13,87 36,98 60,85 68,50 58,14 33,3",),
    "1": ("10,25 22,15 36,0 34,50 33,98",),
    "2": ("6,25 15,6 38,0 58,12 58,35 38,62 5,96 30,93 68,96",),
    "3": ("8,10 35,0 58,12 55,35 26,47 55,55 66,75 50,95 22,99 3,86",),
    "4": (
        "40,0 22,32 3,64 35,63 72,60",
        "52,36 50,70 47,100",
    ),
    "5": (
        "14,5 12,25 9,45 35,38 60,50 64,75 45,96 20,98 3,88",
        "14,5 40,4 66,2",
    ),
    "6": ("52,2 25,25 6,60 10,88 35,99 60,86 58,62 35,52 12,66",),
    "7": (
        "4,6 35,5 68,3 50,35 35,68 25,100",
        "20,50 40,49 60,47",
    ),
    "8": ("58,15 35,0 12,14 18,36 42,50 62,70 55,92 33,100 10,90 8,70 30,50 52,34 57,14",),
    "9": ("60,20 40,2 14,12 10,36 30,48 52,38 60,18 58,50 50,80 40,100",),
}
DIGITS = {
    digit: [[tuple(int(v) / 100 for v in point.split(",")) for point in stroke.split()] for stroke in strokes]
    for digit, strokes in _STROKES.items()
}
HEART = "\u2665"
_T = np.linspace(0.12, 2 * np.pi + 0.05, 40)
_LEVEL = (13 * np.cos(_T) - 5 * np.cos(2 * _T) - 2 * np.cos(3 * _T) - np.cos(4 * _T)) / 34
_HEART = np.stack([0.35 + 0.4 * np.sin(_T) ** 3, 0.48 - _LEVEL], 1)
SIGNS = {**DIGITS, HEART: [_HEART.tolist()]}
EXAMPLES = {"A digit": "8", "A phone number": "555 0142", "A trick question": HEART}
NUMBERS = ("7", "2026", "4", "31415", "8", "590")
ADVANCE = 0.95  # distance between the left edges of neighbouring digits, in digit heights
LENGTHS = ("strokeWidth", "left", "top", "width", "height")  # of a Fabric.js path, in canvas pixels
PEN = 18  # default stroke width in pixels
HEIGHT = 0.6  # fraction of the canvas height that a row of digits may fill
SHOWN = "42"  # number that the idle animation writes
HAND = [[(x + place * ADVANCE, y) for x, y in stroke] for place, digit in enumerate(SHOWN) for stroke in DIGITS[digit]]
HAND_ACROSS = ADVANCE * (len(SHOWN) - 1) + 0.7  # heights


def strokes(number: int, width: int, height: int, colour: str, pen: int) -> list[dict]:
    """Return sample `number` (they repeat) as Fabric.js paths, centred on a canvas of this size in pixels."""
    return written(NUMBERS[number % len(NUMBERS)], width, height, colour, pen)


def example(name: str, width: int, height: int, colour: str, pen: int) -> list[dict]:
    """Return one of `EXAMPLES` as Fabric.js paths, centred on the canvas."""
    return written(EXAMPLES[name], width, height, colour, pen)


def written(text: str, width: int, height: int, colour: str, pen: int) -> list[dict]:
    """Return digits, spaces and `HEART`s as Fabric.js paths, centred on the canvas."""
    length = ADVANCE * (len(text) - 1) + 0.7
    size = min(HEIGHT * height, 0.85 * width / length)
    left, top = (width - length * size) / 2, (height - size) / 2
    return [
        path([(left + (x + ADVANCE * place) * size, top + y * size) for x, y in stroke], colour, min(pen, size / 7))
        for place, sign in enumerate(text)
        for stroke in SIGNS.get(sign, [])
    ]


def picture(objects: list[dict], width: int, height: int) -> str:
    """Draw Fabric.js paths in black on white; return a PNG data URL like those that the canvas sends.

    The answer then does not depend on the canvas, which sends nothing while it is being mounted.
    """
    sheet = np.full((height, width), 255, np.uint8)
    for stroke in objects:
        line = np.round(np.array(_points(stroke["path"])) * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(sheet, [line], False, 0, max(round(stroke.get("strokeWidth", PEN)), 1), cv2.LINE_AA, 4)
    return overlay.data_url(sheet)


def scaled(stroke: dict, factor: float) -> dict:
    """Return a Fabric.js path scaled about the canvas's top left corner."""
    path = [[c[0], *(round(factor * v, 2) for v in c[1:])] for c in stroke["path"]]
    lengths = {name: factor * stroke[name] for name in LENGTHS if isinstance(stroke.get(name), int | float)}
    return {**stroke, **lengths, "path": path}


def _points(commands: list[list]) -> list:
    """Points along a path of a move, quadratic curves and lines."""
    t = np.array([[0.2], [0.4], [0.6], [0.8], [1.0]])
    weights = np.hstack([(1 - t) ** 2, 2 * t * (1 - t), t**2])  # (5, 3): of start, control point and end
    points = [commands[0][1:]]
    for _, *numbers in commands[1:]:
        points.extend(weights @ np.array([points[-1], numbers[:2], numbers[-2:]]))  # a line ends at its control point
    return points


def path(points: list[tuple[float, float]], colour: str, pen: float) -> dict:
    """Return a smooth stroke through the midpoints of its points, as the canvas's own pen draws it."""
    commands: list[list] = [["M", *points[0]]]
    for (x, y), (next_x, next_y) in itertools.pairwise(points[1:]):
        commands.append(["Q", x, y, (x + next_x) / 2, (y + next_y) / 2])
    commands.append(["L", *points[-1]])
    return {
        "type": "Path",
        "path": [[c[0], *(round(v, 2) for v in c[1:])] for c in commands],
        "fill": None,
        "stroke": colour,
        "strokeWidth": round(pen, 1),
        "strokeLineCap": "round",
        "strokeLineJoin": "round",
    }
