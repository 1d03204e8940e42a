"""Evaluate page: accuracy, mistakes, calibration and robustness of a model."""

import streamlit as st

from ui import address, comparison_view, evaluation_run, evaluation_view, frame, robustness_view

frame.require()

st.html('<h1 class="ink-title">Evaluate <span>where a model is right or wrong, and how far to trust it.</span></h1>')

model, data = evaluation_run.choose()
digits = evaluation_run.digits(model, data)
subject = evaluation_run.subject(model, data, digits)
evaluation_view.headline(subject)

if address.went_back("view", address.LAG):
    st.session_state["view"] = address.get("view", address.VIEWS) or "mistakes"
view = st.segmented_control(
    "View",
    list(address.VIEWS),
    format_func=address.VIEWS.get,
    default=address.get("view", address.VIEWS) or "mistakes",
    required=True,
    key="view",
    label_visibility="collapsed",
)
address.put(view=None if view == "mistakes" else view)
if view == "mistakes":
    evaluation_view.mistakes(subject)
elif view == "digits":
    evaluation_view.per_digit(subject)
elif view == "confidence":
    evaluation_view.confidence(subject)
elif view == "robustness":
    robustness_view.show(subject)
elif view == "compare":
    if others := evaluation_run.others(subject):
        comparison_view.show([subject, *others])
elif view == "report":
    robustness_view.offer_report(subject)
st.session_state.pop("evaluate_notice", None)
