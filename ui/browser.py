"""State that only the browser has: the column width, live pen input, and the drawing stored across reloads.

An invisible component. It labels the canvas for screen readers, marks a blank one, and hides the canvas's own toolbar,
which duplicates ours and can turn the pen off (the canvas has no setting for this, and its shadow DOM blocks outside
styles). It reports the width of its column, initially and on every change. It stores the given text in the tab's
session storage, which survives a reload and is private to the tab, and beside it the strokes that the server has not
confirmed. It returns what it found there when mounted.

While the pen moves, it posts pictures of the canvas to `live_answers`, one at a time: when one is answered, it posts
the current state. A second instance of the component shows these answers in place of the last run's. When the pen is
lifted, it posts a picture as well; after its answer, it sends picture and finished strokes, which reruns the drawing
tab. If the server is busy or slow, this waits until the pen has rested for a moment, and pictures are posted only at
the beginning and end of a stroke and when the pen pauses. Strokes that did not arrive because the page was left are
sent again on return. A click on a tool waits until the server has answered the last stroke, so that Undo removes the
visible one, and the last click, because Streamlit would merge two clicks into one.

After a period of inactivity, an animated hand writes a number, once, and the number is read.
"""

from dataclasses import dataclass

import streamlit as st

from ui import live_answers, scripts

CANVAS_LABEL = "Drawing canvas. Without a pen or mouse, use Try a sample to add a number."
MOST_STROKES, MOST_POINTS = 60, 2000  # unsettled strokes, and points of each
WIDEST, BROADEST = 10_000, 100  # pixels of a column and a pen
LARGEST_KEPT = 2_000_000  # characters; browsers allow a few megabytes a site

_component = st.components.v2.component(
    "inkling_browser",
    html='<div class="ink-probe"></div><div class="ink-live" aria-hidden="true"></div>',
    css=".ink-probe { width: 100%; height: 0; }",
    isolate_styles=False,  # the answers are styled by `frame`
    js=scripts.text("browser.js"),
)


@dataclass(frozen=True)
class Live:
    """A picture of the canvas after a stroke.

    Attributes:
        number: increasing sequence number of pictures and strokes.
        data: a PNG as a data URL.
        strokes: finished strokes that are not settled (see `listen`): number, pen width, and points in canvas pixels.
        at: where the pen was lifted, in canvas pixels.
    """

    number: int
    data: str
    strokes: list[tuple[int, float, list[tuple[float, float]]]]
    at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Unsaved:
    """Strokes that the server had not confirmed before a reload.

    Attributes:
        width: of the canvas, in pixels.
        strokes: as `Live.strokes`.
    """

    width: int
    strokes: list[tuple[int, float, list[tuple[float, float]]]]


@dataclass(frozen=True)
class Browser:
    """What the browser reported.

    Attributes:
        width: of the column, in CSS pixels; None until it is known.
        kept: the stored text; None until it is known, "" if there is none.
        unsaved: the strokes stored beside it; None if there are none.
        live: the last picture; None if there is none.
    """

    width: int | None
    kept: str | None
    unsaved: Unsaved | None
    live: Live | None


def look(key: str) -> Browser:
    """Return the browser's last report. `listen` must follow in the same run, with the same key."""
    said = st.session_state.get(key) or {}
    width, kept = said.get("width"), said.get("kept")
    return Browser(
        width=int(width) if isinstance(width, int | float) and 0 < width < WIDEST else None,
        kept=(kept if len(kept) <= LARGEST_KEPT else "") if isinstance(kept, str) else None,
        unsaved=_unsaved(said.get("unsaved")),
        live=_live(said.get("live")),
    )


def _unsaved(said) -> Unsaved | None:
    """Parse the stored strokes; None if there are none or they are malformed."""
    try:
        strokes = _strokes(said["strokes"])
        width = _number(said["width"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    return Unsaved(width, strokes) if strokes and 0 < width < WIDEST else None


def _live(said) -> Live | None:
    """Parse the live picture; None if it is malformed."""
    try:
        strokes = _strokes(said.get("strokes", []))
        at = _points([said["at"]])[0] if said.get("at") else None
        live = Live(_number(said["number"]), said["data"], strokes, at)
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    return live if isinstance(live.data, str) and len(live.data) <= LARGEST_KEPT else None


def _strokes(told) -> list[tuple[int, float, list[tuple[float, float]]]]:
    return [
        (_number(stroke["number"]), _pen(stroke["pen"]), _points(stroke["points"])) for stroke in told[:MOST_STROKES]
    ]


def _number(value) -> int:
    if not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise ValueError(value)
    return int(value)


def _pen(value) -> float:
    width = float(value)
    if not 0 < width < BROADEST:
        raise ValueError(value)
    return width


def _points(value) -> list[tuple[float, float]]:
    points = [(float(x), float(y)) for x, y in value[:MOST_POINTS]]
    if not points or not all(abs(v) < 10_000 for point in points for v in point):  # NaN is refused as well
        raise ValueError("no points of a canvas")
    return points


def listen(
    key: str, keep: str | None, blank: bool, answered: int, settled: int, sheet: int, pen: int, hand: dict
) -> None:
    """Mount the component in this column.

    Args:
        keep: text to store; "" clears the storage, None leaves it unchanged.
        blank: whether the canvas is empty and may show its prompt.
        answered: number of the live picture that this run has answered.
        settled: number up to which strokes have been received or discarded.
        sheet: number of the drawing that the canvas was last told to show.
        pen: width of the chosen pen, in canvas pixels.
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
            "pen": pen,
            "hand": hand,
        },
        default={"width": None, "kept": None, "unsaved": None, "live": None},
        on_width_change=lambda: None,
        on_unsaved_change=lambda: None,
        on_kept_change=lambda: None,
        on_live_change=lambda: None,
    )


def show_answers(key: str, model: str | None) -> None:
    """Mount the component where it shows the answers of `live_answers`.

    Args:
        model: name of the model that reads; None for the default.
    """
    _component(key=key, data={"answers": live_answers.PATH, "model": model or ""})
