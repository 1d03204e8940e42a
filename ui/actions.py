"""What the browser does by itself on the Predict page: copy an answer, share a drawing, save a card of both; paste a
picture; look at the mark that is clicked.

A component without a picture of its own; `actions.js` says how.
"""

import streamlit as st

from ui import scripts

_component = st.components.v2.component("inkling_actions", html="<div></div>", js=scripts.text("actions.js"))


def listen() -> None:
    """Mount the component; once a page."""
    _component(key="actions")
