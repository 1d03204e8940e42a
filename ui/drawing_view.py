"""The drawing tab of the Predict page: the canvas, and the answer beside it.

A finished stroke reruns the tab. While the pen moves, the browser replaces the answer itself (see `live_answers`).
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
    reading = None if picture is None else resources.read_drawing(picture, resources.chosen_recognizer())
    has_marks = reading is not None and bool(reading.digits)
    with right:
        card, more = st.container(key="reading"), st.container()
    with card:
        canvas.show_live_answers()
        if picture is None:
            components.invitation("Draw a digit, or a whole number. The answer appears here as you write.")
        else:
            components.drawing_answer(reading)
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
        history.note_drawing(picture, reading, sentence if has_marks else "")
        history.keep("drawn")


def _details(picture: np.ndarray, reading: Reading, sentence: str) -> None:
    """Show what can be done with the answer, and one digit of it."""
    components.acts(reading.text, sentence, canvas.link())
    asked = st.container()
    digit = components.details(picture, reading, components.DRAWING, newest=canvas.newest())
    with asked:
        feedback.show(picture, reading, digit, components.DRAWING)
    why.show(digit, components.DRAWING)
    model_choice.others(picture)
