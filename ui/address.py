"""What a page shows, kept in the address so that a view can be shared.

Addresses come from anybody: what cannot be is passed over.
"""

import math
import time

import streamlit as st

LAG = 1.0  # seconds for which the browser may still send the address from before

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


def went_back(name: str, lag: float = 0.0) -> bool:
    """Whether the address says something else than what this session wrote last: the browser went back, or on.

    Args:
        lag: seconds ago; what was replaced since then does not count: what follows fast still comes with it.
    """
    written, replaced = _written()
    found = st.query_params.get(name)
    if name not in written or written[name] == found:
        return False
    return time.monotonic() - replaced.get((name, found), -math.inf) >= lag


def text(name: str) -> str:
    """A parameter as this session wrote it last, unless the browser went elsewhere; "" for none. For what changes
    many times a second."""
    written, _ = _written()
    known = written.get(name) if name in written and not went_back(name, LAG) else st.query_params.get(name)
    return known or ""


def put(**parameters: str | None) -> None:
    """Set parameters; None takes one away."""
    written, replaced = _written()
    now = time.monotonic()
    for key in [key for key, when in replaced.items() if now - when > LAG]:
        del replaced[key]
    for name, value in parameters.items():
        for before in (written.get(name), st.query_params.get(name)):
            if before != value and (name in written or before is not None):
                replaced[name, before] = now
        written[name] = value
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value


def choose(key: str, name: str, known, usual: str) -> str:
    """Before the widget with that session key is shown: it begins with the parameter, and follows the browser where it
    went back. Gives what the widget will say; `put` what it says then."""
    if st.session_state.get(key) not in known or went_back(name, LAG):
        found = text(name)
        st.session_state[key] = found if found in known else usual
    return st.session_state[key]


def _written() -> tuple[dict[str, str | None], dict[tuple[str, str | None], float]]:
    """What this session wrote last, and when it replaced what it wrote before."""
    return st.session_state.setdefault("written", {}), st.session_state.setdefault("replaced", {})


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
