"""The tabs of the Predict page: a click on one is never lost."""

import streamlit as st

from ui import turns

KEY = "input"  # of the tabs
FIRST = "Draw"


def rerun_if_changed(name: str, was_open: bool = True) -> None:
    """Rerun the page if a tab was opened or closed with the message that reruns only this fragment.

    Streamlit's frontend may merge a click on a tab into what a fragment's component sends at the same moment. Call this
    after the component's message has been stored.
    """
    if (st.session_state.get(KEY, FIRST) == name) != was_open:
        turns.forget()
        st.rerun()
