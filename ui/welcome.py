"""What the first page shows while nothing is drawn: what it can do, and examples to click."""

import streamlit as st

from ui import canvas, samples

LINES = (
    ":material/verified: It says how sure it is, and when a mark is no digit at all.",
    ":material/photo_camera: Upload a photograph, or hold a number up to the camera.",
    ":material/school: Train a network yourself, and see what it misreads.",
)
WIDTH, HEIGHT = 240, 150  # pixels of an example's picture


def show() -> None:
    """Three lines, and an example each as picture and button."""
    for line in LINES:
        st.markdown(line)
    with st.container(horizontal=True, gap="small", key="examples"):
        for number, name in enumerate(samples.EXAMPLES):
            with st.container(width=112, gap="xxsmall", key=f"example_{number}"):
                st.html(f'<img class="ink-example" src="{_picture(name)}" alt="">')
                st.button(
                    name,
                    key=f"example_button_{number}",
                    width="stretch",
                    on_click=canvas.show_example,
                    args=(name,),
                )


@st.cache_data(show_spinner=False)
def _picture(name: str) -> str:
    """A small picture of an example, as a data URL."""
    return samples.picture(samples.example(name, WIDTH, HEIGHT, canvas.INK, 12), WIDTH, HEIGHT)
