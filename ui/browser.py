"""What only the browser knows: how wide a column is, what the pen draws just now, what was kept over a reload.

A component without a picture of its own. It tells a screen reader what the canvas is, marks
a blank one, and hides the canvas's own tools, which double ours and whose pencil turns the pen off (the
canvas has no setting for these, and keeps foreign styles out). It reports the width of its column, and whenever
that changes; it keeps the text it is given in the tab's session storage, which survives a
reload and is seen by nobody else, and hands back what it found there when it was mounted.

While the pen moves it sends pictures of the canvas, one at a time: the next goes when the last was answered, and
shows what is there by then. For these the answer alone is shown anew: they go through a second place of the
component, in the answer's fragment. When the pen is lifted it sends at once, with the strokes that have ended, and
all is shown anew. A busy server gets only the picture after each stroke, or where the pen stays, for the answer
alone, and the strokes when the pen has rested for a moment. A click on a tool waits until the server has answered the
last stroke, so that Undo takes back the one that is seen, and the last click: of two, Streamlit would make one.

Where nobody does anything for a while, a hand writes a number, once, and is read.
"""

from dataclasses import dataclass

import streamlit as st

from ui import scripts

CANVAS_LABEL = "Drawing canvas. Without a pen or mouse, the button Try a sample puts a number on it."
MOST_STROKES, MOST_POINTS = 60, 2000  # of strokes that the canvas has not sent yet, and of each
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
        number: grows from picture to picture, and from stroke to stroke.
        down: whether the pen was on the canvas.
        data: a PNG as a data URL.
        strokes: the strokes that were ended and are not settled, each its number and its points in canvas pixels.
        at: where the pen is, or was lifted, likewise.
    """

    number: int
    down: bool
    data: str
    strokes: list[tuple[int, list[tuple[float, float]]]]
    at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Browser:
    """`width` of the column in CSS pixels, or None until the browser has told; `kept` and `live` likewise."""

    width: int | None
    kept: str | None
    live: Live | None


def look(key: str) -> Browser:
    """What the browser said the last time; `listen`, or `listen_for_answers`, under the same key must follow in the
    same run."""
    said = st.session_state.get(key) or {}
    width, kept = said.get("width"), said.get("kept")
    return Browser(
        width=int(width) if isinstance(width, int | float) and 0 < width < 10_000 else None,
        kept=(kept if len(kept) <= LARGEST_KEPT else "") if isinstance(kept, str) else None,
        live=_live(said.get("live")),
    )


def _live(said) -> Live | None:
    """What the browser says was drawn, if that can be."""
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
    """Mount the component in this column. `keep` is stored, "" forgets, None changes nothing.

    `blank`: nothing is on the canvas, so that its prompt may show; `answered`: number of the live picture that this
    run has answered; `settled`: number up to which strokes have come from the canvas, or are forgotten;
    `sheet`: number of the drawing that the canvas was last told to show; `hand`: what the hand writes: its strokes,
    how much is drawn across, in heights, and the pen's width and colour.
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
    """Mount the component in the answer's fragment, where pictures come for which the answer alone is shown anew.

    `answered`: number of the picture that this run has answered.
    """
    _component(
        key=key,
        data={"answers": True, "answered": answered},
        default={"live": None},
        on_live_change=lambda: None,
    )
