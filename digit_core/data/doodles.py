"""Small non-digit drawings as pen strokes: hearts, faces, houses, arrows, scribbles.

A stroke is float32 (n, 2), x and y with y down, in any unit. The same generator state gives the same drawing.
"""

from collections.abc import Callable

import numpy as np

Strokes = list[np.ndarray]


def draw(rng: np.random.Generator) -> Strokes:
    """One drawing of a random kind, its lines a little unsteady."""
    strokes = KINDS[rng.integers(len(KINDS))](rng)
    return [_unsteady(np.asarray(stroke, np.float32), rng) for stroke in strokes]


def _unsteady(stroke: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The stroke with more points, pushed aside by a slow random walk."""
    points = _resampled(stroke, 24)
    drift = np.cumsum(rng.normal(0, 1, points.shape), 0)
    drift -= np.linspace(0, 1, len(points))[:, np.newaxis] * drift[-1]
    return (points + drift * rng.uniform(0, 0.012) * np.ptp(points, 0).max()).astype(np.float32)


def _resampled(stroke: np.ndarray, count: int) -> np.ndarray:
    """At least `count` points along the stroke, corners kept."""
    if len(stroke) < 2:
        return stroke
    times = np.arange(len(stroke))
    fine = np.union1d(times, np.linspace(0, len(stroke) - 1, count))
    return np.stack([np.interp(fine, times, stroke[:, axis]) for axis in (0, 1)], 1)


def _arc(x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360) -> np.ndarray:
    """Part of an ellipse; angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, max(int(abs(end - start) / 12), 4)))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], 1)


def _polygon(*points: tuple[float, float]) -> np.ndarray:
    return np.array([*points, points[0]], np.float32)


def _line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float32)


def _ray(x: float, y: float, degrees: float, near: float, far: float) -> np.ndarray:
    way = np.array((np.cos(np.radians(degrees)), np.sin(np.radians(degrees))))
    return np.array((x, y)) + np.outer((near, far), way)


def rounded(stroke: np.ndarray, times: int) -> np.ndarray:
    """The stroke with its corners cut so many times (Chaikin 1974), as a quick hand draws it."""
    for _ in range(times):
        before, after = stroke[:-1], stroke[1:]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], 1).reshape(-1, 2)
        stroke = np.vstack([stroke[:1], cut, stroke[-1:]])
    return stroke


def _from_any_corner(outline: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A closed outline begun at another corner, either way round."""
    turned = np.roll(outline[:-1], int(rng.integers(len(outline) - 1)), axis=0)[:: int(rng.choice((-1, 1)))]
    return np.vstack([turned, turned[:1] + rng.normal(0, 0.03, 2)])


def _plump_heart(rng: np.random.Generator) -> Strokes:
    """Two bows that meet in a notch, and a tip."""
    wide, high, notch, deep = (
        rng.uniform(0.8, 1.5),
        rng.uniform(0.15, 0.5),
        rng.uniform(-0.1, 0.3),
        rng.uniform(0.8, 1.3),
    )
    half = np.array([[0, notch], [0.25, -0.8 * high], [0.55, -high], [0.9, -0.5 * high], [1, 0.1], [0.7, 0.55 * deep]])
    right, left = half * (wide, 1), half[::-1] * (-wide, 1)
    tip = np.array([[rng.normal(0, 0.05), deep]])
    stroke = np.vstack([right, tip, left])
    return [rounded(stroke, 2) if rng.random() < 0.8 else stroke]


def _house_in_one_go(rng: np.random.Generator) -> Strokes:
    """The outline of a house, its corners sharp or round; sometimes with the line under its roof."""
    wide, roof = rng.uniform(0.7, 1.3), rng.uniform(0.3, 0.9)
    eaves = rng.uniform(0, 0.2)
    outline = np.array(
        [(0, 1), (0, 0), (-eaves, 0), (wide / 2, -roof), (wide + eaves, 0), (wide, 0), (wide, 1), (0, 1)]
    )
    stroke = _from_any_corner(outline, rng)
    if rng.random() < 0.5:
        stroke = np.vstack([(0, 0), (wide, 0), outline[6], outline[0], (0, 0), (wide / 2, -roof), (wide, 0)])
    return [rounded(stroke, int(rng.integers(2)))]


def _heart(rng: np.random.Generator) -> Strokes:
    t = np.linspace(0, 2 * np.pi, 50) + rng.choice((0, np.pi))
    x, y = 16 * np.sin(t) ** 3, -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    heart = np.stack([x * rng.uniform(0.7, 1.3), y], 1)
    gap = int(rng.integers(0, 4))
    return [heart[gap:], *([_line((-25, 8), (25, -8))] if rng.random() < 0.1 else [])]


def _face(rng: np.random.Generator) -> Strokes:
    eye, high, curve = rng.uniform(0.25, 0.45), rng.uniform(-0.4, -0.2), rng.choice((-1, 1), p=(0.3, 0.7))
    mouth = _arc(0, 0.35 if curve > 0 else 0.75, 0.5, rng.uniform(0.1, 0.4), 20 * curve, 160 * curve)
    if rng.random() < 0.2:
        mouth = _line((-0.4, 0.45), (0.4, 0.4))
    dot = rng.uniform(0.02, 0.14)
    eyes = [_arc(side * eye, high, dot, dot * rng.uniform(1, 2.5)) for side in (-1, 1)]
    nose = [_line((0, -0.1), (-0.1, 0.2), (0.05, 0.2))] if rng.random() < 0.3 else []
    head = [_arc(0, 0, 1, rng.uniform(0.85, 1.2), -90, 270)] if rng.random() < 0.92 else []
    return [*head, *eyes, mouth, *nose]


def _star(rng: np.random.Generator) -> Strokes:
    points, turn = int(rng.choice((5, 5, 5, 6, 4, 8))), rng.uniform(-10, 10) - 90
    if points == 5 and rng.random() < 0.6:  # in one go
        angles = np.radians(turn + 144 * np.arange(6))
        return [np.stack([np.cos(angles), np.sin(angles)], 1)]
    if rng.random() < 0.3:  # rays through the middle
        return [_ray(0, 0, turn + 180 / points * 2 * i, -1, 1) for i in range(points // 2 + 1)]
    angles = np.radians(turn + 180 / points * np.arange(2 * points + 1))
    radii = np.where(np.arange(2 * points + 1) % 2, rng.uniform(0.35, 0.6), 1)
    return [np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1)]


def _house(rng: np.random.Generator) -> Strokes:
    roof, wide = rng.uniform(0.4, 1), rng.uniform(0.7, 1.3)
    strokes = [_polygon((0, 0), (wide, 0), (wide, 1), (0, 1)), _line((-0.1, 0), (wide / 2, -roof), (wide + 0.1, 0))]
    if rng.random() < 0.7:
        strokes.append(_line((0.4 * wide, 1), (0.4 * wide, 0.5), (0.65 * wide, 0.5), (0.65 * wide, 1)))
    if rng.random() < 0.5:
        strokes.append(_polygon((0.1, 0.2), (0.3, 0.2), (0.3, 0.45), (0.1, 0.45)))
    return strokes


def _arrow(rng: np.random.Generator) -> Strokes:
    head, spread = rng.uniform(0.2, 0.45), rng.uniform(25, 50)
    shaft = _line((0, 0), (1, rng.normal(0, 0.05))) if rng.random() < 0.7 else _arc(0.5, 0, 0.5, 0.4, 180, 340)
    tip = shaft[-1]
    wings = np.array([_ray(*tip, 180 + spread, 0, head)[1], tip, _ray(*tip, 180 - spread, 0, head)[1]])
    if rng.random() < 0.2:
        wings = np.vstack([wings, wings[:1]])
    return _turned([shaft, wings], rng.choice((0, 90, 180, 270)) + rng.normal(0, 20))


def _turned(strokes: Strokes, degrees: float) -> Strokes:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return [stroke @ np.array([[c, s], [-s, c]]) for stroke in strokes]


def _sun(rng: np.random.Generator) -> Strokes:
    rays = int(rng.integers(6, 13))
    return [_arc(0, 0, 1, 1), *(_ray(0, 0, 360 / rays * i, 1.2, rng.uniform(1.5, 2)) for i in range(rays))]


def _flower(rng: np.random.Generator) -> Strokes:
    petals = int(rng.integers(4, 9))
    ring = [_arc(*_ray(0, 0, 360 / petals * i, 0, 1)[1], 0.55, 0.55) for i in range(petals)]
    stem = [_line((0, 0.5), (rng.normal(0, 0.2), 3.5))] if rng.random() < 0.7 else []
    return [_arc(0, 0, 0.45, 0.45), *ring, *stem]


def _tree(rng: np.random.Generator) -> Strokes:
    if rng.random() < 0.5:
        return [_polygon((0, -1), (0.7, 0.4), (-0.7, 0.4)), _line((0, 0.4), (0, 1))]
    return [_arc(0, -0.4, 0.7, 0.6), _line((-0.1, 0.2), (-0.12, 1)), _line((0.1, 0.2), (0.12, 1))]


def _person(rng: np.random.Generator) -> Strokes:
    lift = rng.uniform(-0.4, 0.4)
    arms = _line((-0.5, -0.1 + lift), (0, -0.25), (0.5, -0.1 + lift))
    return [_arc(0, -0.8, 0.28, 0.3), _line((0, -0.5), (0, 0.4)), arms, _line((-0.4, 1.1), (0, 0.4), (0.4, 1.1))]


def _cat(rng: np.random.Generator) -> Strokes:
    ears = [_line((s * 0.85, -0.5), (s * 0.8, -1.2), (s * 0.3, -0.95)) for s in (-1, 1)]
    whiskers = [_line((s * 0.2, 0.3), (s * 1.2, 0.2 + 0.2 * i)) for s in (-1, 1) for i in range(2)]
    return [_arc(0, 0, 1, 0.95), *ears, *whiskers, _arc(-0.35, -0.2, 0.08, 0.12), _arc(0.35, -0.2, 0.08, 0.12)]


def _cloud(rng: np.random.Generator) -> Strokes:
    bumps = int(rng.integers(4, 8))
    return [np.vstack([_arc(*(_ray(0, 0, 360 / bumps * i, 0, 1)[1] * (1.4, 0.8)), 0.7, 0.5, 360 / bumps * i - 80,
                            360 / bumps * i + 80) for i in range(bumps + 1)])]  # fmt: skip


def _spiral(rng: np.random.Generator) -> Strokes:
    turns = rng.uniform(2.2, 4.5)
    t = np.linspace(0.3, 2 * np.pi * turns, int(30 * turns))
    return [np.stack([t * np.cos(t) * rng.choice((-1, 1)), t * np.sin(t)], 1)]


def _zigzag(rng: np.random.Generator) -> Strokes:
    count = int(rng.integers(5, 12))
    heights = np.where(np.arange(count) % 2, 1, 0) + rng.normal(0, 0.12, count)
    return _turned([np.stack([np.arange(count) * rng.uniform(0.2, 0.6), heights], 1)], rng.choice((0, 0, 90)))


def _wave(rng: np.random.Generator) -> Strokes:
    t = np.linspace(0, rng.uniform(2, 5), 60)
    return [np.stack([t, 0.4 * np.sin(2 * np.pi * t)], 1)]


def _loops(rng: np.random.Generator) -> Strokes:
    t = np.linspace(0, 2 * np.pi * rng.integers(3, 7), 120)
    return [np.stack([t * rng.uniform(0.1, 0.4) + np.cos(t), np.sin(t) * rng.uniform(0.8, 1.5)], 1)]


def _box(rng: np.random.Generator) -> Strokes:
    wide = rng.uniform(0.6, 1.8)
    frame = [_polygon((0, 0), (wide, 0), (wide, 1), (0, 1))]
    inner = (
        [],
        [_line((0, 0), (wide, 1)), _line((wide, 0), (0, 1))],
        [_line((0.2 * wide, 0.5), (0.4 * wide, 0.8), (0.95 * wide, 0.1))],
        [_line((0, 0.5), (wide, 0.5))],
        [_line((0, 0), (wide / 2, 0.6), (wide, 0))],
        [_line((wide / 2, 0), (wide / 2, 1)), _line((0, 0.5), (wide, 0.5))],
    )
    return frame + inner[rng.integers(len(inner))]


def _polygonal(rng: np.random.Generator) -> Strokes:
    corners = int(rng.choice((3, 4, 5, 6), p=(0.5, 0.2, 0.15, 0.15)))
    angles = np.radians(rng.uniform(0, 360) * (corners == 4) - 90 + 360 / corners * np.arange(corners + 1))
    return [np.stack([np.cos(angles) * rng.uniform(0.7, 1.3), np.sin(angles)], 1)]


def _check(rng: np.random.Generator) -> Strokes:
    return [_line((0, 0.5), (rng.uniform(0.2, 0.4), 1), (1.1, rng.uniform(-0.4, 0.1)))]


def _cross(rng: np.random.Generator) -> Strokes:
    return _turned([_line((-1, 0), (1, 0)), _line((0, -1), (0, 1))], rng.choice((0, 45)) + rng.normal(0, 8))


def _bolt(rng: np.random.Generator) -> Strokes:
    return [_polygon((0.5, 0), (0, 1.1), (0.45, 1), (0.3, 2), (1, 0.7), (0.55, 0.8), (0.9, 0))]


def _moon(rng: np.random.Generator) -> Strokes:
    inner = rng.uniform(0.3, 0.7)
    return [np.vstack([_arc(0, 0, 1, 1, 70, 290), _arc(0.35, 0, inner, 0.94, 290, 70)])]


def _fish(rng: np.random.Generator) -> Strokes:
    return [_arc(0, 0, 1, 0.5, 20, 340), _line((0.94, 0.17), (1.5, -0.5), (1.5, 0.5), (0.94, -0.17)),
            _arc(-0.55, -0.1, 0.06, 0.06)]  # fmt: skip


def _music(rng: np.random.Generator) -> Strokes:
    if rng.random() < 0.5:
        return [_arc(0, 1, 0.3, 0.2), _line((0.3, 1), (0.3, -0.6), (0.8, -0.1))]
    return [_arc(0, 1, 0.3, 0.2), _line((0.3, 1), (0.3, -0.6), (1.3, -0.8), (1.3, 0.8)), _arc(1, 0.8, 0.3, 0.2)]


def _cup(rng: np.random.Generator) -> Strokes:
    return [_line((0, 0), (0.15, 1), (0.85, 1), (1, 0), (0, 0)), _arc(1, 0.45, 0.35, 0.3, -90, 90)]


def _key_or_lens(rng: np.random.Generator) -> Strokes:
    shaft = [_line((0.7, 0.7), (1.9, 1.9)), *([_line((1.6, 1.6), (1.9, 1.3))] if rng.random() < 0.5 else [])]
    return _turned([_arc(0, 0, 1, 1), *shaft], rng.uniform(-30, 30))


def _grid(rng: np.random.Generator) -> Strokes:
    count = int(rng.integers(2, 5))
    ends = np.linspace(0, 1, count + 2)[1:-1]
    return [_line((x, 0), (x, 1)) for x in ends] + [_line((0, y), (1, y)) for y in ends]


def _dots(rng: np.random.Generator) -> Strokes:
    return [_arc(*place, 0.02, 0.02) for place in rng.uniform(0, 1, (int(rng.integers(2, 8)), 2))]


def _hatching(rng: np.random.Generator) -> Strokes:
    return [
        _line((i + rng.normal(0, 0.1), 0), (i + 1 + rng.normal(0, 0.2), 2)) for i in range(int(rng.integers(4, 10)))
    ]


def _scribble(rng: np.random.Generator) -> Strokes:
    count = int(rng.integers(8, 45))
    speed = np.cumsum(rng.normal(0, 1, (count, 2)), 0)
    return [np.cumsum(speed * 0.3 + rng.normal(0, 1, (count, 2)), 0)]


def _lines(rng: np.random.Generator) -> Strokes:
    return [rng.uniform(0, 1, (int(rng.integers(2, 5)), 2)) for _ in range(int(rng.integers(3, 7)))]


def _question(rng: np.random.Generator) -> Strokes:
    hook = np.vstack([_arc(0, 0, 0.5, 0.5, rng.uniform(160, 200), 400), _line((0.1, 0.7), (0.02, 1))])
    return [hook, _arc(0, rng.uniform(1.25, 1.5), 0.03, 0.03)]


def _exclamation(rng: np.random.Generator) -> Strokes:
    return [_line((0, 0), (rng.normal(0, 0.05), 1)), _arc(0, rng.uniform(1.2, 1.4), 0.03, 0.03)]


KINDS: tuple[Callable[[np.random.Generator], Strokes], ...] = (  # what is drawn most comes up several times
    _heart, _heart, _heart, _plump_heart, _plump_heart, _plump_heart, _face, _face, _face, _star, _star, _star,
    _house, _house, _house_in_one_go, _house_in_one_go, _arrow, _arrow, _arrow, _scribble, _scribble, _scribble,
    _question, _question, _question, _dots, _dots, _loops, _loops, _sun, _flower, _tree, _person, _cat, _cloud,
    _spiral, _zigzag, _wave, _box, _box, _polygonal, _polygonal, _check, _cross, _bolt, _moon, _fish, _music, _cup,
    _key_or_lens, _grid, _hatching, _lines, _exclamation,
)  # fmt: skip
