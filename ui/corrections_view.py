"""Review of corrections by the host's owner; those that the model contradicts most come first."""

import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import streamlit as st

from ui import components, feedback, label_errors_view, model_choice, resources, visitor

PAGE = 24  # corrections a page
WHICH = {"held": "Needs review", "wrong": "Misread", "all": "All"}
IMPORT_TYPES = ["npz", "csv", "gz", "jsonl", "zip"]


def show() -> None:
    """Show the corrections in an expander, to the owner of this host only."""
    if not visitor.is_owner():
        return
    folded = st.expander("Corrections", icon=":material/rate_review:", key="corrections", on_change="rerun")
    if not folded.open:
        return
    from digit_core.feedback.database import FeedbackError  # loads the database's library

    with folded:
        try:
            _all()
        except FeedbackError as error:
            st.error(components.plain(str(error)), icon=":material/error:")


def _all() -> None:
    from digit_core.feedback import corrections
    from digit_core.feedback.database import is_there

    if notice := st.session_state.pop("corrections_notice", None):
        st.caption(components.plain(notice))
    number = corrections.number() if is_there() else 0
    if number:
        _agreement()
        _browse()
        _downloads(number)
    elif feedback.is_allowed():
        st.markdown('No corrections yet. They come from "Right?" under each answer.')
    else:
        st.markdown("No corrections. This server does not ask for any.")
    _import()
    label_errors_view.show()


def _agreement() -> None:
    """How often people agreed, by model and by digit."""
    from digit_core.feedback import corrections
    from digit_core.feedback.corrections import NO_DIGIT, TWO_DIGITS

    rows, models = corrections.agreement(), {}
    names = {NO_DIGIT: "no digit", TWO_DIGITS: "two digits"}
    for row in rows:
        told = models.setdefault(row["model"], {"Model": model_choice.called(row["model"])})
        told[str(names.get(row["truth"], row["truth"]))] = f"{row['agreed']} of {row['count']}"
    st.markdown("How often people agreed with the answer, by the true digit:")
    columns = [*map(str, range(10)), *names.values()]
    table = [{"Model": told["Model"], **{c: told.get(c, "") for c in columns}} for told in models.values()]
    st.dataframe(table, hide_index=True, width="stretch", height="content")


def _browse() -> None:
    from digit_core.feedback import corrections

    waiting = corrections.number(held=True)
    which = st.segmented_control(
        "Which corrections", list(WHICH), default="held" if waiting else "all", required=True, key="corrections_which",
        format_func=lambda name: f"{WHICH[name]} ({waiting})" if name == "held" else WHICH[name],
        label_visibility="collapsed",
    )  # fmt: skip
    only = {"held": {"held": True}, "wrong": {"wrong": True}, "all": {}}[which]
    count = corrections.number(**only)
    if not count:
        st.caption("There are none.")
        return
    pages = -(-count // PAGE)
    page = st.number_input("Page", 1, pages, key=f"corrections_page_{which}") if pages > 1 else 1
    found = corrections.listed((page - 1) * PAGE, PAGE, **only)
    with st.container(horizontal=True, gap="small", key="corrections_shown"):
        for correction in found:
            _tile(correction)
    _mend(found)


def _tile(correction) -> None:
    """Show one mark: its picture, the model's answer, and people's label."""
    with st.container(width=92, gap="xxsmall"):
        st.image(
            correction.picture or components.enlarged(correction.image), width=88,
            alt=f"Read as {_named(correction.value)}, said to be {_named(correction.truth)}",
        )  # fmt: skip
        said = _named(correction.truth)
        label = f"{_named(correction.value)} → {said}" if not correction.agrees else said
        st.checkbox(label, key=f"correction_{correction.id}")


def _mend(found: Sequence) -> None:
    """Show actions for the selected corrections, or for all similar ones."""
    chosen = [c for c in found if st.session_state.get(f"correction_{c.id}")]
    kinds = {(c.value, c.truth) for c in chosen}
    if not chosen:
        st.caption("Select some to fix them.")
        return
    from digit_core.feedback import corrections

    alike = corrections.alike(kinds)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        st.markdown(f"{len(chosen)} selected", width="content")
        truths = {c.id: c.truth for c in chosen}
        if len(alike) > len(chosen):
            everyone = st.toggle(f"All {len(alike):,} similar", key="corrections_alike")
            truths = alike if everyone else truths
    ids = list(truths)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        st.button("The labels are right", key="corrections_approve", icon=":material/check:", on_click=_do,
                  args=(corrections.approve, truths))  # fmt: skip
        truth = st.selectbox("Correct label", list(feedback.CHOICES), format_func=feedback.CHOICES.get, index=None,
                             key="corrections_truth", width=150, placeholder="Choose")  # fmt: skip
        st.button("Change", key="corrections_change", icon=":material/edit:", disabled=truth is None, on_click=_do,
                  args=(corrections.change, ids, truth))  # fmt: skip
        if len(ids) == len(chosen):
            st.button("Delete", key="corrections_delete", icon=":material/delete:", on_click=_do,
                      args=(corrections.remove, ids))  # fmt: skip
            return
        with st.popover(f"Delete {len(ids):,}", icon=":material/delete:", key="corrections_delete_many"):
            st.markdown("Delete them all? This cannot be undone.")
            st.button("Yes, delete them", key="corrections_delete", type="primary", on_click=_do,
                      args=(corrections.remove, ids))  # fmt: skip


def _do(change: Callable, ids: Collection[str], *arguments) -> None:
    """Change corrections, and end the selection: what is similar to it is something else then."""
    from digit_core.feedback.database import FeedbackError

    try:
        change(ids, *arguments)
    except FeedbackError as error:
        st.session_state["corrections_notice"] = str(error)
        return
    for key in list(st.session_state):
        if str(key).startswith("correction_") or key == "corrections_alike":
            st.session_state[key] = False


def _downloads(number: int) -> None:
    from digit_core.feedback import exchange

    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(f"{number:,} corrections", width="content")
        # made before the click: Streamlit drops content made on click after two runs of any session
        if not st.button("Prepare a download", key="corrections_prepare", icon=":material/folder_zip:"):
            return
        for label, make, name in (
            ("Pictures and a table", exchange.to_zip, "corrections.zip"),
            ("Arrays", exchange.to_npz, "corrections.npz"),
        ):
            st.download_button(label, make(), name, key=f"get_{name}", icon=":material/download:", on_click="ignore")


def _import() -> None:
    from digit_core.feedback import exchange
    from digit_core.feedback.database import FeedbackError

    file = st.file_uploader(
        "Add digits from a file: a zip of folders named 0 to 9, NPZ, CSV or pen strokes", IMPORT_TYPES,
        key="corrections_import",
    )  # fmt: skip
    if file is None or not st.button("Add them", key="corrections_add", icon=":material/upload:"):
        return
    suffix = next((end for end in ("csv.gz", "jsonl.gz", *IMPORT_TYPES) if file.name.lower().endswith(end)), "npz")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"own.{suffix}"
        path.write_bytes(file.getvalue())
        try:
            new = exchange.from_file(path, resources.default_recognizer().classify)
        except FeedbackError as error:
            st.error(components.plain(str(error)), icon=":material/error:")
            return
    st.session_state["corrections_notice"] = f"{new:,} digits were added." if new else "These were already saved."
    st.rerun()


def _named(value: int) -> str:
    return feedback.CHOICES[value]
