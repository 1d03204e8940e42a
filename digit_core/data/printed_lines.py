"""Lines that are no marks on made-up pages: ruled paper, combs of forms, underlines, a box or ring round a mark."""

import cv2
import numpy as np

from digit_core.data.scenes import TILE, Scene


def comb(scene: Scene, left: float, bottom: float, wide: float, count: int, tooth: float, pen: float) -> None:
    """A base line with a short separator before each digit."""
    scene.rule(left, bottom, left + count * wide, bottom, pen)
    for x in left + np.arange(count) * wide:
        scene.rule(x, bottom - tooth, x, bottom, pen)


def ruling(scene: Scene, height: float, rng: np.random.Generator) -> None:
    """Ruled or squared paper."""
    angle, pen = rng.normal(0, 0.04) + np.pi / 2 * (rng.random() < 0.1), float(rng.choice((0.4, 0.6, 0.8, 1, 1, 2)))
    pitch = height * rng.uniform(0.5, 3.0)
    _bundle(scene, angle, pitch, pen, rng)
    if rng.random() < 0.4:
        _bundle(scene, angle + np.pi / 2, pitch * rng.choice((1.0, rng.uniform(0.6, 4))), pen, rng)


def _bundle(scene: Scene, angle: float, pitch: float, pen: float, rng: np.random.Generator) -> None:
    way = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-way[1], way[0]])
    for step in np.arange(-120 + rng.uniform(0, pitch), 120, max(pitch, 5)):
        middle = TILE / 2 + across * step
        scene.rule(*(middle - way * TILE), *(middle + way * TILE), pen)


def long_lines(scene: Scene, pen: float, rng: np.random.Generator) -> None:
    """Underlines, margins and strokes that run on."""
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0, TILE, 2)
        length, angle = (
            rng.uniform(60, 220),
            rng.choice((0, np.pi / 2, rng.uniform(0, np.pi))) + rng.normal(0, 0.05),
        )
        end = x + length * np.cos(angle), y + length * np.sin(angle)
        scene.rule(x, y, *end, float(np.clip(pen, 0.5, 6)), handmade=rng.random() < 0.3)


def frame_round_one(scene: Scene, own_pen: float, rng: np.random.Generator) -> None:
    """A box or ring round one mark."""
    mark = scene.marks[int(rng.integers(len(scene.marks)))]
    x, y = mark.centre
    reach = max(mark.width, mark.height) * rng.uniform(0.62, 1.0)
    pen = float(rng.choice((0.6, 1, 2, np.clip(own_pen, 0.5, 5))))
    if rng.random() < 0.6:
        tall = reach * rng.uniform(0.8, 1.2)
        scene.frame(x - reach, y - tall, x + reach, y + tall, pen, rng.random() < 0.4)
    else:
        cv2.ellipse(scene.lines, (round(x), round(y)), (round(1.1 * reach), round(1.1 * reach)), 0, 0, 360, 255,
                    max(1, round(pen)), cv2.LINE_AA)  # fmt: skip
