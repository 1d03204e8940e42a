"""What the evaluation page shows, kept in the address so that a view can be shared.

Addresses come from anybody: what cannot be is passed over.
"""

import streamlit as st

VIEWS = {
    "mistakes": "Mistakes",
    "digits": "Per digit",
    "confidence": "Confidence",
    "robustness": "Robustness",
    "compare": "Compare",
    "report": "Report",
}  # of the evaluation page, with their names for people


def get(name: str, known) -> str | None:
    """A parameter if it is one of the known values, else None."""
    value = st.query_params.get(name)
    return value if value in known else None


def went_back(name: str) -> bool:
    """Whether the address says something else than what this session wrote last: the browser went back."""
    written = st.session_state.setdefault("written", {})
    return name in written and written[name] != st.query_params.get(name)


def put(**parameters: str | None) -> None:
    """Set parameters; None takes one away."""
    for name, value in parameters.items():
        st.session_state.setdefault("written", {})[name] = value
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value


def cell() -> tuple[int, int] | None:
    """The chosen cell of the confusion matrix: true digit, predicted digit."""
    text = st.query_params.get("cell", "")
    return (int(text[0]), int(text[1])) if len(text) == 2 and text.isascii() and text.isdigit() else None


def choose_cell(chosen: tuple[int, int] | None) -> None:
    put(cell=None if chosen is None else f"{chosen[0]}{chosen[1]}", digit=None, page=None)


def filters() -> tuple[int | None, int | None, float]:
    """True digit, predicted digit (None for any), least confidence 0..1."""
    return _number("true", 9), _number("read", 9), (_number("sure", 100) or 0) / 100


def choose_filters(true: int | None, predicted: int | None, least: float) -> None:
    put(
        true=None if true is None else str(true),
        read=None if predicted is None else str(predicted),
        sure=str(round(100 * least)) if least else None,
        digit=None,
        page=None,
    )


def opened(count: int) -> int | None:
    """Index of the digit that is looked at, of so many."""
    return _number("digit", count - 1)


def open_digit(place: int | None) -> None:
    put(digit=None if place is None else str(place))


def page(count: int, a_page: int) -> int:
    """Number of the page of so many digits, from 0."""
    return min(_number("page", 10**6) or 0, max(-(-count // a_page) - 1, 0))


def turn_to(number: int) -> None:
    put(page=str(number) if number else None, digit=None)


def _number(name: str, most: int) -> int | None:
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= most else None
