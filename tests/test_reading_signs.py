"""Points, commas, minus and percent signs, slashes: a number keeps its meaning, or the answer says it may not."""

import re

import numpy as np
import pytest
from drawing import DIGITS, draw, placed

from digit_core.reading import layout, wording
from digit_core.reading.drawn_lines import Candidate
from digit_core.reading.settings import ReadingSettings
from digit_core.reading.slashes import may_be_slash

SIGNS = {  # strokes for a digit height of 100, and their width
    ".": ([[(6, 96), (9, 98)]], 12),
    ",": ([[(12, 90), (10, 100), (0, 116)]], 14),
    "-": ([[(0, 52), (42, 50)]], 42),
    "/": ([[(46, -12), (0, 112)]], 46),
    "%": ([[(56, 0), (0, 100)], [(12, 4), (2, 18), (12, 32), (22, 18), (12, 4)],
           [(50, 68), (40, 82), (50, 96), (60, 82), (50, 68)]], 62),
}  # fmt: skip


def written(text: str, rng: np.random.Generator) -> np.ndarray:
    """A number with signs, uint8 (300, width), with random size, gaps and pen width."""
    height, strokes, x = rng.uniform(80, 150), [], 40.0
    for sign in text:
        own, wide = SIGNS.get(sign) or (DIGITS[int(sign)], 70)
        moved = placed(own, x, 80 + rng.normal(0, 0.03) * height, height)
        strokes += [np.array(stroke) + rng.normal(0, 0.01, (len(stroke), 2)) * height for stroke in moved]
        x += (wide / 100 + rng.uniform(0.15, 0.3)) * height
    return draw(strokes, int(x) + 40, 300, pen=int(rng.choice([5, 8, 12, 16])))


@pytest.mark.parametrize("text", ["3.7", "3,14", "-5", "50%", "0.5", "-12", "12.80"])
def test_a_number_with_a_sign_is_never_surely_another(recognizer, text):
    rng = np.random.default_rng(0)
    readings = [recognizer.read(written(text, rng)) for _ in range(20)]
    wanted = text.replace(",", ".").replace("%", "?")
    assert np.mean([reading.text == wanted for reading in readings]) >= 0.9
    for reading in readings:
        sentence = wording.sentence(reading)
        is_whole = reading.text == wanted or "ignored" in sentence or not sentence.startswith("Sure")
        assert is_whole, (reading.text, sentence)


@pytest.mark.parametrize("text", ["12/5", "1/2", "3/4", "24/12"])
def test_a_slash_is_rarely_surely_a_digit(recognizer, text):
    rng = np.random.default_rng(0)
    sentences = [wording.sentence(recognizer.read(written(text, rng))) for _ in range(20)]
    assert sum(sentence.startswith("Sure") for sentence in sentences) <= 1


def test_a_slanted_1_between_points_is_no_slash(recognizer):
    rng = np.random.default_rng(0)
    for _ in range(20):
        reading = recognizer.read(written("3.1.2", rng))
        assert all(digit.acceptance > 0.4 for digit in reading.digits if digit.value == 1)


def stroke(lean: float, height: float) -> Candidate:
    """A straight stroke, `lean` pixels to the right per pixel upwards."""
    ink = np.zeros((round(height), round(abs(lean) * height) + 9), np.uint8)
    for row in range(len(ink)):
        left = round(lean * (len(ink) - row)) if lean > 0 else round(-lean * row)
        ink[row, left : left + 8] = 255
    return Candidate(0, 0, ink.shape[1], height, 1, 1.0, 1.0, np.eye(10)[1], np.zeros((28, 28), np.uint8), ink)


@pytest.mark.parametrize(
    ("lean", "height", "is_slash"), [(0.4, 60, True), (0.1, 60, False), (-0.4, 60, False), (0.4, 50, False)]
)
def test_a_slash_leans_to_the_right_and_is_taller_than_its_neighbours(lean, height, is_slash):
    line = [stroke(0, 50), stroke(lean, height), stroke(0, 50)]
    assert may_be_slash(line, 1) == is_slash
    assert not may_be_slash(line[1:], 0)


@pytest.mark.parametrize("pen", [10, 18, 28])
@pytest.mark.parametrize("height", [115, 180])
def test_a_broad_pens_point_is_read_or_told(recognizer, pen, height):
    strokes = [*placed(DIGITS[3], 40, 40, height), *placed(DIGITS[7], 40 + 1.3 * height, 40, height)]
    point = [(40 + 1.05 * height, 40 + 0.97 * height), (42 + 1.05 * height, 41 + 0.97 * height)]
    reading = recognizer.read(draw([*strokes, point], 500, 280, pen))
    assert reading.text == "3.7" or (reading.text == "37" and reading.left_out == 1)


@pytest.mark.parametrize("text", ["37", "2026", "1117"])
def test_no_sign_is_made_up(recognizer, text):
    rng = np.random.default_rng(1)
    for _ in range(20):
        reading = recognizer.read(written(text, rng))
        assert not re.search(r"[.-]", reading.text)
        assert reading.left_out == 0


def test_a_point_after_a_number_is_told(recognizer):
    reading = recognizer.read(written("7.", np.random.default_rng(2)))
    assert reading.text == "7"
    assert reading.left_out == 1


class Mark:
    def __init__(self, x: float, y: float, width: float, height: float, heat: float = 0.9):
        self.x, self.y, self.width, self.height, self.heat = x, y, width, height, heat


def test_a_comma_that_hangs_low_stays_on_its_line():
    line = [Mark(50, 50, 40, 100), Mark(150, 50, 40, 100)]
    comma, minus = Mark(100, 115, 10, 30), Mark(10, 50, 20, 4)
    [(*found,)], strays = layout.with_signs([line], [comma, minus], ReadingSettings())
    assert found == [minus, line[0], comma, line[1]]
    assert strays == 0


def test_of_two_signs_in_one_place_the_clearer_is_read():
    line = [Mark(50, 50, 40, 100), Mark(150, 50, 40, 100)]
    signs = [Mark(100, 90, 10, 10, 0.4), Mark(104, 70, 10, 10, 0.8), Mark(98, 95, 8, 8, 0.3)]
    [found], strays = layout.with_signs([line], signs, ReadingSettings())
    assert found == [line[0], signs[1], line[1]]
    assert strays == 2


def test_a_sign_far_from_every_mark_is_on_no_line():
    line = [Mark(50, 50, 40, 100)]
    found, strays = layout.with_signs([line], [Mark(400, 50, 10, 10), Mark(50, 300, 10, 10)], ReadingSettings())
    assert found == [line]
    assert strays == 2
    assert layout.with_signs([], [Mark(0, 0, 1, 1)], ReadingSettings()) == ([], 1)
