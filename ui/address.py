"""Page state in the URL's query parameters, so that a view can be shared.

URLs are untrusted input: invalid values are ignored.
"""

import math
import time

import streamlit as st

from ui import state

LAG = 1.0  # seconds during which the browser may still send the previous URL

VIEWS = {
    "mistakes": "Mistakes",
    "digits": "Per digit",
    "confidence": "Confidence",
    "robustness": "Robustness",
    "compare": "Compare",
    "report": "Report",
}  # of the Evaluate page, with their labels


def get(name: str, known) -> str | None:
    """A parameter if it is one of the known values, else None."""
    value = st.query_params.get(name)
    return value if value in known else None


def went_back(name: str, lag: float = 0.0) -> bool:
    """Whether the URL differs from what this session wrote last: the browser went back or forward.

    Args:
        lag: seconds; a value that was replaced more recently is a stale URL and does not count.
    """
    written, replaced = _written()
    found = st.query_params.get(name)
    if name not in written or written[name] == found:
        return False
    return time.monotonic() - replaced.get((name, found), -math.inf) >= lag


def text(name: str) -> str:
    """Return a parameter as this session wrote it last, unless the browser navigated; "" for none. For values that
    change many times a second."""
    written, _ = _written()
    known = written.get(name) if name in written and not went_back(name, LAG) else st.query_params.get(name)
    return known or ""


def put(**parameters: str | None) -> None:
    """Set parameters; None removes one."""
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
    """Initialise a widget's session key from the parameter, and update it when the browser goes back. Call before the
    widget is created. Return the value it will show; `put` its actual value afterwards."""
    if st.session_state.get(key) not in known or went_back(name, LAG):
        found = text(name)
        st.session_state[key] = found if found in known else usual
    return st.session_state[key]


def _written() -> tuple[dict[str, str | None], dict[tuple[str, str | None], float]]:
    """Return the last written values, and when earlier ones were replaced."""
    return state.get("written"), state.get("replaced")


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
    """Return the index of the opened digit, below `count`."""
    return _number("digit", count - 1)


def open_digit(place: int | None) -> None:
    put(digit=None if place is None else str(place))


def page(count: int, a_page: int) -> int:
    """Return the page number, from 0, for `count` digits."""
    return min(_number("page", 10**6) or 0, max(-(-count // a_page) - 1, 0))


def turn_to(number: int) -> None:
    put(page=str(number) if number else None, digit=None)


def _number(name: str, most: int) -> int | None:
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= most else None
