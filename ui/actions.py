"""Client-side actions on the Predict page: copy an answer, share a drawing, save a card of both, paste a picture,
select the clicked mark.

An invisible component; see `actions.js`.
"""

import streamlit as st

from ui import scripts

_component = st.components.v2.component("inkling_actions", html="<div></div>", js=scripts.text("actions.js"))


def listen() -> None:
    """Mount the component, once per page."""
    _component(key="actions")
