"""The only caches round the core: what all visitors share."""

import streamlit as st

from digit_core import Recognizer


@st.cache_resource(show_spinner=False)
def recognizer(name: str | None = None) -> Recognizer:
    """The recognizer of that name, the default one for None; loaded once, safe to share."""
    return Recognizer.load(name)
