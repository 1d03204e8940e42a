"""The model that a visitor uses, kept in the session and in the URL so that it can be shared."""

import logging

import numpy as np
import streamlit as st

from digit_core.models import store as model_store
from digit_core.models.store import ModelError, StoredModel
from ui import components, resources, state, visitor

log = logging.getLogger(__name__)


NAMES = {
    "inkling": "Inkling",
    "inkling-mnist": "Inkling, trained on MNIST only",
    "lenet5": "LeNet-5",
    "resnet": "Small ResNet",
    "simple_cnn": "Simple CNN",
}


def use(name: str | None) -> None:
    """Use this model from now on; None selects the default."""
    state.put("model", name)


def called(name: str) -> str:
    """Return a model's display name; for a user's own model, the name of its training run."""
    if name in NAMES:
        return NAMES[name]
    try:
        return model_store.find(name).title or name
    except ModelError:
        return name


def known() -> list[StoredModel]:
    """Return the models that this visitor may choose, the default first. On a public host this leaves out other
    visitors' models, unless a link names one."""
    who, asked = visitor.who(), (state.get("model"), st.query_params.get("model"))
    found = model_store.list_models()
    return found if who is None else [m for m in found if m.owner in ("", who) or m.name in asked]


def others(picture: np.ndarray) -> None:
    """Show every model's reading of a drawing in a collapsed section, with buttons to switch."""
    folded = st.expander("What other models say", icon=":material/groups:", key="others", on_change="rerun")
    if not folded.open:
        return
    chosen = state.get("model") or model_store.default_name()
    with folded:
        for model in known():
            try:
                reading = resources.read_drawing(picture, resources.load(None if model.is_default else model.name))
            except ModelError as error:
                log.info("A model cannot be compared: %s", error)
                continue
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{components.plain(reading.text)}**", width=90)
                accuracy = model.card["metrics"]["test_accuracy"]
                st.caption(
                    f"{components.plain(called(model.name))}, {accuracy:.2%} correct on test digits", width="stretch"
                )
                st.button(
                    "In use" if model.name == chosen else "Use this model",
                    key=f"use_{model.name}",
                    disabled=model.name == chosen,
                    on_click=use,
                    args=(None if model.is_default else model.name,),
                    type="tertiary",
                )


def show() -> None:
    """Show which model is in use if it is not the default, with a button to switch back."""
    asked = st.query_params.get("model")
    if asked and asked != state.get("model") and not state.get("model_asked"):
        use(asked)
    state.put("model_asked", True)
    name = state.get("model")
    if name is None:
        st.query_params.pop("model", None)
        return
    try:
        model = model_store.find(name)
    except ModelError as error:
        log.info("The model in the URL is not available: %s", error)
        st.warning(f"There is no model called {components.plain(name)} here. The default model is used instead.")
        use(None)
        return
    st.query_params["model"] = name
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        accuracy = model.card["metrics"]["test_accuracy"]
        st.caption(
            f"You are using **{components.plain(called(model.name))}** ({accuracy:.2%} correct on its test digits).",
            width="content",
        )
        if st.button("Back to the default model", key="model_default", type="tertiary", icon=":material/undo:"):
            use(None)
            st.rerun()
