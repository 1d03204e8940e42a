"""State that only the browser has: the column width, live pen input, and the drawing stored across reloads.

An invisible component. It labels the canvas for screen readers, marks a blank one, and hides the canvas's own toolbar,
which duplicates ours and can turn the pen off (the canvas has no setting for this, and its shadow DOM blocks outside
styles). It reports the width of its column, initially and on every change. It stores the given text in the tab's
session storage, which survives a reload and is private to the tab, and returns what it found there when mounted.

While the pen moves, it sends pictures of the canvas, one at a time: when one is answered, it sends the current state.
These pictures rerun only the answer: they go through a second instance of the component, in the answer's fragment.
When the pen is lifted, it sends a picture and the finished strokes at once, and everything reruns. A busy server gets
only a picture after each stroke, or when the pen pauses, which reruns the answer alone, and the strokes once the pen
has rested for a moment. A click on a tool waits until the server has answered the last stroke, so that Undo removes
the visible one, and the last click, because Streamlit would merge two clicks into one.

After a period of inactivity, an animated hand writes a number, once, and the number is read.
"""

from dataclasses import dataclass

import streamlit as st

from ui import scripts

CANVAS_LABEL = "Drawing canvas. Without a pen or mouse, use Try a sample to add a number."
MOST_STROKES, MOST_POINTS = 60, 2000  # unsettled strokes, and points of each
LARGEST_KEPT = 2_000_000  # characters; browsers allow a few megabytes a site

_component = st.components.v2.component(
    "inkling_browser",
    html='<div class="probe"></div>',
    css=".probe { width: 100%; height: 0; }",
    js=scripts.text("browser.js"),
)


@dataclass(frozen=True)
class Live:
    """A picture of the canvas.

    Attributes:
        number: increasing sequence number of pictures and strokes.
        down: whether the pen was on the canvas.
        data: a PNG as a data URL.
        strokes: finished strokes that are not settled (see `listen`): number, and points in canvas pixels.
        at: where the pen is or was lifted, in canvas pixels.
    """

    number: int
    down: bool
    data: str
    strokes: list[tuple[int, list[tuple[float, float]]]]
    at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Browser:
    """Column `width` in CSS pixels, `kept` text, `live` picture; each None until the browser reports it."""

    width: int | None
    kept: str | None
    live: Live | None


def look(key: str) -> Browser:
    """Return the browser's last report. `listen` or `listen_for_answers` must follow in the same run, with the same
    key."""
    said = st.session_state.get(key) or {}
    width, kept = said.get("width"), said.get("kept")
    return Browser(
        width=int(width) if isinstance(width, int | float) and 0 < width < 10_000 else None,
        kept=(kept if len(kept) <= LARGEST_KEPT else "") if isinstance(kept, str) else None,
        live=_live(said.get("live")),
    )


def _live(said) -> Live | None:
    """Parse the live picture; None if it is malformed."""
    try:
        told = said.get("strokes", [])[:MOST_STROKES]
        strokes = [(_number(stroke["number"]), _points(stroke["points"])) for stroke in told]
        at = _points([said["at"]])[0] if said.get("at") else None
        live = Live(_number(said["number"]), bool(said["down"]), said["data"], strokes, at)
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    return live if isinstance(live.data, str) and len(live.data) <= LARGEST_KEPT else None


def _number(value) -> int:
    if not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise ValueError(value)
    return int(value)


def _points(value) -> list[tuple[float, float]]:
    points = [(float(x), float(y)) for x, y in value[:MOST_POINTS]]
    if not points or not all(abs(v) < 10_000 for point in points for v in point):  # NaN is refused as well
        raise ValueError("no points of a canvas")
    return points


def listen(key: str, keep: str | None, blank: bool, answered: int, settled: int, sheet: int, hand: dict) -> None:
    """Mount the component in this column.

    Args:
        keep: text to store; "" clears the storage, None leaves it unchanged.
        blank: whether the canvas is empty and may show its prompt.
        answered: number of the live picture that this run has answered.
        settled: number up to which strokes have been received or discarded.
        sheet: number of the drawing that the canvas was last told to show.
        hand: the animated hand's strokes, their total width in heights, and the pen's width and colour.
    """
    _component(
        key=key,
        data={
            "keep": keep,
            "label": CANVAS_LABEL,
            "blank": blank,
            "answered": answered,
            "settled": settled,
            "sheet": sheet,
            "most_points": MOST_POINTS,
            "hand": hand,
        },
        default={"width": None, "kept": None, "live": None},
        on_width_change=lambda: None,
        on_kept_change=lambda: None,
        on_live_change=lambda: None,
    )


def listen_for_answers(key: str, answered: int) -> None:
    """Mount the component in the answer's fragment, to receive pictures that rerun only the answer.

    `answered`: number of the picture that this run has answered.
    """
    _component(
        key=key,
        data={"answers": True, "answered": answered},
        default={"live": None},
        on_live_change=lambda: None,
    )
