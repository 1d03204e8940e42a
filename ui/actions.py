"""What the browser does by itself on the Predict page: copy an answer, share a drawing, save a card of both; paste a
picture; look at the mark that is clicked.

A component without a picture of its own; `actions.js` says how.
"""

from pathlib import Path

import streamlit as st

_component = st.components.v2.component(
    "inkling_actions", html="<div></div>", js=Path(__file__).with_name("actions.js").read_text(encoding="utf-8")
)


def listen() -> None:
    """Mount the component; once a page."""
    _component(key="actions")
