"""Two hundred drawings that are not digits, of eight kinds that visitors often try first, on a 400 x 400 canvas.

Used only in tests, never for training.
"""

import cv2
import numpy as np

SIDE = 400
EACH = 25
Stroke = list[tuple[float, float]]


def all_doodles() -> list[tuple[str, np.ndarray]]:
    """(kind, picture) of every drawing, dark ink on white, uint8 (400, 400)."""
    return [(kind.__name__, _picture(kind, seed)) for kind in KINDS for seed in range(EACH)]


def _picture(kind, seed: int) -> np.ndarray:
    rng = np.random.default_rng((KINDS.index(kind), seed))
    strokes = [np.array(stroke, float) for stroke in kind(rng)]
    points = np.concatenate(strokes)
    low, extent = points.min(0), max(float(np.ptp(points, 0).max()), 1e-6)
    size, pen = rng.uniform(120, 330), int(rng.integers(6, 22))
    room = SIDE - size - 2 * pen
    corner = pen + rng.uniform(0, 1, 2) * room
    page = np.full((SIDE, SIDE), 255, np.uint8)
    for stroke in strokes:
        smooth = _smooth((stroke - low) / extent * size + corner + rng.normal(0, 1.5, stroke.shape))
        path = np.round(smooth * 16).astype(np.int32)
        cv2.polylines(page, [path.reshape(-1, 1, 2)], False, 0, pen, cv2.LINE_AA, 4)
    return page


def _smooth(points: np.ndarray) -> np.ndarray:
    """Round the corners slightly, as a moving hand does (Chaikin 1974)."""
    for _ in range(2):
        if len(points) < 3:
            return points
        inner = np.stack([0.8 * points[:-1] + 0.2 * points[1:], 0.2 * points[:-1] + 0.8 * points[1:]], 1).reshape(-1, 2)
        points = np.vstack([points[:1], inner, points[-1:]])
    return points


def _circle(x: float, y: float, radius: float, flat: float = 1.0, start: float = 0, turn: float = 360) -> Stroke:
    angles = np.radians(start + np.linspace(0, turn, 25))
    return [(x + radius * np.cos(a), y + flat * radius * np.sin(a)) for a in angles]


def heart(rng: np.random.Generator) -> list[Stroke]:
    dip, wide = rng.uniform(0.15, 0.35), rng.uniform(0.85, 1.15)
    left = [(0, dip), (-0.25, 0), (-0.6, 0.02), (-0.75, 0.35), (-0.5, 0.75), (0, 1.2)]
    right = [(-x, y) for x, y in reversed(left)]
    return [[(wide * x, y) for x, y in [*left, *right[1:]]]]


def smiley(rng: np.random.Generator) -> list[Stroke]:
    eye = rng.uniform(0.3, 0.4)
    mouth = _circle(0, 0.1, rng.uniform(0.45, 0.6), 0.8, 30, 120)
    eyes = [[(s * eye, -0.35), (s * eye, -0.35 + rng.uniform(0.02, 0.2))] for s in (-1, 1)]
    return [_circle(0, 0, 1, rng.uniform(0.9, 1.1), 250, 365), *eyes, mouth]


def star(rng: np.random.Generator) -> list[Stroke]:
    turn = rng.uniform(-12, 12)
    if rng.random() < 0.5:
        order = [0, 2, 4, 1, 3, 0]
        return [[(np.sin(np.radians(72 * k + turn)), -np.cos(np.radians(72 * k + turn))) for k in order]]
    inner = rng.uniform(0.38, 0.55)
    radius = [1 if k % 2 == 0 else inner for k in range(11)]
    return [
        [(r * np.sin(np.radians(36 * k + turn)), -r * np.cos(np.radians(36 * k + turn))) for k, r in enumerate(radius)]
    ]


def house(rng: np.random.Generator) -> list[Stroke]:
    wall, roof = rng.uniform(0.8, 1.3), rng.uniform(0.5, 0.9)
    outline = [(0, 0), (0, wall), (1.2, wall), (1.2, 0), (0, 0), (0.6, -roof), (1.2, 0)]
    door = [(0.45, wall), (0.45, wall - 0.5), (0.75, wall - 0.5), (0.75, wall)]
    return [outline, door] if rng.random() < 0.8 else [outline]


def arrow(rng: np.random.Generator) -> list[Stroke]:
    turn, head = np.radians(rng.choice((0, 90, 180, 270)) + rng.uniform(-35, 35)), rng.uniform(0.25, 0.4)
    strokes = [[(0, 0), (1, 0)], [(1 - head, -head), (1, 0), (1 - head, head)]]
    c, s = np.cos(turn), np.sin(turn)
    return [[(c * x - s * y, s * x + c * y) for x, y in stroke] for stroke in strokes]


def question_mark(rng: np.random.Generator) -> list[Stroke]:
    low = rng.uniform(1.45, 1.7)
    hook = [
        (-0.4, 0.1),
        (-0.3, -0.25),
        (0.1, -0.4),
        (0.45, -0.2),
        (0.45, 0.15),
        (0.15, 0.45),
        (0.05, 0.65),
        (0.05, 1.0),
    ]
    return [hook, [(0.05, low), (0.06, low + 0.02)]]


def dots(rng: np.random.Generator) -> list[Stroke]:
    count = int(rng.integers(3, 7))
    places = (
        [(0.5 * k, rng.normal(0, 0.1)) for k in range(count)] if rng.random() < 0.5 else rng.uniform(0, 1, (count, 2))
    )
    return [[(x, y), (x + 0.01, y + 0.01)] for x, y in places]


def scribble(rng: np.random.Generator) -> list[Stroke]:
    if rng.random() < 0.5:
        return [
            [(0.12 * k + rng.normal(0, 0.03), (k % 2) * rng.uniform(0.7, 1.0)) for k in range(int(rng.integers(7, 14)))]
        ]
    angles = np.linspace(0, 2 * np.pi * rng.uniform(3, 6), 90)
    return [[(0.08 * a + 0.4 * np.cos(a), 0.45 * np.sin(a) * rng.uniform(0.97, 1.03)) for a in angles]]


KINDS = (heart, smiley, star, house, arrow, question_mark, dots, scribble)
