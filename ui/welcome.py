"""The introduction on the Predict page while the canvas is blank: features and clickable examples."""

from collections.abc import Callable

import cv2
import streamlit as st

from digit_core.pictures import image_files
from digit_core.reading import overlay
from ui import canvas, samples, state, uploads

LINES = (
    ":material/verified: It tells you how sure it is, and when something isn't a digit.",
    ":material/photo_camera: Upload a photo, or hold a number up to your camera.",
    ":material/school: Train a network yourself, see what it misreads, and look inside it.",
)
EXAMPLE_WIDTH = 106  # pixels on the screen: four stand beside each other
WIDTH, HEIGHT = 240, 150  # pixels of an example's picture
PHOTO = "note"  # one of `uploads.EXAMPLE_NAMES`


def show() -> None:
    """Show the three lines, and each example as a picture with a button."""
    for line in LINES:
        st.markdown(line)
    with st.container(horizontal=True, gap="small", key="examples"):
        for number, name in enumerate(samples.EXAMPLES):
            _example(number, name, _picture(name), canvas.show_example, name)
        if _example(len(samples.EXAMPLES), "A photograph", _photo(), _open_photo):
            st.rerun()  # the whole page, to switch the tab


def _example(number: int, name: str, url: str, on_click: Callable, *args) -> bool:
    """Show a picture with a button below; return whether the button was clicked."""
    with st.container(width=EXAMPLE_WIDTH, gap="xxsmall", key=f"example_{number}"):
        st.html(f'<img class="ink-example" src="{url}" alt="">')
        return st.button(name, key=f"example_button_{number}", width="stretch", on_click=on_click, args=args)


def _open_photo() -> None:
    state.put("photo", PHOTO)
    state.put("photo_first", True)
    st.session_state["input"] = "Upload"


@st.cache_data(show_spinner=False)
def _picture(name: str) -> str:
    """A small picture of an example, as a data URL."""
    return samples.picture(samples.example(name, WIDTH, HEIGHT, canvas.INK, 12), WIDTH, HEIGHT)


@st.cache_data(show_spinner=False)
def _photo() -> str:
    """Return a thumbnail of the photo's centre as a data URL."""
    picture = image_files.decode(uploads.Example(PHOTO).getvalue())
    high = round(picture.shape[1] * HEIGHT / WIDTH)
    top = (picture.shape[0] - high) // 2
    part = picture[top : top + high] if top >= 0 else picture
    return overlay.data_url(cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), ".jpg")
