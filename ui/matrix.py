"""The confusion matrix on the Evaluate page. A click or tap selects a cell; `matrix.js` handles touch."""

import streamlit as st

from digit_core import charts
from digit_core.evaluation.metrics import Evaluation
from ui import address, scripts

_taps = st.components.v2.component("inkling_matrix", html="<div></div>", js=scripts.alone("matrix.js"))


def show(result: Evaluation) -> tuple[int, int] | None:
    """Show the matrix and return the selected cell (true digit, predicted digit). A second click deselects it."""
    cell = address.cell()
    chart = st.container(key="confusion")
    with st.container(horizontal=True, gap="medium"):
        shares = st.toggle("Row percentages", key="confusion_shares", help="Instead of counts")
        dim = st.toggle("Mistakes only", value=True, key="confusion_dim", help="Show correct answers without colour")
    with chart:
        event = st.plotly_chart(
            charts.confusion(result.confusion, dim, shares, cell),
            key=f"matrix_{st.session_state.setdefault('clicks', 0)}",
            on_select="rerun",
            selection_mode="points",
            config={"displayModeBar": False},
            alt=charts.confusion_text(result.confusion),
        )
        tapped = _tapped(_taps(key="confusion_taps", on_cell_change=lambda: None).cell)
    clicked = tuple(event.selection.points[0]["customdata"][:2]) if event.selection.points else tapped
    if clicked:
        st.session_state["clicks"] += 1  # a new chart, without the old click
        address.choose_cell(None if clicked == cell else clicked)
        st.rerun()
    return cell


def _tapped(said) -> tuple[int, int] | None:
    """Return the cell sent by the browser, or None if it is not valid."""
    is_cell = isinstance(said, list) and len(said) == 2 and all(value in range(10) for value in said)
    return (int(said[0]), int(said[1])) if is_cell else None
