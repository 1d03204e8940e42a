"""Comparison of two or more models on the same digits."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from digit_core.evaluation import metrics
from ui import components
from ui.evaluation_view import Subject

MOST_SHOWN = 24


def show(subjects: Sequence[Subject]) -> None:
    """Show a table, then compare each model with the first."""
    st.dataframe(
        [
            {
                "Model": s.model_name,
                "Read right": s.result.accuracy,
                "Misread": s.result.errors,
                "Log loss": s.result.log_loss,
                "Confidence off by": s.result.calibration_error,
            }
            for s in subjects
        ],
        hide_index=True,
        width="stretch",
        column_config={
            "Read right": st.column_config.NumberColumn(format="percent"),
            "Log loss": st.column_config.NumberColumn(format="%.4f"),
            "Confidence off by": st.column_config.NumberColumn(format="percent"),
        },
    )
    for other in subjects[1:]:
        _against(subjects[0], other)


def _against(first: Subject, second: Subject) -> None:
    found = metrics.compare(first.result, second.result)
    a, b = components.plain(first.model_name), components.plain(second.model_name)
    st.subheader(f"{a} and {b}", anchor=False)
    st.markdown(
        f"{a} alone is right on **{len(found.only_first)}** digits, {b} alone on **{len(found.only_second)}**; "
        f"both are wrong on {len(found.both_wrong)}. {verdict(found, first.model_name, second.model_name)}"
    )
    st.caption(f"Below each digit: its label, then the answers of {a} | {b}.")
    for title, places, key in (
        (f"Only {a} is right", found.only_first, "first"),
        (f"Only {b} is right", found.only_second, "second"),
    ):
        if len(places):
            _digits(title, places, first, second, f"{key}_{second.model}")


def verdict(found: metrics.Comparison, first: str, second: str) -> str:
    """State the result of McNemar's test."""
    said = f"p = {found.p_value:.3f}" if found.p_value >= 0.001 else "p < 0.001"
    if len(found.only_first) == len(found.only_second):
        return "On these digits they are equally good (McNemar's exact test, p = 1)."
    if found.p_value >= 0.05:
        return f"A difference this small could easily be chance (McNemar's exact test, {said})."
    better = first if len(found.only_first) > len(found.only_second) else second
    return f"{components.plain(better)} is better, and this is unlikely to be chance (McNemar's exact test, {said})."


def _digits(title: str, places: np.ndarray, first: Subject, second: Subject, key: str) -> None:
    more = f", the first {MOST_SHOWN}" if len(places) > MOST_SHOWN else ""
    st.markdown(f"**{title}: {len(places)}**{more}")
    with st.container(horizontal=True, gap="small", key=f"pixels_{key}"):
        for place in places[:MOST_SHOWN]:
            true = int(first.result.labels[place])
            reads = int(first.result.predictions[place]), int(second.result.predictions[place])
            with st.container(width=92, gap=None):
                st.image(
                    components.enlarged(first.digits.images[place]),
                    width="stretch",
                    alt=f"A {true}: {first.model_name} reads {reads[0]}, {second.model_name} reads {reads[1]}",
                )
                st.caption(f"{true}: {reads[0]} | {reads[1]}")
