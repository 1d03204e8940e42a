"""The drawing canvas: fills its column and never loses a drawing.

The canvas component only draws. `browser` sends each finished stroke with a picture. Strokes and picture are stored
in the session, and in the browser for a reload. The component loses its drawing when the visitor leaves its page or
tab, and gets it back as its initial drawing. (It can send its drawing itself, 200 ms after each stroke, but that
would cause another rerun. Each stroke has a constant width: stylus pressure has no effect.)
"""

import numpy as np
import streamlit as st
from streamlit_drawable_canvas import st_canvas

from ui import browser, samples, sent_drawing, shared_drawing, state

KEY = "canvas"
BROWSER_KEY, ANSWERS_KEY = "canvas_browser", "canvas_answers"  # of `browser`'s two instances
PENS = {"Fine": 10, "Medium": 18, "Broad": 28}  # pixels
INK = "#1c2333"
PAPER = "#ffffff"


def drawing() -> np.ndarray | None:
    """Return the picture drawn so far, RGB (height, width, 3), or None. `show` must follow in the same run.

    Separate from `show`, so that the answer can be sent before the canvas.
    """
    shown_width = state.get("width") or _likely_width()
    seen = browser.look(BROWSER_KEY)
    _take(shown_width)
    state.put("width", seen.width or shown_width)
    _open_link()
    _restore(seen)
    _fit(state.get("width"))
    live = _live()
    return sent_drawing.decoded(live.data if live else (state.get("drawing") or {}).get("data"))


def show_live_answers() -> None:
    """Show the answers while the pen moves; call in the answer's container, before the answer."""
    browser.show_answers(ANSWERS_KEY, state.get("model"))


def newest() -> tuple[float, float] | None:
    """Return where the pen was lifted, or the centre of the newest stroke, in canvas pixels; None if unknown."""
    if (live := _live()) and live.at:
        return live.at
    if not (kept := state.get("drawing")):
        return None
    points = np.array([command[1:3] for command in kept["raw"]["objects"][-1]["path"]], float)
    x, y = (points.min(0) + points.max(0)) / 2
    return float(x), float(y)


def link() -> str:
    """Return the drawing encoded for a link; "" if it is too long."""
    kept = state.get("drawing")
    return shared_drawing.pack(kept["raw"]["objects"], kept["width"]) or "" if kept else ""


def show() -> None:
    """Show the canvas with its tools in the current column."""
    width = state.get("width")
    st_canvas(
        key=KEY,
        width=width,
        height=_height(width),
        stroke_width=PENS[_pen()],
        stroke_color=INK,
        background_color=PAPER,
        initial_drawing=state.get("seed"),
        update_streamlit=False,
    )
    _tools()


def keep() -> None:
    """Store the drawing in the browser; call after showing the answer, in the canvas's column."""
    kept, live = state.get("drawing"), _last_live()
    browser.listen(
        BROWSER_KEY,
        sent_drawing.packed(kept) if state.get("reload_checked") else None,
        blank=not kept,
        answered=live.number if live else 0,
        settled=state.get("taken"),
        sheet=state.get("sheets"),
        pen=PENS[_pen()],
        hand={"strokes": samples.HAND, "across": samples.HAND_ACROSS, "width": PENS["Medium"], "ink": INK},
    )


def _live() -> browser.Live | None:
    """Return the browser's last picture, unless the canvas content was replaced since."""
    live = _last_live()
    return live if live and live.number > state.get("live_done") else None


def _last_live() -> browser.Live | None:
    """Return the browser's last picture; it survives a page change, which clears the component's own state."""
    live, known = browser.look(BROWSER_KEY).live, state.get("live")
    if live and (known is None or live.number > known.number):
        state.put("live", live)
    return state.get("live")


def _take(width: int) -> None:
    """Store new finished strokes and their picture in the session.

    The canvas loses strokes that are drawn while its content is replaced: if one is missing from its picture, all are
    put back.
    """
    live, kept = browser.look(BROWSER_KEY).live, state.get("drawing")
    live = live if live and live.number > state.get("live_done") else None
    new = [stroke for stroke in live.strokes if stroke[0] > state.get("taken")] if live else []
    objects = _with(kept["raw"]["objects"] if kept else [], _paths(new))
    if new:
        kept = {"width": width, "data": None}
        state.put("taken", max(number for number, *_ in new))
        state.put("undone", [])
    if live and objects and live.data != kept["data"]:
        if sent_drawing.shows(live.data, objects):
            state.put("drawing", {"raw": {"objects": objects}, "data": live.data, "width": kept["width"]})
        else:
            _put(objects, kept["width"])
    _take_from_host(width)


def _with(before: list[dict], new: list[dict]) -> list[dict]:
    """Add strokes to a drawing, up to the limit, which nobody reaches by hand."""
    room = sent_drawing.MOST_COMMANDS - sent_drawing.commands(before)
    sizes = np.cumsum([sent_drawing.commands([stroke]) for stroke in new])
    return before + new[: np.searchsorted(sizes, room, side="right")]


def _take_from_host(width: int) -> None:
    """Store a drawing found under the canvas's own session key, where a host's script may have put it."""
    found = (st.session_state.get(KEY) or {}).get("drawing")
    if not sent_drawing.is_drawing(found) or found == state.get("from_host"):
        return
    state.put("from_host", found)
    state.put(
        "drawing", {"raw": found["raw"], "data": found["data"], "width": width} if found["raw"]["objects"] else None
    )
    state.put("undone", [])
    _forget_live()
    _discard_strokes()


def _forget_live() -> None:
    """Mark the pictures received so far as out of date."""
    if live := _last_live():
        state.put("live_done", live.number)


def _discard_strokes() -> None:
    """Discard strokes drawn before now that have not arrived."""
    if live := _last_live():
        state.put("taken", live.number)


def _put(objects: list[dict], width: int, data: str | None = None) -> None:
    """Replace the canvas content with Fabric.js objects; an empty list clears it.

    `data` is their picture; it is rendered if missing. Strokes that have not arrived are added when they do.
    """
    data = data or samples.picture(objects, width, _height(width))
    state.put("sheets", state.get("sheets") + 1)
    state.put("seed", {"objects": objects, "sheet": state.get("sheets")})
    state.put("drawing", {"raw": {"objects": objects}, "data": data, "width": width} if objects else None)
    _forget_live()


def _replace(objects: list[dict], width: int) -> None:
    """Replace the canvas content on the visitor's request: strokes that have not arrived are discarded."""
    _put(objects, width)
    _discard_strokes()


def _paths(strokes: list[tuple[int, float, list[tuple[float, float]]]]) -> list[dict]:
    """Fabric.js paths of strokes, given by their number, pen width and points."""
    return [samples.path(points if len(points) > 1 else points * 2, INK, pen) for _, pen, points in strokes]


def _restore(seen: browser.Browser) -> None:
    """Restore the drawing in every full-page run, in which the canvas may be new, and once after a reload."""
    before = state.get("drawing")
    if state.get("run") != state.get("shown_in_run") and before:
        _put(before["raw"]["objects"], before["width"], before["data"])
    state.put("shown_in_run", state.get("run"))
    if seen.kept is not None and seen.width and not state.get("reload_checked"):  # no drawing is scaled to a guess
        state.put("reload_checked", True)
        if not before:
            _restore_after_reload(sent_drawing.unpacked(seen.kept), seen.unsaved)


def _restore_after_reload(found: dict | None, unsaved: browser.Unsaved | None) -> None:
    """Restore the stored drawing, and the strokes that were not yet part of it."""
    state.put("reloaded", bool(found or unsaved))
    if unsaved:
        factor = unsaved.width / found["width"] if found else 1
        kept = [samples.scaled(stroke, factor) for stroke in found["raw"]["objects"]] if found else []
        _put(kept + _paths(unsaved.strokes), unsaved.width)
        state.put("taken", max(number for number, *_ in unsaved.strokes))  # the browser may send them again
    elif found:
        _put(found["raw"]["objects"], found["width"], found["data"])


def _open_link() -> None:
    """Show the drawing in the URL once, and remove it from the URL."""
    text = st.query_params.get("drawing")
    if text is None:
        return
    del st.query_params["drawing"]
    found = shared_drawing.unpack(text, INK)
    if found is None:
        st.toast("This link contains no readable drawing.", icon=":material/link_off:")
        return
    _replace(*found)


def _fit(width: int) -> None:
    """Scale the drawing when the canvas has become wider or narrower (a phone was turned).

    Always from the drawing as it was before the first turn: it would become smaller with every turn there and back.
    """
    kept = state.get("drawing")
    if not kept or kept["width"] == width:
        return
    objects, drawn_at = kept["raw"]["objects"], kept["width"]
    if (before := state.get("fitted")) and before["objects"] == objects:
        objects, drawn_at = before["from"]
    factor = min(width / drawn_at, _height(width) / _height(drawn_at))
    fitted = [samples.scaled(stroke, factor) for stroke in objects]
    state.put("fitted", {"objects": fitted, "from": (objects, drawn_at)})
    _put(fitted, width, kept["data"])


def _pen() -> str:
    """Which of `PENS` is chosen."""
    _keep_pen()
    return state.get("pen")


def _keep_pen() -> None:
    """Remember the chosen pen. As a callback, this also runs if a tab is opened with the same message."""
    if chosen := st.session_state.get("pen_width"):
        state.put("pen", chosen)


def _tools() -> None:
    drawn = bool(state.get("drawing"))
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.segmented_control(
            "Pen",
            list(PENS),
            default=_pen(),
            required=True,
            key="pen_width",
            label_visibility="collapsed",
            on_change=_keep_pen,
        )
        st.button("Undo", key="undo", on_click=_undo, disabled=not (drawn or _replaced()))
        st.button("Redo", key="redo", on_click=_redo, disabled=not state.get("undone"))
        st.button("Clear", key="clear", on_click=_clear, disabled=not drawn)
        st.button(
            "Try a sample",
            icon=":material/casino:",
            key="sample",
            on_click=_show_sample,
            type="tertiary",
        )


def _undo() -> None:
    """Remove the last stroke, or bring back what Clear or a sample replaced."""
    if before := _replaced():
        state.put("cleared", None)
        _replace(before["objects"], before["width"])
    elif kept := state.get("drawing"):
        *left, last = kept["raw"]["objects"]
        state.put("undone", [*state.get("undone"), last])
        _replace(left, kept["width"])


def _redo() -> None:
    """Restore the stroke that was removed last."""
    if undone := state.get("undone"):
        kept = state.get("drawing")
        state.put("undone", undone[:-1])
        _replace([*(kept["raw"]["objects"] if kept else []), undone[-1]], state.get("width"))


def _clear() -> None:
    _replace_all([], state.get("width"))


def _replace_all(objects: list[dict], width: int) -> None:
    """Replace the whole drawing; Undo brings it back."""
    kept = state.get("drawing")
    state.put("cleared", {"objects": kept["raw"]["objects"], "width": kept["width"], "by": objects} if kept else None)
    state.put("undone", [])
    _replace(objects, width)


def _replaced() -> dict | None:
    """What `_replace_all` replaced, unless the drawing has changed since."""
    before, kept = state.get("cleared"), state.get("drawing")
    return before if before and before["by"] == (kept["raw"]["objects"] if kept else []) else None


def show_example(name: str) -> None:
    """Put one of `samples.EXAMPLES` on the canvas."""
    width = state.get("width")
    _show(samples.example(name, width, _height(width), INK, PENS["Medium"]), width)


def _show_sample() -> None:
    width = state.get("width")
    number = state.get("sample_number")
    state.put("sample_number", number + 1)
    _show(samples.strokes(number, width, _height(width), INK, PENS["Medium"]), width)


def _show(objects: list[dict], width: int) -> None:
    """Replace the canvas content with strokes."""
    state.put("history_sheet", None)
    _replace_all(objects, width)


def _likely_width() -> int:
    """Guess the column width of a phone or desktop until the browser reports it."""
    return 340 if "Mobi" in (st.context.headers.get("User-Agent") or "") else 560


def _height(width: int) -> int:
    return max(240, min(380, round(width * 0.7)))
