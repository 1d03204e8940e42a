"""What is no digit, what touches, and what lies on its side: first with a judge of our own making."""

import numpy as np
import pytest
from drawing import DIGITS, draw, number, placed

from digit_core import Recognizer, model_store, recognition
from digit_core.counterexamples import SYMBOL


class Judge:
    """Trusts what `trusts` says of a digit's picture; never sure of pieces."""

    threshold = 0.5
    weights = (1.0, 0.0, 0.0)  # it alone says what to trust

    def __init__(self, trusts):
        self.trusts = trusts

    def __call__(self, digits):
        classes = np.zeros((len(digits), 12), np.float32)
        for row, digit in zip(classes, digits, strict=True):
            row[[0, SYMBOL]] = (0.99, 0.01) if self.trusts(digit) else (0.01, 0.99)
        return classes


def _reader(trusts):
    return Recognizer(model_store.find("lenet5").litert_bytes(), judge=Judge(trusts))


def _page(*boxes, width=600, height=300):
    page = np.full((height, width), 255, np.uint8)
    for left, top, w, h in boxes:
        page[top : top + h, left : left + w] = 0
    return page


def _is_tall(digit):
    rows, columns = np.nonzero(digit > 128)
    return np.ptp(rows) > np.ptp(columns)


TALL, FLAT = (30, 100), (90, 80)


def test_a_mark_that_the_judge_takes_for_no_digit_reads_as_unknown():
    reading = _reader(_is_tall).read(_page((100, 80, *TALL), (300, 90, *FLAT)))
    assert [digit.trusted for digit in reading.digits] == [True, False]
    assert reading.text[1] == recognition.UNKNOWN
    assert [round(digit.trust, 2) for digit in reading.digits] == [0.99, 0.01]


def test_what_reaches_the_edge_and_is_no_digit_is_left_out():
    read = _reader(_is_tall).read
    assert len(read(_page((100, 80, *TALL), (510, 90, *FLAT))).digits) == 1
    assert len(read(_page((100, 80, *TALL), (505, 90, *FLAT), width=620)).digits) == 2
    assert len(read(_page((0, 80, *TALL), (300, 80, *TALL))).digits) == 2  # digits may
    assert read(_page((510, 90, *FLAT))).text == recognition.UNKNOWN  # nothing else is there


def test_among_much_that_is_no_digit_more_trust_is_needed():
    """Trust of 0.8 is enough for two bars by themselves, and not for two among two strangers."""

    def classes(digits):
        found = Judge(_is_tall)(digits)
        found[found[:, 0] > 0.5, 0], found[found[:, 0] > 0.5, SYMBOL] = 0.8, 0.2
        return found

    reader = _reader(_is_tall)
    judge = {"threshold": 0.5, "weights": Judge.weights, "__call__": lambda self, digits: classes(digits)}
    reader._judge = type("Cautious", (), judge)()
    bars = (60, 80, *TALL), (160, 80, *TALL)
    assert all(digit.trusted for digit in reader.read(_page(*bars)).digits)
    strangers = (260, 80, *FLAT), (420, 80, *FLAT)
    assert not any(digit.trusted for digit in reader.read(_page(*bars, *strangers)).digits)


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_boxes_of_a_turned_page_are_where_the_marks_are(turns):
    page = np.zeros((30, 50), np.uint8)
    page[4:9, 20:40] = 255
    turned = np.rot90(page, turns)
    rows, columns = np.nonzero(turned)
    box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    assert recognition._on_page(box, turns, page.shape, (1.0, 1.0)) == (20, 4, 20, 5)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_that_lies_on_its_side_is_turned(recognizer, turns):
    picture = draw(number("24735", 30, 60, 100) + number("52346", 30, 240, 100), width=620, height=400, pen=10)
    reading = recognizer.read(np.rot90(picture, turns))
    if turns == 2:  # upside down is not looked for: 6 and 9 would change places
        assert reading.turned == 0
        return
    assert reading.text == "24735/52346"
    assert reading.turned == 360 - 90 * turns
    x, y, width, height = reading.digits[0].box
    inside = np.rot90(picture, turns)[y : y + height, x : x + width]
    assert (inside < 128).sum() > 100


@pytest.mark.parametrize("text", ["24", "37", "58", "2026"])
def test_digits_that_touch_are_cut_apart(recognizer, text):
    picture = draw(number(text, 40, 60, 160, advance=0.62), width=640, height=280, pen=12)
    assert recognizer.read(picture).text == text


@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize("text", ["2475", "35264"])
def test_a_single_number_that_lies_on_its_side_is_turned(recognizer, turns, text):
    picture = draw(number(text, 60, 60, 100), width=640, height=240, pen=10)
    assert recognizer.read(np.rot90(picture, turns)).text == text


def test_letters_and_scribbles_are_no_digits(recognizer):
    letters = {
        "A": [[(0, 100), (35, 0), (70, 100)], [(14, 62), (56, 62)]],
        "K": [[(5, 0), (5, 100)], [(62, 0), (5, 55), (66, 100)]],
        "M": [[(0, 100), (6, 0), (36, 60), (66, 0), (72, 100)]],
        "X": [[(0, 0), (70, 100)], [(70, 0), (0, 100)]],
        "#": [[(20, 0), (12, 100)], [(56, 0), (48, 100)], [(0, 34), (72, 30)], [(0, 70), (72, 66)]],
    }
    read = {name: recognizer.read(draw(placed(strokes, 100, 90, 200))).text for name, strokes in letters.items()}
    assert read == dict.fromkeys(letters, recognition.UNKNOWN)


@pytest.mark.parametrize(
    ("digit", "strokes"),
    [
        pytest.param("0", [*DIGITS[0], [(58, 4), (12, 98)]], id="slashed zero"),
        pytest.param("0", [*DIGITS[0], [(12, 4), (58, 98)]], id="zero slashed the other way"),
        pytest.param("1", [[(0, 42), (36, 0), (36, 100)]], id="one with a long flag"),
        pytest.param("1", [[(10, 22), (36, 0), (36, 100)], [(14, 100), (58, 100)]], id="one with a foot"),
        pytest.param("7", [*DIGITS[7], [(22, 48), (62, 46)]], id="crossed seven"),
        pytest.param("4", [[(10, 0), (6, 56), (66, 54)], [(52, 8), (50, 100)]], id="open four"),
    ],
)
def test_unusual_hands_are_digits(recognizer, digit, strokes):
    assert recognizer.read(draw(placed(strokes, 120, 90, 200))).text == digit
