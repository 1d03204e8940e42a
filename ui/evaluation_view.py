"""Views of one model's evaluation: metrics, mistakes and confidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from digit_core import charts
from digit_core.data.datasets import DISPUTED, Split
from digit_core.evaluation.metrics import Evaluation
from digit_core.runs import wording as run_wording
from ui import address, bars, components, inside_digit, matrix, model_choice

A_PAGE = 24  # digits per page
A_PAGE_BESIDE = 12  # fewer, to fit beside the matrix
PLAIN = {"displayModeBar": False}
MEANT = {
    "Recall": "Fraction of this digit's pictures that were read as it",
    "Precision": "Fraction of the pictures read as this digit that show it",
    "F1": "Harmonic mean of recall and precision",
}


@dataclass(frozen=True)
class Subject:
    """A model's evaluation on a data set. `model` and `data` are internal names."""

    model: str
    data: str
    digits: Split
    result: Evaluation

    @property
    def model_name(self) -> str:
        """Display name."""
        return model_choice.called(self.model)

    @property
    def data_name(self) -> str:
        """Display name."""
        return run_wording.DATA.get(self.data, self.data)


def headline(subject: Subject) -> None:
    """Show the main metrics with the data they refer to."""
    result = subject.result
    low, high = result.interval
    on = f"on {_measured_on(subject)}"
    numbers = [
        (
            "Read right",
            f"{result.accuracy:.2%}",
            f"On other digits of this kind, most likely {low:.2%} to {high:.2%} (95 % interval); {on}",
        ),
        ("Misread", f"{result.errors:,}", f"Of {result.digits:,} digits, {on}"),
        ("In two guesses", f"{result.top2:.2%}", f"The true digit is one of its two best guesses, {on}"),
        (
            "Log loss",
            f"{result.log_loss:.4f}",
            f"How much the true digits surprise it: 0 is perfect, guessing gives 2.3; {on}",
        ),
        (
            "Confidence off by",
            f"{result.calibration_error:.2%}",
            f"Mean gap between confidence and accuracy (calibration error); {on}",
        ),
    ]
    with st.container(horizontal=True, gap="small", key="headline"):
        for name, value, help_ in numbers:
            st.metric(name, value, help=help_, width=140)
    st.caption(f"Measured on {_measured_on(subject)}. Read right: {low:.2%} to {high:.2%} (95 % interval).")


def _measured_on(subject: Subject) -> str:
    return f"the {subject.result.digits:,} test digits of {components.plain(subject.data_name)}"


# ---- mistakes


def mistakes(subject: Subject) -> None:
    """Show the confusion matrix with the selected cell's digits, or the most common mistakes and all misread digits."""
    left, right = st.columns([6, 5], gap="large")
    with left:
        cell = matrix.show(subject.result)
    if cell:
        with right:
            _gallery(subject, cell, A_PAGE_BESIDE)
        return
    with right:
        _commonest(subject.result)
    _gallery(subject, None, A_PAGE)


def _commonest(result: Evaluation) -> None:
    st.markdown("**Most confused**")
    pairs = result.confusions()[:8]
    if not pairs:
        st.write("Nothing was misread.")
    with st.container(horizontal=True, gap="small"):
        for true, predicted, count in pairs:
            often = "once" if count == 1 else f"{count} times"
            if st.button(f"{true} read as {predicted}: {often}", key=f"pair_{true}{predicted}"):
                address.choose_cell((true, predicted))
                st.rerun()
    st.caption("Click a cell, or one of these, to see its digits.")


def _gallery(subject: Subject, cell: tuple[int, int] | None, a_page: int) -> None:
    """Show the selected digits, most confident first; a click opens one."""
    result = subject.result
    places = _filtered(result, cell)
    with st.container(key="gallery"):
        what = f"{cell[0]} read as {cell[1]}" if cell else "Misread digits, the most confident first"
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown(f"**{what}: {len(places):,}**", width="content")
            if cell and st.button("All misread", key="cell_none", icon=":material/close:", type="tertiary"):
                address.choose_cell(None)
                st.rerun()
        if not cell:
            _filters()
        if not len(places):
            _nothing(cell)
        _opened(subject, places)
        shown = address.page(len(places), a_page)
        _grid(subject, places[shown * a_page : (shown + 1) * a_page])
        _turn_pages(shown, -(-len(places) // a_page))


def _nothing(cell: tuple[int, int] | None) -> None:
    if cell:
        st.caption(f"No {cell[0]} was read as {cell[1]}.")
    elif address.filters() != (None, None, 0):
        st.caption("No misread digit matches these filters.")
        if st.button("Clear the filters", key="filters_none", icon=":material/filter_alt_off:"):
            address.choose_filters(None, None, 0)
            for key in ("f_true", "f_read", "f_sure"):
                del st.session_state[key]
            st.rerun()


def _filtered(result: Evaluation, cell: tuple[int, int] | None) -> np.ndarray:
    """Return indices of a cell's digits, or of misread digits that match the filters; most confident first."""
    if cell:
        chosen = (result.labels == cell[0]) & (result.predictions == cell[1])
    else:
        chosen = result.predictions != result.labels
        true, predicted, least = address.filters()
        chosen &= (result.labels == true) if true is not None else True
        chosen &= (result.predictions == predicted) if predicted is not None else True
        chosen &= result.confidence >= least
    places = np.flatnonzero(chosen)
    return places[np.argsort(-result.confidence[places], kind="stable")]


def _filters() -> None:
    true, predicted, least = address.filters()
    digits = [None, *range(10)]
    if any(address.went_back(name, address.LAG) for name in ("true", "read", "sure")):
        st.session_state.update(f_true=true, f_read=predicted, f_sure=round(100 * least))
    with st.container(horizontal=True, gap="medium"):
        chosen_true = st.selectbox("True digit", digits, digits.index(true), format_func=_any, width=130, key="f_true")
        chosen_read = st.selectbox(
            "Read as", digits, digits.index(predicted), format_func=_any, width=130, key="f_read"
        )
        chosen_least = st.slider("At least this sure", 0, 100, round(100 * least), 5, "%d%%", width=240, key="f_sure")
    if (chosen_true, chosen_read, chosen_least / 100) != (true, predicted, least):
        address.choose_filters(chosen_true, chosen_read, chosen_least / 100)
        st.rerun()


def _any(digit: int | None) -> str:
    return "any" if digit is None else str(digit)


def _grid(subject: Subject, places: Sequence[int]) -> None:
    result = subject.result
    with st.container(horizontal=True, gap="small", key="pixels_gallery"):
        for place in places:
            with st.container(width=92, gap=None, key=f"tile_{place}"):
                true, read = int(result.labels[place]), int(result.predictions[place])
                st.image(
                    components.enlarged(subject.digits.images[place]),
                    width="stretch",
                    alt=f"A {true} read as {read}, {result.confidence[place]:.0%} sure",
                )
                mark = " *" if _is_disputed(subject, place) else ""
                if st.button(f"{true}→{read}{mark}", key=f"digit_{place}", width="stretch",
                             help="Click to look closer."):  # fmt: skip
                    address.open_digit(int(place))
                    st.rerun()
                runner_up = int(np.argsort(-result.probabilities[place])[1])
                st.caption(f"{result.confidence[place]:.0%}, then {runner_up}")
    if any(_is_disputed(subject, place) for place in places):
        st.caption("\\* The label is disputed: at most two of five people agreed with it.")


def _is_disputed(subject: Subject, place: int) -> bool:
    return subject.data == "mnist" and int(place) in DISPUTED


def _turn_pages(shown: int, pages: int) -> None:
    if pages < 2:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button("Previous", key="page_before", icon=":material/chevron_left:", disabled=shown == 0):
            address.turn_to(shown - 1)
            st.rerun()
        st.caption(f"{shown + 1} of {pages}", width="content")
        if st.button("Next", key="page_next", icon=":material/chevron_right:", disabled=shown + 1 >= pages):
            address.turn_to(shown + 1)
            st.rerun()


def _opened(subject: Subject, places: np.ndarray) -> None:
    """Show the clicked digit and its probabilities in a dialog, visible at any scroll position."""
    place = address.opened(len(subject.digits))
    if place is not None and place in places:
        title = f"A {subject.result.labels[place]}, read as {subject.result.predictions[place]}"
        st.dialog(title, on_dismiss=lambda: address.open_digit(None))(_closer)(subject, place)


def _closer(subject: Subject, place: int) -> None:
    result = subject.result
    shares = result.probabilities[place]
    first, second = np.argsort(-shares)[:2]
    with st.container(key="opened"):
        with st.container(key="pixels_opened", horizontal_alignment="center"):
            st.image(
                components.enlarged(subject.digits.images[place]),
                width=168,
                alt=f"Digit number {place}, a {result.labels[place]}",
            )
        st.markdown(
            f"{first} with {shares[first]:.1%}, then {second} with {shares[second]:.1%}. "
            f"Number {place:,} of the test digits of {components.plain(subject.data_name)}."
        )
        if _is_disputed(subject, place):
            st.caption("The label is disputed: at most two of five people agreed with it.")
        bars.show(shares)
        inside_digit.link(subject.digits.images[place], "Why? Look inside", subject.model)
        if st.button("Close", key="opened_close", icon=":material/close:", type="tertiary"):
            address.open_digit(None)
            st.rerun()


# ---- per digit, confidence


def per_digit(subject: Subject) -> None:
    """Show a chart and a table with a row per digit."""
    result = subject.result
    counts = result.confusion.sum(1)
    st.plotly_chart(
        charts.per_digit(result.precision, result.recall),
        key="per_digit",
        config=PLAIN,
        alt="Recall and precision of every digit; the table below has the numbers.",
    )
    st.dataframe(
        [
            {
                "Digit": str(digit),
                "Pictures": int(counts[digit]),
                "Recall": float(result.recall[digit]),
                "Precision": float(result.precision[digit]),
                "F1": float(result.f1[digit]),
                "Misread": int(counts[digit] - result.confusion[digit, digit]),
            }
            for digit in range(10)
        ],
        hide_index=True,
        width="stretch",
        height="content",
        column_config={name: st.column_config.NumberColumn(format="%.4f", help=said) for name, said in MEANT.items()},
    )


def confidence(subject: Subject) -> None:
    """Show the calibration, and the error rate if the least confident digits are skipped."""
    result = subject.result
    left, right = st.columns(2, gap="large")
    bands = result.reliability()
    with left:
        st.markdown("**When it says 90 %, are nine in ten right?**")
        said = ", ".join(f"said {b['confidence']:.0%}, right {b['accuracy']:.0%} of {b['digits']:,}" for b in bands)
        st.plotly_chart(charts.reliability(bands), key="reliability", config=PLAIN, alt=f"Reliability: {said}")
        st.caption(
            f"On the dotted line, confidence equals accuracy; larger points represent more digits. Mean gap: "
            f"{result.calibration_error:.2%}."
        )
    unread, misread = result.coverage()
    with right:
        st.markdown("**What if it skipped the digits it is least sure about?**")
        place = min(int(np.searchsorted(unread, 0.01)), len(unread) - 1)
        all_read = 1 - result.accuracy
        skipped = f"If it skips the least certain {unread[place]:.0%}, {misread[place]:.2%} of the rest are misread"
        said = f"{skipped}; if it reads everything, {all_read:.2%}."
        st.plotly_chart(charts.coverage(unread, misread), key="coverage", config=PLAIN, alt=said)
        st.caption(said)
