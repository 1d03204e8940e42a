"""Train page: start a training run and follow its progress."""

import streamlit as st

from digit_core.runs import store as runs
from digit_core.runs import wording as run_wording
from digit_core.runs.limits import limits
from digit_core.runs.store import Run, RunError
from ui import components, frame, run_list, run_view, teaching, training_form, visitor

frame.require()

st.html('<h1 class="ink-title">Train <span>a network, and watch it learn to read.</span></h1>')
st.html(run_view.STYLE)


def asked_for() -> Run | None:
    """Return the URL's run, if any."""
    run_id = st.query_params.get("run")
    if not run_id:
        return None
    try:
        return runs.find(run_id)
    except RunError as error:
        st.warning(components.plain(str(error)))
        return None


allowed = limits()
if not allowed.training:
    st.info(
        "Training is switched off on this server. To train a network, run Inkling on your own computer.",
        icon=":material/school:",
    )
known = runs.list_runs()
running = [run for run in known if run.is_running]
run = asked_for()
if not run and running:
    run = running[0]
    st.query_params["run"] = run.id  # keep showing it after it ends
if notice := st.session_state.pop("train_notice", None):
    st.warning(notice, icon=":material/hourglass_top:")

if run:
    other = running[0] if running and run.id != running[0].id else None
    if other and st.button(f"{components.plain(run_wording.title(other, visitor.zone()))} is training: watch it"):
        st.query_params["run"] = other.id
        st.rerun()
    run_view.show(run)
if allowed.training and len(running) < allowed.at_once:
    with st.container(border=True, key="new_run"):
        st.subheader("New training", anchor=False)
        training_form.show(allowed)
elif allowed.training:
    many = "one training run" if allowed.at_once == 1 else f"{allowed.at_once} training runs"
    st.caption(f"Only {many} at a time. You can start another when one finishes.")
teaching.show()
st.session_state["running"] = {run.id for run in running}
st.fragment(run_every=run_list.EVERY if running else None)(run_list.show)()
visitor.ask_for_password()
