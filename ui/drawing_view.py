"""The drawing tab of the Predict page: the canvas, and the answer beside it.

Two nested fragments: pictures sent while the pen moves rerun only the answer, finished strokes rerun the whole tab.
"""

import numpy as np
import streamlit as st

from digit_core import Reading
from digit_core.reading import wording
from ui import canvas, components, feedback, history, model_choice, resources, tabs, turns, welcome, why


@st.fragment
@turns.turn()
def show() -> None:
    """Show the canvas and its reading; rerun after every stroke. The answer is sent first."""
    left, right = st.columns([6, 5], gap="medium")
    picture = canvas.drawing()
    tabs.rerun_if_changed("Draw")
    reading = _read(picture)
    has_marks = reading is not None and bool(reading.digits)
    with right:
        card, more = st.container(key="reading"), st.container()
    with card:
        _answer()
    if has_marks:
        sentence = wording.sentence(reading)
        components.send()
    with left:
        canvas.show()
    with more:
        if has_marks:
            _details(picture, reading, sentence)
        elif picture is None:
            welcome.show()
    with left:
        canvas.keep()
        if not canvas.is_drawing():
            history.note_drawing(picture, reading, sentence if has_marks else "")
        history.keep("drawn")


@st.fragment
@turns.turn()
def _answer() -> None:
    """Show the answer; rerun alone while the pen moves."""
    picture = canvas.newest_picture()
    tabs.rerun_if_changed("Draw")
    reading = _read(picture)
    if reading is not None and reading.digits:
        certainties = [wording.certainty(digit) for digit in reading.digits]
        sentence, announced = wording.sentence(reading), not canvas.is_drawing()
        components.answer(reading.text, sentence, certainties, "drawn", announced=announced)
    elif picture is not None:
        components.invitation("I can't find a digit in this drawing yet.")
    else:
        components.invitation("Draw a digit, or a whole number. The answer appears here as you write.")
    canvas.listen()


def _read(picture: np.ndarray | None) -> Reading | None:
    """Read the picture; None for a blank canvas."""
    return None if picture is None else resources.read_drawing(picture, resources.chosen_recognizer())


def _details(picture: np.ndarray, reading: Reading, sentence: str) -> None:
    """Show what can be done with the answer, and one digit of it."""
    components.acts(reading.text, sentence, canvas.link())
    asked = st.container()
    digit = components.details(picture, reading, "drawn", newest=canvas.newest())
    with asked:
        feedback.show(picture, reading, digit, "drawn", is_busy=canvas.is_drawing())
    why.show(digit, "drawn", is_busy=canvas.is_drawing())
    model_choice.others(picture, is_busy=canvas.is_drawing())
