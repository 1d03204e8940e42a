"""Layout of synthetic pages: marks in lines, tables, forms and at random, with rules, frames and dirt."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from digit_core.data import marks, printed_lines, words
from digit_core.data.fonts import EM, SCRIPTS
from digit_core.data.marks import INKED, Hand, Sources
from digit_core.data.scenes import TILE, Scene
from digit_core.models.page_format import MINUS, NATIVE, OTHER, POINT

TILTED = 0.15  # fraction of the scenes photographed at an angle
TILT = 0.08  # largest shift of their corners, over a tile's side


class Composer:
    """Makes scenes, each of a random kind."""

    def __init__(self, sources: Sources, rng: np.random.Generator):
        self.sources, self.rng = sources, rng
        self._earlier: Scene | None = None  # what stands on the sheet's other side
        names = list(KINDS)
        self._kinds = names, np.array([KINDS[name] for name in names]) / sum(KINDS.values())

    def compose(self, kind: str | None = None) -> Scene:
        """A scene of this or a random kind, sometimes with rules, frames or dirt."""
        rng = self.rng
        kind = kind or rng.choice(self._kinds[0], p=self._kinds[1])
        height = self._height()
        hand = self._hand(height)
        scene = Scene(pen=hand.pen)
        getattr(self, f"_{kind}")(scene, height, hand)
        if kind == "text" and rng.random() < 0.25:  # rotated words are not numbers either
            scene.marks = [mark if mark.label == OTHER else replace(mark, visible=0.5) for mark in scene.marks]
            scene.turn(int(rng.integers(1, 4)))
        if kind not in ("table", "boxes") and rng.random() < 0.22:
            printed_lines.ruling(scene, height, rng)
        if rng.random() < 0.12:
            printed_lines.long_lines(scene, hand.pen, rng)
        if rng.random() < 0.08 and scene.marks:
            printed_lines.frame_round_one(scene, hand.pen, rng)
        if rng.random() < 0.15:
            for _ in range(int(rng.integers(1, 12))):
                scene.speck(*rng.uniform(0, TILE, 2), min(hand.pen, 3) * rng.uniform(0.3, 0.7))
        if rng.random() < TILTED:
            corners = np.array([[0, 0], [TILE, 0], [TILE, TILE], [0, TILE]])
            scene.tilt(corners + rng.uniform(-TILT, TILT, (4, 2)) * TILE)
        if self._earlier is not None and rng.random() < 0.08:
            scene.behind = self._earlier.ink[:, ::-1].copy()
        if scene.marks:
            self._earlier = scene
        return scene

    def drawing(self) -> Scene:
        """Return one mark alone, 0.33 to 0.9 of the tile high; half of them in their original form."""
        rng, height = self.rng, TILE * self.rng.uniform(0.33, 0.9)
        as_written = Hand(pen=1.0, unevenness=0.0, from_pictures=rng.random() < 0.5, is_plain=True)
        hand = as_written if rng.random() < 0.5 else self._hand(height)
        hand = replace(hand, pen=height * float(rng.uniform(0.02, 0.14)))
        scene = Scene(pen=hand.pen)
        mask, label = self._any_mark(height, hand, 0.5)
        scene.put(mask, TILE / 2, TILE / 2, label)
        return scene

    # ---- how large, how written

    def _height(self) -> float:
        """Pixels; most marks are such as this level should find."""
        kind = self.rng.random()
        low, high = (
            (NATIVE[0] - 2, NATIVE[1] + 2) if kind < 0.84 else (NATIVE[1], 260) if kind < 0.94 else (6, NATIVE[0])
        )
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def _hand(self, height: float) -> Hand:
        rng = self.rng
        ratio = np.exp(rng.uniform(np.log(0.02), np.log(0.23)))
        return Hand(
            pen=max(ratio * height, 0.5),
            shear=rng.normal(0, 0.2),
            aspect=np.exp(rng.normal(0, 0.16)),
            angle=rng.normal(0, 0.07),
            unevenness=rng.uniform(0.5, 1.6),
            from_pictures=rng.random() < 0.35,
        )

    def _fitting(self, hand: Hand, height: float) -> Hand:
        """The same hand, its pen width clipped to what suits this height."""
        return replace(hand, pen=float(np.clip(hand.pen, 0.02 * height, 0.24 * height)))

    def _any_mark(self, height: float, hand: Hand, others: float) -> tuple[np.ndarray, int]:
        rng = self.rng
        if rng.random() < others:
            return marks.other(self.sources, height, hand, rng), OTHER
        value = 1 if rng.random() < 0.09 else int(rng.integers(10))
        return marks.digit(self.sources, value, height, hand, rng), value

    # ---- kinds of scenes

    def _single(self, scene: Scene, height: float, hand: Hand) -> None:
        mask, label = self._any_mark(height, hand, 0.45)
        room = max(TILE / 2 - height * 0.6, 0)
        scene.put(mask, *(TILE / 2 + self.rng.uniform(-room, room, 2)), label)

    def _numbers(self, scene: Scene, height: float, hand: Hand) -> None:
        """Lines of numbers, wide or tight, touching and overlapping; some lines are words of letters."""
        rng = self.rng
        others = rng.choice((0.0, 0.12, 0.5), p=(0.55, 0.28, 0.17))
        pitch = height * (rng.uniform(1.1, 1.5) if rng.random() < 0.6 else rng.uniform(1.4, 3))
        slope, y = rng.normal(0, 0.06), rng.uniform(0.2 * height, pitch)
        for _ in range(7):
            self._number_line(scene, y, height, hand, others if rng.random() < 0.9 else 1.0, slope)
            y += pitch
            if y > TILE + 0.3 * height or rng.random() < 0.08:
                break

    def _number_line(self, scene: Scene, y: float, height: float, hand: Hand, others: float, slope: float) -> None:
        rng = self.rng
        touching, usual, wide = rng.uniform(-0.24, 0.08), rng.uniform(0.05, 0.5), rng.uniform(0.4, 1.6)
        gap = rng.choice((touching, usual, wide), p=(0.54, 0.32, 0.14))
        x = rng.uniform(-height, 1.5 * height) if rng.random() < 0.8 else rng.uniform(0, TILE)
        signs = rng.random() < 0.2
        ones = 0.35 if rng.random() < 0.12 else 0.0  # many ones that touch are hard
        for _ in range(int(rng.integers(2, 14)) if rng.random() < 0.88 else 1):
            own = height * np.exp(rng.normal(0, 0.08))
            mask, label = self._any_mark(own, hand, others)
            if rng.random() < ones:
                mask, label = marks.digit(self.sources, 1, own, hand, rng), 1
            width = cv2.boundingRect((mask > INKED).astype(np.uint8))[2]
            if x > TILE or not width:
                break
            middle = y + (x + width / 2 - TILE / 2) * slope + rng.normal(0, 0.06) * height
            scene.put(mask, x + width / 2, middle, label)
            x += width + (gap + rng.normal(0, 0.06)) * height
            x += height * rng.uniform(0.5, 2) if rng.random() < 0.08 else 0
            if signs and rng.random() < 0.35:
                x = self._sign(scene, x, y + (x - TILE / 2) * slope, height, hand)

    def _sign(self, scene: Scene, x: float, y: float, height: float, hand: Hand) -> float:
        """A point, minus, percent or other sign after a digit; returns where the next mark may begin."""
        rng, kind = self.rng, self.rng.random()
        if kind < 0.5:
            x += 0.06 * height
            scene.put(marks.point(height, hand, rng), x, y + height * rng.uniform(0.36, 0.56), POINT, height)
            return x + height * rng.uniform(0.1, 0.3)
        if kind < 0.75:
            mask = marks.minus(height, hand, rng)
            scene.put(mask, x + mask.shape[1] / 2 + 0.1 * height, y + height * rng.normal(0, 0.08), MINUS, height)
            return x + mask.shape[1] + height * rng.uniform(0.15, 0.4)
        sign = str(rng.choice(list("%+=:()/\u00d7")))
        letter = self.sources.fonts[rng.integers(len(self.sources.fonts))].letter(sign)
        if letter is None:
            return x
        mask = marks.slash(height, hand, rng) if sign == "/" else marks.from_letter(letter.ink, height, hand, rng)
        scene.put(mask, x + mask.shape[1] / 2, y, OTHER, height)
        return x + mask.shape[1] + 0.1 * height

    def _scatter(self, scene: Scene, height: float, hand: Hand) -> None:
        """Marks of several sizes anywhere."""
        rng = self.rng
        others = rng.choice((0.0, 0.15, 0.5), p=(0.4, 0.3, 0.3))
        for _ in range(int(rng.integers(3, 24))):
            own = height * np.exp(rng.normal(0, 0.3)) if rng.random() < 0.7 else self._height()
            style = hand if rng.random() < 0.7 else self._hand(own)
            mask, label = self._any_mark(own, self._fitting(style, own), others)
            x, y = rng.uniform(0, TILE, 2)
            if scene.is_free(x, y, mask.shape[1], mask.shape[0]):
                scene.put(mask, x, y, label)

    def _nothing(self, scene: Scene, height: float, hand: Hand) -> None:
        """No mark at all."""

    def _drawings(self, scene: Scene, height: float, hand: Hand) -> None:
        """A few marks that are no digits, up to much larger than the tile."""
        rng = self.rng
        for _ in range(int(rng.integers(1, 8))):
            own = self._height() if rng.random() < 0.6 else float(np.exp(rng.uniform(np.log(40), np.log(300))))
            mask = marks.other(self.sources, own, self._fitting(self._hand(own), own), rng)
            x, y = rng.uniform(0, TILE, 2)
            if scene.is_free(x, y, mask.shape[1], mask.shape[0]):
                scene.put(mask, x, y, OTHER)

    def _text(self, scene: Scene, height: float, hand: Hand) -> None:
        """Lines of words in one font, written or printed, of any script; now and then a number among them."""
        rng = self.rng
        pool = self.sources.written if rng.random() < 0.72 and self.sources.written else self.sources.fonts
        font, script = pool[rng.integers(len(pool))], "latin"
        if rng.random() < 0.4:
            font, script = self.sources.font_and_script(rng)
        scale = 1.4 * height / EM
        pitch, slope = height * rng.uniform(1.3, 2.6), rng.normal(0, 0.04)
        y, grow, slant = rng.uniform(0, pitch), rng.uniform(-1, 2.5), rng.normal(0, 0.15)
        for _ in range(int(rng.integers(1, 8))):
            x = rng.uniform(-1.5 * height, height if rng.random() < 0.8 else TILE)
            for _ in range(int(rng.integers(1, 7))):
                x = self._word(scene, font, script, x, y + (x - TILE / 2) * slope, scale, grow, slant, height)
                x += height * rng.uniform(0.4, 0.9)
                if x > TILE:
                    break
            if rng.random() < 0.05 and x < TILE - height:
                self._number_line(scene, y + 0.5 * height, height, hand, 0.0, slope)
            y += pitch
            if y > TILE:
                break

    def _word(self, scene: Scene, font, script: str, x: float, y: float, scale: float, grow: float, slant: float,
              height: float) -> float:  # fmt: skip
        """A word, its line's ascender at y; returns the word's end."""
        letters, wide = words.placed(self._characters(script), font, scale, grow, slant)
        for letter in letters:
            scene.put(letter.mask, x + letter.x, y + letter.y, OTHER, max(letter.mask.shape[0], 0.75 * height))
        return x + wide

    def _characters(self, script: str) -> Sequence[str]:
        rng = self.rng
        if script != "latin":
            mixed = ("kana", "kana", "han") if script in ("kana", "han") and rng.random() < 0.5 else (script,)
            ranges = [SCRIPTS[mixed[rng.integers(len(mixed))]] for _ in range(int(rng.integers(1, 9)))]
            return [chr(rng.integers(first, last + 1)) for first, last in ranges]
        return words.word(rng)

    def _table(self, scene: Scene, height: float, hand: Hand) -> None:
        """Numbers of a few digits in the cells of a table or on squared paper; cells may be empty. Some tables lie
        within the tile: a picture may end close round their rows."""
        rng = self.rng
        digits = int(rng.choice((1, 1, 2, 3, 4)))
        wide, tall = height * (0.75 * digits + rng.uniform(0.1, 1.5)), height * rng.uniform(1.0, 2.2)
        is_whole = rng.random() < 0.4
        x0, y0 = rng.uniform(0, min(wide, tall, 40), 2) if is_whole else (rng.uniform(-wide, 0), rng.uniform(-tall, 0))
        pen, slope = float(rng.choice((0.5, 0.8, 1, 1, 2, 3))), rng.normal(0, 0.02)
        columns, rows = np.arange(x0, TILE, wide), np.arange(y0, TILE, tall)
        if is_whole:
            columns, rows = columns[: max(int((TILE - x0) / wide), 1)], rows[: max(int((TILE - y0) / tall), 1)][:3]
        elif rng.random() < 0.4:  # the table ends within the tile
            columns, rows = columns[: int(rng.integers(1, 9))], rows[: int(rng.integers(1, 6))]
        right, bottom = columns[-1] + wide, rows[-1] + tall
        handmade = rng.random() < 0.2
        if rng.random() < 0.85:
            for x in [*columns, right]:
                scene.rule(x, y0, x - slope * (bottom - y0), bottom, pen, handmade)
        for y in [*rows, bottom]:
            scene.rule(x0, y, right, y + slope * (right - x0), pen, handmade)
        full, others = rng.uniform(0.3, 1), rng.choice((0.0, 0.1, 1.0), p=(0.7, 0.15, 0.15))
        for y in rows:
            for x in columns:
                if rng.random() < full:
                    shift = rng.normal(0, 0.08, 2) * (wide, tall)
                    middle = (x + wide / 2 + shift[0], y + tall / 2 + shift[1] + slope * (x + wide / 2 - x0))
                    self._in_cell(scene, middle, int(rng.integers(1, digits + 1)), height, hand, others)

    def _in_cell(self, scene: Scene, middle: tuple[float, float], count: int, height: float, hand: Hand, others: float):
        rng = self.rng
        pitch = height * rng.uniform(0.55, 0.85)
        for place in range(count):
            mask, label = self._any_mark(height * np.exp(rng.normal(0, 0.1)), hand, others)
            x = middle[0] + (place - (count - 1) / 2) * pitch
            scene.put(mask, x, middle[1] + rng.normal(0, 0.05) * height, label)

    def _boxes(self, scene: Scene, height: float, hand: Hand) -> None:
        """A form's field: one box a digit, a comb of short separators, or a frame round a whole number."""
        rng = self.rng
        pen = float(np.clip(np.exp(rng.uniform(np.log(0.5), np.log(0.14 * height))), 0.5, 7))
        pitch, y = height * rng.uniform(1.4, 2.6), rng.uniform(0.6, 1.5) * height
        for _ in range(int(rng.integers(1, 4))):
            tall, count = height * rng.uniform(1.02, 1.7), int(rng.integers(1, 11))
            others = rng.choice((0.06, 1.0), p=(0.75, 0.25))
            left = rng.uniform(-0.5 * height, height)
            if rng.random() < 0.6:
                wide = height * rng.uniform(0.75, 1.6)
                gap = float(rng.choice((0.0, 0.0, rng.uniform(0.1, 0.5)))) * height
                if rng.random() < 0.3:
                    gap = 0.0
                    printed_lines.comb(scene, left, y + tall / 2, wide, count, tall * rng.uniform(0.15, 0.95), pen)
                else:
                    for x in left + np.arange(count) * (wide + gap):
                        scene.frame(x, y - tall / 2, x + wide, y + tall / 2, pen)
                for x in left + np.arange(count) * (wide + gap):
                    if rng.random() < 0.85:
                        shift = rng.normal(0, 0.07, 2) * height
                        self._in_cell(scene, (x + wide / 2 + shift[0], y + shift[1]), 1, height, hand, others)
            else:
                pace, first = height * rng.uniform(0.5, 0.95), left + height * rng.uniform(0.3, 1.2)
                scene.frame(left, y - tall / 2, first + pace * count + height * rng.uniform(-0.2, 2), y + tall / 2, pen)
                for place in range(count):
                    shift = rng.normal(0, 0.06, 2) * height
                    self._in_cell(scene, (first + place * pace + shift[0], y + shift[1]), 1, height, hand, others)
            y += pitch
            if y > TILE:
                break


KINDS = {  # of scenes, and how often each is made
    "single": 12, "numbers": 43, "scatter": 12, "drawings": 8, "text": 12, "table": 9, "boxes": 6, "nothing": 2,
}  # fmt: skip
