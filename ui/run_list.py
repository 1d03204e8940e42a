"""All training runs: a table, overlaid curves of selected runs, and the actions for one run."""

from collections.abc import Sequence

import streamlit as st

from digit_core import charts
from digit_core.runs import store as runs
from digit_core.runs import wording as run_wording
from digit_core.runs.limits import limits
from digit_core.runs.store import Run
from digit_core.training_charts import run_curves, training_curves
from ui import components, resources, run_view, visitor

EVERY = 5.0  # seconds between looks at the runs while one trains


def show() -> None:
    """Show the runs, newest first, and compare the selected ones."""
    known = runs.list_runs()
    running = {run.id for run in known if run.is_running}
    if st.session_state.get("running") not in (None, running):  # one has started or ended: update the whole page
        st.rerun()
    if not known:
        return
    st.subheader("All runs", anchor=False)
    st.caption("Choose one to rename, star or delete it; choose several to compare their curves.")
    ids = [run.id for run in known]
    chosen_before = [ids.index(run_id) for run_id in st.session_state.get("chosen_runs", ()) if run_id in ids]
    table = st.dataframe(
        [_row(run) for run in known],
        hide_index=True,
        width="stretch",
        key=f"runs_{hash(tuple(ids))}",  # the selection is by row number: reset it when the runs change
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": chosen_before}},
        placeholder="",
        column_config={
            "Best validation": st.column_config.NumberColumn(format="percent"),
            "Test": st.column_config.NumberColumn(format="percent"),
        },
    )
    chosen = [known[place] for place in table.selection.rows if place < len(known)]
    st.session_state["chosen_runs"] = [run.id for run in chosen]
    if len(chosen) == 1:
        _one(chosen[0])
    elif chosen:
        most = len(charts.PALETTE) // 2
        if len(chosen) > most:
            st.caption(f"Only the first {most} are compared.")
        _compare(chosen[:most])


def _title(run: Run) -> str:
    return run_wording.title(run, visitor.zone())


def _row(run: Run) -> dict:
    status = run.status
    return {
        "★": "★" if run.starred else "",
        "Run": _title(run),
        "State": run.state,
        "Best validation": status.get("best_validation_accuracy"),
        "Test": (run.result or {}).get("test"),
        "Epochs": f"{status.get('epoch', 0)} of {run.settings.epochs}",
        "Took": run_wording.duration(status["seconds"]) if status.get("seconds") else "",
        "Network": run_wording.NETWORKS[run.settings.architecture],
        "Digits": run_wording.data(run.settings),
        "Settings": run_wording.settings(run.settings),
    }


def _one(run: Run) -> None:
    if st.button("Open", key=f"open_{run.id}", icon=":material/visibility:"):
        st.query_params["run"] = run.id
        st.rerun()
    if not limits().training or not visitor.may_change(run):
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        title = st.text_input("Name", run.title, max_chars=runs.LONGEST_TITLE, key=f"title_{run.id}", width=280)
        if st.button("Rename", key=f"rename_{run.id}") and title.strip() != run.title:
            _do(lambda: runs.rename(run, title, visitor.who()))
        if st.button("Unstar" if run.starred else "Star", key=f"star_{run.id}", icon=":material/star:",
                     help="Starred runs are never removed automatically"):  # fmt: skip
            _do(lambda: runs.star(run, not run.starred, visitor.who()))
        _delete(run)


def _delete(run: Run) -> None:
    """Show the delete button, which asks for confirmation."""
    if run.is_running:
        return
    with st.popover("Delete", icon=":material/delete:", key=f"delete_{run.id}"):
        st.write(f"Delete **{components.plain(_title(run))}** with its curves and its model?")
        if st.button("Yes, delete it", key=f"really_{run.id}", type="primary"):
            if st.query_params.get("run") == run.id:
                del st.query_params["run"]
            _do(lambda: runs.delete(run, visitor.who()))


def _do(action) -> None:
    if run_view.attempt(action):
        st.rerun()


def _compare(chosen: Sequence[Run]) -> None:
    """The curves of several runs, each in its colours."""
    stories = [resources.story(run.folder).update() for run in chosen]
    epochs = max(run.settings.epochs for run in chosen)
    for place, quantity in zip(st.columns(2, gap="medium"), ("loss", "accuracy"), strict=True):
        curves = [
            curve
            for number, (run, story) in enumerate(zip(chosen, stories, strict=True))
            for curve in run_curves(story.curve(), story.epochs, quantity, number, _title(run))
        ]
        said = "; ".join(
            f"{_title(run)}: {run_wording.curve(story.epochs, quantity)}"
            for run, story in zip(chosen, stories, strict=True)
        )
        place.plotly_chart(
            training_curves(curves, quantity, "compared", epochs),
            key=f"compared_{quantity}",
            config={"displayModeBar": False},
            alt=said,
        )
