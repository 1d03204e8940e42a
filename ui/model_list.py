"""The list of models with their cards: accuracy, size, speed and available actions."""

import time

import numpy as np
import streamlit as st

from digit_core.models import store as model_store
from digit_core.models.store import ModelError, StoredModel
from digit_core.runs import wording as run_wording
from ui import components, model_choice, model_export, resources, state, visitor

TIMED = 30  # digits


def table(models: list[StoredModel]) -> None:
    """Show a comparison table of the models."""
    rows = [
        {
            "Model": model_choice.called(model.name),
            "Read right": 100 * model.card["metrics"]["test_accuracy"],
            "Parameters": model.card["parameters"] or None,
            "LiteRT, MB": model.card["files"]["model.tflite"]["bytes"] / 1e6,
            "A digit here, ms": _milliseconds(model),
            "Trained": model.card["created"][:10],
        }
        for model in models
    ]
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height="content",
        column_config={
            "Read right": st.column_config.NumberColumn(format="%.2f%%", help="Measured once on its own test digits"),
            "Parameters": st.column_config.NumberColumn(format="localized"),
            "LiteRT, MB": st.column_config.NumberColumn(format="%.2f"),
            "A digit here, ms": st.column_config.NumberColumn(
                format="%.2f", help="Measured on this server, one thread"
            ),
        },
    )


def card(model: StoredModel) -> None:
    """Show one model with its actions."""
    chosen = (state.get("model") or model_store.default_name()) == model.name
    with st.container(border=True, key=f"model_{model.name}"):
        st.markdown(f"##### {components.plain(model_choice.called(model.name))}")
        st.caption(_summary(model))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if st.button(
                "In use" if chosen else "Use this model",
                key=f"read_with_{model.name}",
                icon=":material/draw:",
                disabled=chosen,
            ):
                model_choice.use(None if model.is_default else model.name)
                st.switch_page("pages/predict.py")
            _host_choice(model)
            parameters = {"model": model.name}
            st.page_link("pages/evaluate.py", label="Evaluate", icon=":material/fact_check:", query_params=parameters)
            if model.has_keras:
                st.page_link("pages/inside.py", label="Look inside", icon=":material/search:", query_params=parameters)
        with st.expander(
            "Card and files", icon=":material/description:", key=f"card_{model.name}", on_change="rerun"
        ) as more:
            if more.open:
                _files(model)
                _settings(model)
                _own(model)


def _host_choice(model: StoredModel) -> None:
    """Show the button that makes this model the default, to the owner of this host only."""
    if visitor.who() is None and st.button(
        "Default for everybody" if model.is_default else "Make it the default",
        key=f"default_{model.name}",
        icon=":material/groups:",
        disabled=model.is_default,
        help="The model for everybody who has not chosen one",
    ):
        try:
            model_store.choose_default(model.name)
        except ModelError as error:
            st.error(components.plain(str(error)), icon=":material/error:")
            return
        st.rerun()


def _summary(model: StoredModel) -> str:
    """Describe the model in one line."""
    about, metrics = model.card["data"], model.card["metrics"]
    if taught := model.card.get("taught"):
        called = components.plain(model_choice.called(taught["from"]))
        measured = f"{taught['kept_apart']} it had not seen" if taught["kept_apart"] else "these"
        return (
            f"{called}, taught with {taught['corrections']} corrections: {taught['own_after']:.0%} correct on "
            f"{measured} ({taught['own_before']:.0%} before), {metrics['test_accuracy']:.2%} on its test digits."
        )
    if brought := model.card.get("brought"):
        form, data = components.plain(brought["form"]), components.plain(brought["measured_on"])
        return f"Added as a {form} file: {metrics['test_accuracy']:.2%} correct on {data}'s test digits."
    data, kind = components.plain(run_wording.data_set(about["name"])), model.card["settings"]["architecture"]
    network = run_wording.NETWORKS.get(kind) or components.plain(kind)
    return (
        f"{metrics['test_accuracy']:.2%} correct on its test digits. {network}, "
        f"{model.card['parameters']:,} parameters, trained on {data}."
    )


def _files(model: StoredModel) -> None:
    """Show the download buttons for existing files and for exports."""
    with st.container(horizontal=True, gap="small"):
        for file, label, name in (
            (model.litert_file, "LiteRT", f"{model.name}.tflite"),
            (model.folder / "model.keras", "Keras", f"{model.name}.keras"),
        ):
            if label == "Keras" and not model.has_keras:
                continue
            components.download(label, file, name, f"get_{label}_{model.name}")
    if visitor.who() is None and model.has_keras:  # an export uses a CPU core for several seconds
        busy = any(model_export.is_running(model, form) for form in model_export.FORMATS)
        st.fragment(run_every=1 if busy else None)(_exports)(model, busy)


def _exports(model: StoredModel, was_busy: bool) -> None:
    """Show the other formats: an export button, its progress, then a download."""
    busy = any(model_export.is_running(model, form) for form in model_export.FORMATS)
    if busy != was_busy:
        st.rerun()
    with st.container(horizontal=True, gap="small"):
        for form in model_export.formats():
            called, ending = model_export.FORMATS[form]
            file, key = model_export.file_of(model, form), f"export_{form}_{model.name}"
            if file.is_file():
                components.download(called, file, f"{model.name}{ending}", key)
            elif model_export.is_running(model, form):
                done, step = model_export.progress()
                st.progress(done, text=f"{called}: {step}")
            elif st.button(f"Export {called}", key=key, icon=":material/upload_file:", disabled=model_export.is_busy()):
                model_export.start(model, form)
                st.rerun()
            if model_export.has_failed(model, form):
                st.caption(f"{called} could not be written. The server's log says why.")


def _settings(model: StoredModel) -> None:
    """Show the training settings and the sources of the data."""
    settings = {name: value for name, value in model.card["settings"].items() if value not in ("", None)}
    rows = [{"Setting": name.replace("_", " "), "Value": str(value)} for name, value in settings.items()]
    st.dataframe(rows, hide_index=True, width="stretch", height=250)
    if sources := model.card["data"].get("sources"):
        st.caption("Data: " + components.plain("; ".join(map(str, sources))))


def _own(model: StoredModel) -> None:
    """Let the host's owner rename or delete a model that is not shipped."""
    if model.is_shipped or visitor.who() is not None:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.text_input("Name", model.name, key=f"name_{model.name}", width=260, max_chars=64)
        if st.button("Rename", key=f"rename_{model.name}", icon=":material/edit:", disabled=name == model.name):
            _change(model, lambda: model_store.rename(model, name).name)
        with st.popover("Delete", icon=":material/delete:", key=f"delete_{model.name}"):
            st.markdown("Delete this model? This cannot be undone.")
            if st.button("Yes, delete it", key=f"delete_yes_{model.name}", type="primary"):
                _change(model, lambda: model_store.delete(model))


def _change(model: StoredModel, change) -> None:
    """Rename or delete a model, and update the visitor's choice of model."""
    try:
        became = change()
    except ModelError as error:
        st.error(components.plain(str(error)), icon=":material/error:")
        return
    if state.get("model") == model.name:
        model_choice.use(became)
    st.rerun()


def _milliseconds(model: StoredModel) -> float | None:
    """Return the inference time per digit on this server in milliseconds; None if the model cannot be loaded."""
    try:
        return _timed(model.name, model.card["files"]["model.tflite"]["sha256"])
    except (ModelError, RuntimeError, ValueError):  # the latter two are LiteRT's
        return None


@st.cache_resource(show_spinner=False, max_entries=50)
def _timed(name: str, file: str) -> float:
    recognizer = resources.load(None if name == model_store.default_name() else name)
    digit, times = np.zeros((1, 28, 28), np.uint8), []
    for _ in range(TIMED):
        began = time.perf_counter()
        recognizer.classify(digit)
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))
