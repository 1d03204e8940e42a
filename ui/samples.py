"""Sample numbers for those who have nothing to draw with: strokes for the canvas.

Each digit is a list of pen strokes, each a list of (x, y) in a box 0.7 wide and 1 high, y down.
"""

DIGITS = {
    "0": [[(0.35, 0.02), (0.12, 0.15), (0.03, 0.5), (0.13, 0.87), (0.36, 0.98), (0.6, 0.85), (0.68, 0.5), (0.58, 0.14), (0.33, 0.03)]],
    "1": [[(0.1, 0.25), (0.22, 0.15), (0.36, 0.0), (0.34, 0.5), (0.33, 0.98)]],
    "2": [[(0.06, 0.25), (0.15, 0.06), (0.38, 0.0), (0.58, 0.12), (0.58, 0.35), (0.38, 0.62), (0.05, 0.96), (0.3, 0.93), (0.68, 0.96)]],
    "3": [[(0.08, 0.1), (0.35, 0.0), (0.58, 0.12), (0.55, 0.35), (0.26, 0.47), (0.55, 0.55), (0.66, 0.75), (0.5, 0.95), (0.22, 0.99), (0.03, 0.86)]],
    "4": [[(0.4, 0.0), (0.22, 0.32), (0.03, 0.64), (0.35, 0.63), (0.72, 0.6)], [(0.52, 0.36), (0.5, 0.7), (0.47, 1.0)]],
    "5": [[(0.14, 0.05), (0.12, 0.25), (0.09, 0.45), (0.35, 0.38), (0.6, 0.5), (0.64, 0.75), (0.45, 0.96), (0.2, 0.98), (0.03, 0.88)], [(0.14, 0.05), (0.4, 0.04), (0.66, 0.02)]],
    "6": [[(0.52, 0.02), (0.25, 0.25), (0.06, 0.6), (0.1, 0.88), (0.35, 0.99), (0.6, 0.86), (0.58, 0.62), (0.35, 0.52), (0.12, 0.66)]],
    "7": [[(0.04, 0.06), (0.35, 0.05), (0.68, 0.03), (0.5, 0.35), (0.35, 0.68), (0.25, 1.0)], [(0.2, 0.5), (0.4, 0.49), (0.6, 0.47)]],
    "8": [[(0.58, 0.15), (0.35, 0.0), (0.12, 0.14), (0.18, 0.36), (0.42, 0.5), (0.62, 0.7), (0.55, 0.92), (0.33, 1.0), (0.1, 0.9), (0.08, 0.7), (0.3, 0.5), (0.52, 0.34), (0.57, 0.14)]],
    "9": [[(0.6, 0.2), (0.4, 0.02), (0.14, 0.12), (0.1, 0.36), (0.3, 0.48), (0.52, 0.38), (0.6, 0.18), (0.58, 0.5), (0.5, 0.8), (0.4, 1.0)]],
}  # fmt: skip
NUMBERS = ("7", "2026", "4", "31415", "8", "590")
ADVANCE = 0.95  # from one digit's left to the next one's, in heights
HEIGHT = 0.6  # of the canvas that one row of digits may fill


def strokes(number: int, width: int, height: int, colour: str, pen: int) -> list[dict]:
    """Sample `number` (they repeat) as Fabric.js paths, centred on a canvas of that many pixels."""
    text = NUMBERS[number % len(NUMBERS)]
    length = ADVANCE * (len(text) - 1) + 0.7
    size = min(HEIGHT * height, 0.85 * width / length)
    left, top = (width - length * size) / 2, (height - size) / 2
    return [
        _path([(left + (x + ADVANCE * place) * size, top + y * size) for x, y in stroke], colour, min(pen, size / 7))
        for place, digit in enumerate(text)
        for stroke in DIGITS[digit]
    ]


def _path(points: list[tuple[float, float]], colour: str, pen: float) -> dict:
    """A smooth stroke through the middles between its points, as the canvas's own pen draws it."""
    commands: list[list] = [["M", *points[0]]]
    for (x, y), (next_x, next_y) in zip(points[1:], points[2:], strict=False):
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
