"""Single marks as ink masks of any height and pen: digits, letters and signs, drawings.

Digits come from MNIST's training part, from pen strokes and, seldom, from fonts that look like handwriting;
everything else from pen strokes of letters, from fonts and from `doodles`. A mask is uint8 (height, width),
bright on 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from digit_core.data import doodles
from digit_core.data.fonts import SCRIPTS, Font, HersheyFont

Strokes = Sequence[np.ndarray]

INKED = 60  # grey level from which a mask's pixel counts as ink
LETTERS = "ABDEFGHJKLMNPRTUVWXYabdefghjkmnpqrtuvwxy"
SIGNS = "?!&@#%+=*<>()[]{}$~^\u00a7\u00a3\u20ac\u00a5\u03c0\u03a3\u221a\u221e\u00f7\u00d7\u00b1\u2264"


@dataclass(frozen=True)
class Hand:
    """A writing style, shared by all marks of a line."""

    pen: float  # width in pixels
    shear: float = 0.0
    aspect: float = 1.0
    angle: float = 0.0  # radians
    unevenness: float = 1.0  # how much the marks of a line vary
    from_pictures: bool = False  # digits from MNIST, else from pen strokes
    is_plain: bool = False  # MNIST digits are enlarged without other changes

    def matrix(self, rng: np.random.Generator) -> np.ndarray:
        """(2, 2): this hand's slant, width and turn for one more mark."""
        vary = self.unevenness
        angle = self.angle + rng.normal(0, 0.05 * vary)
        c, s = np.cos(angle), np.sin(angle)
        slant = [[self.aspect * np.exp(rng.normal(0, 0.08 * vary)), self.shear + rng.normal(0, 0.05 * vary)], [0, 1]]
        return np.array([[c, -s], [s, c]]) @ np.array(slant)


@dataclass
class Sources:
    """What marks are made of.

    Args:
        pictures: digits uint8 (n, 28, 28) and `labels` (n,), as MNIST's.
        strokes: for each of the ten digits, pen strokes.
        letters: pen strokes of what is no digit.
        fonts: for printed and written text.
    """

    pictures: np.ndarray
    labels: np.ndarray
    strokes: Sequence[Sequence[Strokes]] = ((),) * 10
    letters: Sequence[Strokes] = ()
    fonts: Sequence[Font | HersheyFont] = field(default_factory=lambda: [HersheyFont(0)])

    def __post_init__(self) -> None:
        self.of_digit = [np.flatnonzero(self.labels == digit) for digit in range(10)]
        self.written = [font for font in self.fonts if not font.is_printed]
        self.by_script = {
            script: fonts for script in SCRIPTS if (fonts := [f for f in self.fonts if script in f.scripts])
        }
        self.pictogram_fonts = [font for font in self.fonts if font.has_pictograms]

    def font_and_script(self, rng: np.random.Generator) -> tuple[Font | HersheyFont, str]:
        """A script, each equally often, and a font that can write it."""
        script = str(rng.choice(sorted(self.by_script)))
        fonts = self.by_script[script]
        return fonts[rng.integers(len(fonts))], script


def digit(sources: Sources, value: int, height: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """One digit, its ink about `height` pixels high; sometimes with the slash, bar or flag that some writers add."""
    if rng.random() < 0.04 and sources.written:
        letter = sources.written[rng.integers(len(sources.written))].letter(str(value))
        if letter:
            return from_letter(letter.ink, height, hand, rng)
    if hand.from_pictures or not sources.strokes[value]:
        picture = sources.pictures[rng.choice(sources.of_digit[value])]
        return from_picture(picture, height, hand, rng, value)
    if value in RARE_FORMS and rng.random() < 0.08:
        return from_strokes(RARE_FORMS[value](rng), height, hand, rng)
    pool = sources.strokes[value]
    strokes = pool[rng.integers(len(pool))]
    if value in ALLOGRAPHS and rng.random() < 0.16:
        strokes = [*strokes, *ALLOGRAPHS[value](np.concatenate(strokes), rng)]
    return from_strokes(strokes, height, hand, rng)


def other(sources: Sources, height: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """A non-digit mark: a letter, a sign, a drawing or a crossed-out digit."""
    kind = rng.random()
    if kind < 0.40 and sources.letters:
        return from_strokes(sources.letters[rng.integers(len(sources.letters))], height, hand, rng)
    if kind < 0.66:
        return _font_letter(sources, height, hand, rng)
    if kind < 0.95:
        return from_strokes(doodles.draw(rng), height, hand, rng)
    return crossed_out(digit(sources, int(rng.integers(10)), height, hand, rng), hand, rng)


def minus(height: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """A short level stroke beside digits of that height."""
    length = height * rng.uniform(0.25, 0.7)
    stroke = np.array([[0, 0], [length / 2, rng.normal(0, 0.05) * length], [length, rng.normal(0, 0.08) * length]])
    return _drawn([stroke], hand.pen)


def point(height: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """A dot, or a comma's short stroke, beside digits of that height."""
    if rng.random() < 0.55:
        size = rng.uniform(0.0, 0.04) * height
        turn = np.linspace(0, 2 * np.pi, 8)
        return _drawn([size * np.stack([np.cos(turn), np.sin(turn)], 1)], hand.pen * rng.uniform(1.0, 1.5))
    length = height * rng.uniform(0.08, 0.28)
    return _drawn([np.array([[0, 0], [0.1 * length, 0.5 * length], [-rng.uniform(0, 0.5) * length, length]])], hand.pen)


def slash(height: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """A slash between digits of that height: it leans more than they do, and mostly stands out above or below."""
    tall = height * rng.uniform(1.05, 1.6)
    lean = max(np.tan(np.radians(rng.uniform(18, 50))) - hand.shear * rng.uniform(0, 1), 0.2) * tall
    bent = rng.normal(0, 0.03, 2) * tall
    return _drawn([np.array([[lean, 0], [lean / 2 + bent[0], tall / 2 + bent[1]], [0, tall]])], hand.pen)


def crossed_out(mask: np.ndarray, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """The mark under a zigzag, a cross or bars."""
    pad = max(int(0.15 * mask.shape[0]), 2)
    page = np.pad(mask, pad)
    height, width = page.shape
    kind = rng.integers(3)
    if kind == 0:
        count = int(rng.integers(5, 11))
        points = np.stack([np.linspace(0, width, count), np.where(np.arange(count) % 2, 0.1, 0.9) * height], 1)
        strokes = [points + rng.normal(0, 0.06 * height, points.shape)]
    elif kind == 1:
        strokes = [np.array([[0, 0], [width, height]]), np.array([[width, 0], [0, height]])]
    else:
        levels = rng.uniform(0.25, 0.75, int(rng.integers(2, 4))) * height
        strokes = [np.array([[0, y], [width, y + rng.normal(0, 0.08 * height)]]) for y in levels]
    return np.maximum(page, _on_page(strokes, page.shape, hand.pen))


def from_strokes(strokes: Strokes, height: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """Pen strokes drawn in that hand; wide marks are made smaller, so that they are at most 1.7 `height` wide."""
    matrix = hand.matrix(rng).T.astype(np.float32)
    if rng.random() < 0.08:
        strokes = _quantised(strokes, rng)
    turned = [np.asarray(stroke, np.float32) @ matrix for stroke in strokes]
    extent = np.ptp(np.concatenate(turned), 0)
    size = max(extent[1], extent[0] * 0.6, 1e-4)
    scale = max(height - hand.pen, height * 0.4) / size
    if rng.random() < 0.3:
        shake = abs(rng.normal(0, 0.012)) * height / scale
        turned = [stroke + rng.normal(0, shake, stroke.shape) for stroke in turned]
    return _drawn([stroke * scale for stroke in turned], hand.pen)


def _quantised(strokes: Strokes, rng: np.random.Generator) -> Strokes:
    """Strokes as a coarse digitiser sends them: on a grid of a few cells a side."""
    extent = float(np.ptp(np.concatenate(strokes), 0).max())
    cell = max(extent, 1e-6) / rng.integers(8, 22)
    return [np.round(np.asarray(stroke) / cell) * cell for stroke in strokes]


def from_picture(
    picture: np.ndarray, height: float, hand: Hand, rng: np.random.Generator, value: int | None = None
) -> np.ndarray:
    """A digit of 28x28 pixels enlarged or reduced; mostly its strokes are made sharp and about as wide as the pen."""
    x, y, width, tall = cv2.boundingRect(picture)
    ink = cv2.copyMakeBorder(picture[y : y + tall, x : x + width], 3, 3, 3, 3, cv2.BORDER_CONSTANT)
    scale = height / max(tall, width * 0.6)
    matrix = hand.matrix(rng) * scale
    corners = matrix @ np.array([[0, ink.shape[1]] * 2, [0, 0, ink.shape[0], ink.shape[0]]])
    low, high = corners.min(1), corners.max(1)
    size = tuple(int(side) + 2 for side in high - low)
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    out = cv2.warpAffine(ink, np.hstack([matrix, -low[:, np.newaxis]]), size, flags=flags)
    if hand.is_plain:
        return out
    if rng.random() < (0.7 if scale > 1.2 else 0.5):
        level = np.clip(0.65 - hand.pen / height * 2.2, 0.25, 0.62) * 255
        out = cv2.convertScaleAbs(cv2.subtract(out, level), alpha=float(np.clip(scale, 1, 3) * rng.uniform(1.2, 2.4)))
    if value in ALLOGRAPHS and rng.random() < 0.16 and np.count_nonzero(out > INKED) > 3:
        ys, xs = np.nonzero(out > INKED)
        added = ALLOGRAPHS[value](np.stack([xs, ys], 1).astype(np.float32), rng)
        pad = int(height * 0.3) + 1
        page = np.pad(out, pad)
        out = np.maximum(page, _on_page([stroke + pad for stroke in added], page.shape, max(hand.pen, 1)))
    return out


def from_letter(ink: np.ndarray, height: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """A font's letter scaled to that height, slanted as the hand slants, its strokes grown or shrunk."""
    x, y, width, tall = cv2.boundingRect((ink > INKED).astype(np.uint8))
    if not width:
        return np.zeros((1, 1), np.uint8)
    scale = height / max(tall, width * 0.6)
    matrix = hand.matrix(rng) * scale
    corners = matrix @ np.array([[x, x + width] * 2, [y, y, y + tall, y + tall]], float)
    low, high = corners.min(1) - 2, corners.max(1) + 2
    size = tuple(int(side) + 2 for side in high - low)
    source = grown(ink, rng.uniform(-1.5, 3.0))
    if scale < 0.6:
        source = cv2.GaussianBlur(source, (0, 0), 0.4 / scale)
    return cv2.warpAffine(source, np.hstack([matrix, -low[:, np.newaxis]]), size, flags=cv2.INTER_LINEAR)


def grown(ink: np.ndarray, pixels: float) -> np.ndarray:
    """Widen strokes (below 0: thin them) by about `pixels`; ink that would vanish is left unchanged."""
    reach = round(abs(pixels))
    if not reach:
        return ink
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach + 1, reach + 1))
    if pixels > 0:
        return cv2.dilate(cv2.copyMakeBorder(ink, *[reach] * 4, cv2.BORDER_CONSTANT, value=0), kernel)
    thin = cv2.erode(ink, kernel)
    return thin if np.count_nonzero(thin > INKED) > 0.4 * np.count_nonzero(ink > INKED) else ink


def _font_letter(sources: Sources, height: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """A letter of any script, a sign or a pictogram."""
    if sources.pictogram_fonts and rng.random() < 0.3:
        font = sources.pictogram_fonts[rng.integers(len(sources.pictogram_fonts))]
        letter = font.letter(font.pictograms[rng.integers(len(font.pictograms))])
    else:
        font, script = sources.font_and_script(rng) if rng.random() < 0.25 else (None, "latin")
        font = font or sources.fonts[rng.integers(len(sources.fonts))]
        signs = LETTERS if rng.random() < 0.75 else SIGNS
        if script != "latin":
            signs = [chr(code) for code in range(SCRIPTS[script][0], SCRIPTS[script][1] + 1)]
        letter = font.letter(signs[rng.integers(len(signs))])
    if letter is None:
        return from_strokes(doodles.draw(rng), height, hand, rng)
    return from_letter(letter.ink, height, hand, rng)


def _drawn(strokes: Strokes, pen: float) -> np.ndarray:
    """Strokes in pixels as a mask that just holds them; pens under a pixel leave fainter ink."""
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    fine = 3 if max(high - low) < 90 else 1  # times enlarged while drawn
    width = max(1, round(pen * fine))
    margin = width / 2 / fine + 1
    size = np.ceil(high - low + 2 * margin).astype(int) + 1
    page = _on_page([(stroke - low + margin) * fine for stroke in strokes], (size * fine)[::-1], width, exact=True)
    return cv2.resize(page, tuple(size.tolist()), interpolation=cv2.INTER_AREA) if fine > 1 else page


def _on_page(strokes: Strokes, shape: tuple[int, int], pen: float, exact: bool = False) -> np.ndarray:
    page = np.zeros(tuple(int(side) for side in shape), np.uint8)
    width = int(pen) if exact else max(1, round(pen))
    for stroke in strokes:
        path = np.round(np.asarray(stroke) * 16).astype(np.int32)
        if len(path) == 1:
            path = np.vstack([path, path])
        cv2.polylines(page, [path.reshape(-1, 1, 2)], False, 255, width, cv2.LINE_AA, 4)
    return page


def _slash(points: np.ndarray, rng: np.random.Generator) -> Strokes:
    """Through a 0, mostly from lower left to upper right."""
    low, high = points.min(0), points.max(0)
    height = high[1] - low[1]
    angle = np.radians(rng.uniform(35, 85))
    if rng.random() < 0.25:
        angle = np.pi - angle
    half = rng.uniform(0.35, 0.75) * height * np.array((np.cos(angle), -np.sin(angle)))
    middle = (low + high) / 2 + rng.normal(0, 0.05 * height, 2)
    return [np.array([middle - half, middle + half])]


def _bar(points: np.ndarray, rng: np.random.Generator) -> Strokes:
    """Across the stem of a 7, about half-way down."""
    low, high = points.min(0), points.max(0)
    height = high[1] - low[1]
    level = low[1] + rng.uniform(0.4, 0.65) * height
    near = points[np.abs(points[:, 1] - level) < 0.15 * height]
    stem = near[:, 0].mean() if len(near) else (low[0] + high[0]) / 2
    half = rng.uniform(0.15, 0.4) * height * np.array((1, rng.uniform(-0.3, 0.2)))
    middle = np.array((stem, level))
    return [np.array([middle - half, middle + half])]


def _flag_or_foot(points: np.ndarray, rng: np.random.Generator) -> Strokes:
    """From the top of a 1 to the left, the longer the steeper; under it, a foot; or both."""
    top, bottom = points[points[:, 1].argmin()], points[points[:, 1].argmax()]
    height = max(bottom[1] - top[1], 1e-3)
    slope = rng.uniform(0, 1)
    angle = np.radians(60 * slope)
    flag = rng.uniform(0.12, 0.3 + 0.5 * slope) * height * np.array((-np.cos(angle), np.sin(angle)))
    foot = rng.uniform(0.12, 0.35) * height * np.array((1, rng.uniform(-0.1, 0.1)))
    strokes = [np.array([top, top + flag]), np.array([bottom - foot, bottom + foot])]
    kind = rng.integers(4)
    return strokes[:1] if kind < 2 else strokes[1:] if kind == 2 else strokes


def _triangle_four(rng: np.random.Generator) -> Strokes:
    """A 4 whose top is a triangle on a long stem; the triangle may stay open."""
    foot, end = rng.uniform(0.2, 0.5), rng.uniform(0.7, 1.0)
    bar = [(rng.uniform(0.55, 0.8), rng.uniform(0, 0.1)), (0, foot), (end, foot + rng.normal(0.03, 0.06))]
    top, bottom = end - rng.uniform(-0.1, 0.1), end - rng.uniform(0.02, 0.2)
    stem = [(top, rng.uniform(-0.05, 0.15)), (bottom, 1.0)]
    return [np.array(bar, np.float32), np.array(stem, np.float32)]


def _waved_seven(rng: np.random.Generator) -> Strokes:
    """A 7 whose top is a wave, its bar drawn on from the stem's foot or by itself."""
    top = [(0, 0.3), (0.12, 0.1), (0.28, 0), (0.3, 0.25), (0.45, 0.38), (0.65, 0.28), (0.95, 0.05)]
    stem = [(0.8, 0.5), (rng.uniform(0.5, 0.7), 1.0)]
    level = rng.uniform(0.55, 0.85)
    bar = [(0.4, level), (rng.uniform(0.9, 1.15), level + rng.normal(0.05, 0.05))]
    points = np.array([*top[int(rng.integers(3)) :], *stem], np.float32)
    points += rng.normal(0, 0.025, points.shape).astype(np.float32)
    if rng.random() < 0.5:
        return [doodles.rounded(np.vstack([points, bar]).astype(np.float32), 1)]
    return [doodles.rounded(points, 2), np.array(bar, np.float32)]


def _crossed_nine(rng: np.random.Generator) -> Strokes:
    """A 9 whose loop begins at its middle, runs over the top and back across its beginning into the stem."""
    loop = [(0.45, 0.5), (0.75, 0.36), (0.95, 0.14), (0.7, 0.0), (0.3, 0.08), (0.02, 0.3), (0.25, 0.44)]
    stem = [(0.5, 0.54), (rng.uniform(0.55, 0.75), 0.72), (0.6, 0.88), (rng.uniform(0.2, 0.7), 1.0)]
    points = np.array([*loop, *stem], np.float32) * (rng.uniform(0.6, 1.1), 1)
    points += rng.normal(0, 0.03, points.shape)
    return [doodles.rounded(points.astype(np.float32), 2)]


RARE_FORMS = {4: _triangle_four, 7: _waved_seven, 9: _crossed_nine}  # whole digits as few people write them
ALLOGRAPHS: dict[int, Callable[[np.ndarray, np.random.Generator], Strokes]] = {
    0: _slash, 1: _flag_or_foot, 7: _bar,
}  # strokes that some writers add to a digit  # fmt: skip
