"""Predict page: draw, upload or photograph digits, and see the predictions."""

import numpy as np
import streamlit as st

from digit_core import Reading
from digit_core.reading import wording
from ui import (
    actions,
    canvas,
    components,
    feedback,
    frame,
    history,
    model_choice,
    resources,
    turns,
    uploads,
    welcome,
    why,
)

frame.require()

st.html('<h1 class="ink-title"><b class="ink-brand">Inkling</b> <span>reads the numbers you write.</span></h1>')
model_choice.show()


def read(picture: np.ndarray | None) -> Reading | None:
    """Read the picture; None for a blank canvas."""
    return None if picture is None else resources.read_drawing(picture, resources.chosen_recognizer())


@st.fragment
@turns.turn()
def answer() -> None:
    """Show the answer; rerun alone while the pen moves."""
    picture = canvas.newest_picture()
    reading = read(picture)
    if reading is not None and reading.digits:
        certainties = [wording.certainty(digit) for digit in reading.digits]
        sentence, announced = wording.sentence(reading), not canvas.is_drawing()
        components.answer(reading.text, sentence, certainties, "drawn", announced=announced)
    elif picture is not None:
        components.invitation("I can't find a digit in this drawing yet.")
    else:
        components.invitation("Draw a digit, or a whole number. The answer appears here as you write.")
    canvas.listen()


@st.fragment
@turns.turn()
def draw() -> None:
    """Show the canvas and its reading; rerun after every stroke. The answer is sent first."""
    left, right = st.columns([6, 5], gap="medium")
    picture = canvas.drawing()
    reading = read(picture)
    has_marks = reading is not None and bool(reading.digits)
    with right:
        card, more = st.container(key="reading"), st.container()
    with card:
        answer()
    if has_marks:
        sentence = wording.sentence(reading)
        components.send()
    with left:
        canvas.show()
    with more:
        if has_marks:
            components.acts(reading.text, sentence, canvas.link())
            asked = st.container()
            digit = components.details(picture, reading, "drawn", newest=canvas.newest())
            with asked:
                feedback.show(picture, reading, digit, "drawn", is_busy=canvas.is_drawing())
            why.show(digit, "drawn", is_busy=canvas.is_drawing())
            model_choice.others(picture, is_busy=canvas.is_drawing())
        elif picture is None:
            welcome.show()
    with left:
        canvas.keep()
        if not canvas.is_drawing():
            history.note_drawing(picture, reading, sentence if has_marks else "")
        history.keep("drawn")


@st.fragment
def upload(shown: bool) -> None:
    """Read uploaded pictures. In a hidden tab, only keep the list of files."""
    files = uploads.chooser()
    if files:
        uploads.keep(files)
    if shown:
        uploads.read_all(uploads.shown(files))
        history.keep("uploaded")


@st.fragment
def camera() -> None:
    """Read a camera snapshot like an upload, beside its answer."""
    left, right = st.columns([6, 5], gap="medium")
    snapshot = left.camera_input("Hold a number up to the camera", key="camera")
    if snapshot:
        with right:
            uploads.read_beside(snapshot)
    history.keep("taken")


drawing_tab, upload_tab, camera_tab = st.tabs(["Draw", "Upload", "Camera"], key="input", on_change="rerun")
with drawing_tab:
    if drawing_tab.open:
        draw()
with upload_tab:
    upload(upload_tab.open)
with camera_tab:
    if camera_tab.open:  # a hidden camera would ask for permission
        camera()
history.show()
actions.listen()
