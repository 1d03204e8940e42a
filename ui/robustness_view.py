"""Accuracy under increasing distortion, and the downloadable report."""

import datetime
from pathlib import Path

import streamlit as st

from digit_core import charts
from digit_core.evaluation import report, robustness
from digit_core.models.store import ModelError
from ui import components, evaluation_run, resources
from ui.evaluation_view import PLAIN, Subject


def show(subject: Subject) -> None:
    """Show the robustness curves, or a button to measure them."""
    try:
        curves = _curves(subject)
    except ModelError as error:  # deleted or damaged in the meantime
        st.error(components.plain(str(error)), icon=":material/error:")
        return
    if not curves:
        return
    st.caption(
        f"Each point uses the same {min(robustness.SAMPLE, subject.result.digits):,} digits, not straightened first. "
        "The thin lines are 95 % confidence intervals."
    )
    places = st.columns(3, gap="medium")
    grown = [curve for curve in curves if len(curve.amounts) > 1]
    for number, curve in enumerate(grown):
        said = ", ".join(f"{a:g}: {s:.0%}" for a, s in zip(curve.amounts, curve.accuracies, strict=True))
        place = places[number % 3]
        place.plotly_chart(
            charts.robustness(curve, subject.model_name, curve.name.capitalize()),
            key=f"robustness_{curve.name}",
            config=PLAIN,
            alt=f"Accuracy under {curve.name}, {curve.unit}. {said}",
        )
        with place.container(key=f"pixels_{curve.name}"):
            strip = components.sprite([robustness.examples(curve.name, subject.digits)])
            st.image(strip, width="stretch", alt=f"A digit under growing {curve.name}")
    single = [curve for curve in curves if len(curve.amounts) == 1]
    if single:
        st.caption(f"MNIST-C: MNIST's own test digits, {robustness.SAMPLE:,} of each corruption.")
        st.dataframe(
            [{"Corruption": curve.name, "Read right": curve.accuracies[0]} for curve in single],
            hide_index=True,
            column_config={"Read right": st.column_config.NumberColumn(format="percent")},
        )


def _curves(subject: Subject) -> list[robustness.Curve]:
    """Return the cached curves, or measure them if the visitor asks for it."""
    kept = resources.is_robustness_measured(subject.model, subject.digits)
    if not kept and not st.session_state.get("robustness_asked"):
        st.write(
            "How much can digits be rotated, shifted or degraded before the model misreads them? "
            "Measuring takes about half a minute."
        )
        if not st.button("Measure", key="measure_robustness", type="primary", icon=":material/play_arrow:"):
            return []
        st.session_state["robustness_asked"] = True
    curves = evaluation_run.with_bar(
        f"{subject.model_name} reads distorted digits",
        lambda tell: resources.robustness_of(subject.model, subject.digits, tell),
        needed=not kept,
        cancelled=lambda: st.session_state.update(robustness_asked=False),
    )
    if not kept:
        st.session_state["robustness_asked"] = False
        st.rerun()
    return curves


def offer_report(subject: Subject) -> None:
    """Make the HTML report on request, and show its download button."""
    st.write("One HTML file with everything on this page: numbers, charts, misread digits. It opens offline.")
    kept = resources.is_robustness_measured(subject.model, subject.digits)
    if not kept:
        st.caption("Robustness has not been measured yet, so the report lacks it. You can measure it under Robustness.")
    # made before the click: Streamlit drops content made on click after two runs of any session
    if not st.button("Prepare the report", key="report_prepare", icon=":material/description:", type="primary"):
        return
    with st.spinner("Writing the report ..."):
        curves = resources.robustness_of(subject.model, subject.digits, lambda share: None) if kept else []
        page = report.build(subject.model_name, subject.data_name, subject.digits, subject.result, curves)
    st.download_button(
        "Download the report",
        page.encode(),
        f"evaluation-{subject.model}-{Path(subject.data).name}-{datetime.datetime.now(datetime.UTC):%Y-%m-%d}.html",
        "text/html",
        icon=":material/download:",
        type="primary",
        key="report",
        on_click="ignore",
    )
