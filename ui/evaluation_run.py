"""Choice of model and digits on the Evaluate page, and the evaluation with a progress bar and Cancel button."""

import logging
from collections.abc import Callable

import streamlit as st

from digit_core.data import datasets, mnist
from digit_core.data.datasets import DatasetError, Split
from digit_core.models import store as model_store
from digit_core.models.store import ModelError
from digit_core.runs import wording as run_wording
from ui import address, components, model_choice, resources, state
from ui.evaluation_view import Subject

log = logging.getLogger(__name__)

MOST_COMPARED = 4


def choose() -> tuple[str, str]:
    """Return the selected model and data set, initially those in the URL."""
    models = [model.name for model in model_choice.known()]
    data = list(datasets.at_hand())
    asked = st.query_params.get("model")
    if asked and asked not in models:
        st.session_state["evaluate_notice"] = f"The model {components.plain(asked)} is no longer there."
    if notice := st.session_state.get("evaluate_notice"):  # the page removes it after a complete run
        st.warning(notice, icon=":material/delete:")
    wanted = asked if asked in models else state.get("model")
    if address.went_back("model", address.LAG) and asked in models:
        st.session_state["evaluated_model"] = asked
    if address.went_back("data", address.LAG) and address.get("data", data):
        st.session_state["evaluated_data"] = address.get("data", data)
    left, right = st.columns(2, gap="medium")
    model = left.selectbox(
        "Model",
        models,
        models.index(wanted) if wanted in models else 0,
        format_func=model_choice.called,
        key="evaluated_model",
    )
    default = address.get("data", data) or data[0]
    chosen = right.selectbox(
        "Test digits",
        data,
        data.index(default),
        format_func=lambda name: run_wording.DATA.get(name, name),
        key="evaluated_data",
    )
    if (model, chosen) != (asked, st.query_params.get("data")):
        changed = asked in models or st.query_params.get("data") in data
        if changed and (model != (asked or model) or chosen != default):
            address.put(cell=None, digit=None, page=None)
        address.put(model=model, data=chosen)
    return model, chosen


def digits(model: str, data: str) -> Split:
    """Load the test digits. If that fails, show an error and stop the run."""
    if data == "mnist" and not mnist.is_at_hand() and not st.session_state.get("mnist_asked"):
        _offer_mnist(model)
    try:
        with st.spinner("Loading the digits ..."):
            return resources.test_digits(datasets.at_hand()[data], model)
    except DatasetError as error:
        log.warning("Test digits cannot be had: %s", error)
        if data != "mnist":
            st.error(components.plain(str(error).replace(datasets.at_hand()[data], data)), icon=":material/error:")
            st.stop()
        st.session_state["mnist_asked"] = False
        st.warning("MNIST could not be downloaded. Are you online?")
        _offer_mnist(model)


def _offer_mnist(model: str) -> None:
    """Offer to download MNIST, show the model card's results, and stop the run."""
    try:
        card = model_store.find(model).card
        data = run_wording.data_set(card.get("brought", {}).get("measured_on", card["data"]["name"]))
        st.info(
            f"MNIST is not on this machine. When {components.plain(model_choice.called(model))} was made, it read "
            f"**{card['metrics']['test_accuracy']:.2%}** of {components.plain(data)}'s test digits right (log loss "
            f"{card['metrics']['test_loss']:.4f}). To look closer, download MNIST, or choose the built-in set above."
        )
    except ModelError as error:
        st.error(components.plain(str(error)))
    if st.button("Download MNIST, 11 MB", icon=":material/download:", key="fetch_mnist"):
        st.session_state["mnist_asked"] = True
        st.rerun()
    st.stop()


def subject(model: str, data: str, test: Split) -> Subject:
    """Evaluate the model on the digits, with a progress bar and Cancel button if needed."""
    key = (model, test.digest())
    try:
        needed = not resources.is_assessed(model, test)
        if needed and st.session_state.get("cancelled") == key:
            _offer_again()
        result = with_bar(
            f"{model_choice.called(model)} reads {len(test):,} digits",
            lambda tell: resources.assessed(model, test, tell),
            needed,
            cancelled=lambda: st.session_state.update(cancelled=key),
        )
    except ModelError as error:  # deleted, or damaged, while it was looked at
        log.warning("A model cannot be evaluated", exc_info=True)
        st.error(components.plain(str(error)), icon=":material/error:")
        st.stop()
    return Subject(model, data, test, result)


def _offer_again() -> None:
    """Offer a restart, and stop the run."""
    st.info("Cancelled.")
    if st.button("Run evaluation", key="evaluate_again", icon=":material/play_arrow:"):
        st.session_state["cancelled"] = None
        st.rerun()
    st.stop()


def with_bar(label: str, work: Callable, needed: bool, cancelled: Callable[[], None]):
    """Run the work, with a progress bar and Cancel button if needed."""
    if not needed:
        return work(lambda share: None)
    shown, place = components.plain(label), st.empty()
    with place.container():
        bar = st.progress(0.0, f"{shown} ...")
        st.button("Cancel", key=f"evaluate_cancel_{label}", icon=":material/close:", on_click=cancelled)
    result = work(lambda share: bar.progress(share, f"{shown}: {share:.0%}"))
    place.empty()
    return result


def others(first: Subject) -> list[Subject]:
    """Evaluate the models to compare with, kept in the URL."""
    names = [model.name for model in model_choice.known() if model.name != first.model]
    if not names:
        st.info("There is only one model. Train another on the Train page, and compare it here.")
        return []
    wanted = dict.fromkeys(st.query_params.get("with", "").split(","))  # each once
    asked = [name for name in wanted if name in names][:MOST_COMPARED]
    chosen = st.multiselect("Compare with", names, asked or names[:1], format_func=model_choice.called, key="compared",
                            max_selections=MOST_COMPARED)  # fmt: skip
    address.put(**{"with": ",".join(chosen) or None})
    if not chosen:
        st.info("Choose a model to compare with.")
    return [subject(name, first.data, first.digits) for name in chosen]
