"""The networks that locate digits before a model reads them: what each does, and their combined accuracy."""

import streamlit as st

from digit_core.models import page_model
from digit_core.models.store import ModelError
from ui import components

NETWORKS = {  # name in the card -> what it does, and its training examples
    "page": ("Finds every mark on a page, and how large it is", "parts of made-up pages"),
    "mark": ("Looks at each mark once more: a digit or not?", "marks on made-up pages"),
    "line": ("Reads a drawn line as a whole, where digits touch", "made-up lines"),
}


def show() -> None:
    """Show a collapsed card, or nothing if the networks cannot be loaded."""
    try:
        card = page_model.find().card
        rows, reached = [_row(card, name) for name in NETWORKS], _reached(card["validation"])
        sources = "; ".join(map(str, card["sources"] or ()))
    except (ModelError, KeyError, TypeError, ValueError):  # the Predict page reports it
        return
    with st.expander("What finds the digits", icon=":material/center_focus_strong:", key="page_networks"):
        st.markdown(
            "Before a model reads, three small networks locate the digits and filter out other marks. "
            "All models share them."
        )
        st.dataframe(rows, hide_index=True, width="stretch", height="content")
        st.markdown(reached)
        if sources:
            st.caption("Data: " + components.plain(sources))


def _row(card: dict, name: str) -> dict:
    does, examples = NETWORKS[name]
    return {
        "Network": f"{name.capitalize()} network",
        "What it does": does,
        "Parameters": f"{card[name]['parameters']:,}",
        "Trained on": f"{card[name]['examples']:,} {examples}",
        "MB": round(card["files"][f"{name}.tflite"]["bytes"] / 1e6, 2),
    }


def _reached(validation: dict) -> str:
    """What they reach on made-up validation pages and drawings, in words."""
    pages, drawings = validation["pages"], validation["drawings"]
    return (
        f"On made-up pages kept apart from training they find {pages['found']:.0%} of the digits that can be made "
        f"out, read {pages['right']:.0%} correctly, and leave out {pages['refused']:.0%} of everything else. "
        f"On made-up drawings they read {drawings['right']:.0%} of the digits and leave out "
        f"{drawings['refused']:.0%} of the other marks. Real handwriting is measured by `benchmarks/reader.py`."
    )
