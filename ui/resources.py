"""The only caches round the core: what all visitors share."""

import logging

import streamlit as st

from digit_core import Recognizer
from digit_core.model_store import ModelError

log = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def _load(name: str | None) -> Recognizer:
    return Recognizer.load(name)


def recognizer(name: str | None = None) -> Recognizer:
    """The recognizer of that name, the default one for None; loaded once, safe to share.

    Where it cannot be loaded, the visitor is told so and the run ends here.
    """
    try:
        return _load(name)
    except ModelError as error:
        log.exception("The recognizer cannot be loaded")
        st.error(f"{error} Nothing can be read until that is mended.", icon=":material/error:")
        st.stop()
