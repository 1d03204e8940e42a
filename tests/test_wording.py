from dataclasses import replace

import numpy as np
import pytest

from digit_core import wording
from digit_core.recognition import Digit, Reading


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
        ([replace(_digit(1, 0.99), trust=0.2)], "A 1, if it is a digit at all."),
        (
            [_digit(4, 0.7, 9), replace(_digit(1, 0.99), trust=0.2)],
            "Least sure of digit 2: a 1, if it is a digit at all.",
        ),
        ([_digit(7, 0.99)], "Sure it's a 7."),
        ([_digit(8, 0.99)], "Sure it's an 8."),
        ([_digit(4, 0.7, 9)], "A 4, but it could be a 9."),
        ([_digit(8, 0.6, 3)], "An 8, but it could be a 3."),
        ([_digit(3, 0.93, 8)], "Probably a 3."),
        ([_digit(3, 0.3, 8, trusted=False)], "That doesn't look like a digit."),
        ([_digit(1, 0.99), _digit(2, 0.98)], "Sure of all 2 digits."),
        ([_digit(1, 0.99), _digit(4, 0.7, 9)], "Least sure of digit 2: a 4, but it could be a 9."),
        ([_digit(1, 0.99), _digit(2, 0.3, 5, False)], "One of these 2 marks doesn't look like a digit."),
        ([_digit(1, 0.99), *[_digit(2, 0.3, 5, False)] * 2], "2 of these 3 marks don't look like digits."),
        ([_digit(2, 0.3, 5, False)] * 2, "None of these marks looks like a digit."),
    ],
)
def test_the_sentence_says_how_sure_it_is(digits, expected):
    assert _sentence(*digits) == expected


def test_rows_are_explained():
    rows = [_digit(1, 0.99), _digit(2, 0.98)]
    assert wording.sentence(Reading(["1", "2"], rows, None)) == "Sure of all 2 digits. A slash begins a new row."


def test_a_page_that_was_turned_is_mentioned():
    reading = Reading(["12"], [_digit(1, 0.99), _digit(2, 0.99)], None, 90)
    assert wording.sentence(reading) == "Sure of all 2 digits. The page lay on its side."


@pytest.mark.parametrize(("trust", "share"), [(0.995, "over 99%"), (0.42, "42%"), (0.001, "under 1%")])
def test_trust_is_said_in_a_sentence(trust, share):
    digit = replace(_digit(3, 0.9), trust=trust)
    assert wording.trust_sentence(digit) == f"That this mark is a digit at all is {share} likely."
