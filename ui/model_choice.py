"""Which model a visitor reads with: kept in the session and in the address, so that it can be shared."""

import logging

import streamlit as st

from digit_core import model_store
from digit_core.model_store import ModelError
from ui import components, state

log = logging.getLogger(__name__)


def use(name: str | None) -> None:
    """Read with that model from now on, with the default one for None."""
    state.put("model", name)
    state.put("summaries", {})  # what another model read
    state.put("opened", None)


def show() -> None:
    """Say which model reads where it is not the default one, with a way back."""
    asked = st.query_params.get("model")
    if asked and asked != state.get("model") and not state.get("model_asked"):
        use(asked)
    state.put("model_asked", True)
    name = state.get("model")
    if name is None:
        st.query_params.pop("model", None)
        return
    try:
        accuracy = model_store.find(name).card["metrics"]["test_accuracy"]
    except ModelError as error:
        log.info("A model in an address cannot be had: %s", error)
        st.warning(f"There is no model called {components.plain(name)} here. Inkling's own reads instead.")
        use(None)
        return
    st.query_params["model"] = name
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="model_in_use"):
        st.caption(f"Read by **{components.plain(name)}**, {accuracy:.2%} right on its test digits.", width="content")
        if st.button("Back to Inkling's own", key="model_default", type="tertiary", icon=":material/undo:"):
            use(None)
            st.rerun()
