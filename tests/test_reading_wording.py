from dataclasses import replace

import numpy as np
import pytest

from digit_core.reading import wording
from digit_core.reading.result import Digit, Reading


def _digit(value, confidence, rival=0, trusted=True):
    probabilities = np.full(10, 0.0)
    probabilities[rival] = 1 - confidence
    probabilities[value] = confidence
    return Digit(value, confidence, trusted, (0, 0, 1, 1), probabilities, None, None)


def _sentence(*digits):
    return wording.sentence(Reading(["".join(d.text for d in digits)], list(digits), None))


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ([], "Nothing to read yet."),
        ([replace(_digit(1, 0.99), acceptance=0.2)], "Perhaps a 1, or no digit at all."),
        (
            [_digit(4, 0.7, 9), replace(_digit(1, 0.99), acceptance=0.2)],
            "Least sure of the second digit: perhaps a 1, or no digit at all.",
        ),
        ([_digit(7, 0.99)], "Sure it's a 7."),
        ([_digit(8, 0.99)], "Sure it's an 8."),
        ([_digit(4, 0.7, 9)], "A 4, but it could be a 9."),
        ([_digit(8, 0.6, 3)], "An 8, but it could be a 3."),
        ([_digit(3, 0.93, 8)], "Probably a 3."),
        ([_digit(3, 0.3, 8, trusted=False)], "That doesn't look like a digit."),
        ([_digit(1, 0.99), _digit(2, 0.98)], "Sure of both digits."),
        ([_digit(1, 0.99)] * 3, "Sure of all 3 digits."),
        ([_digit(1, 0.99), _digit(4, 0.7, 9)], "Least sure of the second digit: a 4, but it could be a 9."),
        ([_digit(1, 0.99), _digit(2, 0.3, 5, False)], "One of these 2 marks doesn't look like a digit."),
        ([_digit(1, 0.99), *[_digit(2, 0.3, 5, False)] * 2], "2 of these 3 marks don't look like digits."),
        ([_digit(2, 0.3, 5, False)] * 2, "None of these marks looks like a digit."),
    ],
)
def test_the_sentence_says_how_sure_it_is(digits, expected):
    assert _sentence(*digits) == expected


def test_a_crowded_page_says_that_not_all_was_read():
    reading = Reading(["1"], [_digit(1, 0.99)], None, is_crowded=True)
    assert wording.sentence(reading) == "Sure it's a 1. " + wording.CROWDED.strip()


def test_a_single_digit_keeps_its_minus():
    assert wording.sentence(Reading(["-5"], [_digit(5, 0.99)], None)) == "Sure it's -5."
    assert wording.sentence(Reading(["5"], [_digit(5, 0.99)], None)) == "Sure it's a 5."


def test_marks_that_are_left_out_are_mentioned():
    digits = [_digit(1, 0.99)]
    assert wording.sentence(Reading(["1"], digits, None, left_out=1)) == "Sure it's a 1. One other mark was ignored."
    assert wording.sentence(Reading(["1"], digits, None, left_out=3)) == "Sure it's a 1. Other marks were ignored."
    assert wording.sentence(Reading(["?"], [_digit(1, 0.9, trusted=False)], None, left_out=2)) == wording.NOT_A_DIGIT


def test_a_page_that_was_turned_is_mentioned():
    reading = Reading(["12"], [_digit(1, 0.99), _digit(2, 0.99)], None, 90)
    assert wording.sentence(reading) == "Sure of both digits. The page was sideways."


@pytest.mark.parametrize(("acceptance", "share"), [(0.995, "over 99%"), (0.42, "42%"), (0.001, "under 1%")])
def test_acceptance_is_said_in_a_sentence(acceptance, share):
    digit = replace(_digit(3, 0.9), acceptance=acceptance)
    assert wording.acceptance_sentence(digit) == f"The chance that this mark is a digit is {share}."


@pytest.mark.parametrize(
    ("lines", "index", "said"),
    [
        (["123"], 2, "the third digit"),
        (["1" * 25], 19, "digit 20"),
        (["12", "3?4"], 1, "the second digit in row 1"),
        (["12", "3?4"], 4, "the third digit in row 2"),
        (["3.7", "-5"], 1, "the second digit in row 1"),
        (["3.7", "-5"], 2, "the first digit in row 2"),
    ],
)
def test_a_place_is_named_by_row_and_order(lines, index, said):
    assert wording.place(Reading(lines, [], None), index) == said
