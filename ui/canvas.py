"""The drawing canvas: as wide as its column, with a pen, and nothing on it is ever lost.

The canvas sends its strokes and a PNG after each one. It forgets both when its page or
tab is left; what it sent last is kept in the session, and in the browser for a reload,
and handed back as the drawing to begin with. Pictures that the browser sends while the pen
moves are ahead of the canvas: strokes that it has not sent yet stand for themselves till then.
"""

import time

import numpy as np
import streamlit as st
from streamlit_drawable_canvas import st_canvas

from ui import browser, samples, sent_drawing, shared_drawing, state

KEY = "canvas"
BROWSER_KEY = "canvas_browser"
PENS = {"Fine": 10, "Medium": 18, "Broad": 28}  # pixels
INK = "#1c2333"
PAPER = "#ffffff"
SCALED = ("left", "top", "scaleX", "scaleY")  # of a stroke, in canvas pixels
LATEST = 10.0  # seconds after which the canvas has sent every stroke, however slow the machine is
NEAR = 3.0  # pixels between the ends of one stroke as the browser and as the canvas tell them


def drawing() -> np.ndarray | None:
    """The picture drawn so far, RGB (height, width, 3), or None; `show` must follow in the same run.

    Apart from `show`, so that the answer can be sent to the browser before the canvas.
    """
    shown_width = state.get("width") or _likely_width()
    seen = browser.look(BROWSER_KEY)
    _collect(shown_width)
    state.put("width", seen.width or shown_width)
    _open_link()
    _restore(seen.kept)
    _fit(state.get("width"))
    live = _live()
    return sent_drawing.decoded(live.data if live else (state.get("drawing") or {}).get("data"))


def is_drawing() -> bool:
    """Whether the pen was down when the picture was taken."""
    live = _live()
    return live is not None and live.down


def _shows_live() -> bool:
    live = _live()
    return live is not None and (live.down or bool(live.data))


def _whole() -> dict | None:
    """The drawing with the strokes that have ended and that the canvas has not sent yet."""
    kept, pending = state.get("drawing"), _pending()
    if not pending:
        return kept
    pen = PENS[_pen()]
    objects = [samples.path(points if len(points) > 1 else points * 2, INK, pen) for _, points in pending]
    before = kept["raw"]["objects"] if kept else []
    width = kept["width"] if kept else state.get("width")
    return {"raw": {"objects": before + objects}, "data": _last_live().data, "width": width}


def _pending() -> list[tuple[int, list[tuple[float, float]]]]:
    """The strokes, number and points each, that have ended and that the canvas has not sent yet."""
    live = _last_live()
    return [stroke for stroke in live.strokes if stroke[0] > state.get("live_done")] if live else []


def newest() -> tuple[float, float] | None:
    """Where the pen is, or the middle of the newest stroke, in canvas pixels; None where nothing is known of it."""
    if live := _live():
        return live.at
    if not (kept := _whole()):
        return None
    try:
        points = np.array([command[1:3] for command in kept["raw"]["objects"][-1]["path"]], float)
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    middle = (points.min(0) + points.max(0)) / 2 if points.ndim == 2 and len(points) else None
    return None if middle is None or not np.isfinite(middle).all() else (float(middle[0]), float(middle[1]))


def link() -> str:
    """What a link to this drawing holds; "" where it has none: while the pen is down, or if it is too long."""
    kept = None if is_drawing() else _whole()
    return shared_drawing.pack(kept["raw"]["objects"], kept["width"]) or "" if kept else ""


def show() -> None:
    """Show the canvas with its tools, in the present column."""
    width = state.get("width")
    st_canvas(
        key=KEY,
        width=width,
        height=_height(width),
        stroke_width=PENS[_pen()],
        stroke_color=INK,
        background_color=PAPER,
        initial_drawing=state.get("seed"),
        return_image_data=True,
    )
    _tools()


def keep() -> None:
    """Hand the drawing to the browser to keep; call after the answer is shown, in the canvas's column."""
    kept = _whole()
    live = _last_live()
    browser.listen(
        BROWSER_KEY,
        sent_drawing.packed(kept) if state.get("reload_checked") else None,
        blank=not kept and not _shows_live(),
        answered=live.number if live else 0,
        settled=state.get("live_done"),
        sheet=state.get("sheets"),
        hand={"strokes": samples.HAND, "across": samples.HAND_ACROSS, "width": PENS["Medium"], "ink": INK},
    )


def _live() -> browser.Live | None:
    """The picture of a stroke that is being drawn, or was a moment ago, unless the canvas has sent a newer one."""
    live = _last_live()
    return live if live and live.number > state.get("live_done") else None


def _last_live() -> browser.Live | None:
    """The last picture that the browser sent; it outlives a change of page, which clears the component's own state."""
    if live := browser.look(BROWSER_KEY).live:
        state.put("live", live)
    return state.get("live")


def _forget_live() -> None:
    live = _last_live()
    state.put("live_done", live.number if live else 0)


def _put(objects: list[dict], known: dict | None = None) -> None:
    """Put Fabric.js objects on the canvas in place of what is there; none make a blank sheet.

    `known` is the drawing that they stand for, if its picture is there already; else the
    canvas sends it in a moment.
    """
    sheet = state.get("sheets") + 1
    state.put("sheets", sheet)
    state.put("stale", _sent())
    if pending := _pending():  # the canvas may still send them
        state.put("late", (len(_whole()["raw"]["objects"]), pending[-1][1], time.monotonic() + LATEST))
    elif state.get("late") and len(objects) >= state.get("late")[0]:  # it may be put back
        state.put("late", None)
    state.put("seed", {"objects": objects, "sheet": sheet})
    state.put("drawing", known)
    state.put("awaited", len(objects))
    _forget_live()


def _restore(kept: str | None) -> None:
    """Show what was drawn before on a canvas that may be new: in every run of the whole page.

    Whether Streamlit still holds the canvas's value tells nothing: a run that was cut short by
    the next one takes the canvas out of the browser and leaves its value behind.
    """
    before = _whole()
    if state.get("run") != state.get("shown_in_run") and before:
        _put(before["raw"]["objects"], before)
    state.put("shown_in_run", state.get("run"))
    if kept is not None and not state.get("reload_checked"):
        state.put("reload_checked", True)
        found = sent_drawing.unpacked(kept)
        if found and not before:
            _put(found["raw"]["objects"], found)


def _open_link() -> None:
    """Show the drawing that the address holds, once; the address then is the page's own again."""
    text = st.query_params.get("drawing")
    if text is None:
        return
    del st.query_params["drawing"]
    found = shared_drawing.unpack(text, INK)
    if found is None:
        st.toast("This link holds no drawing that can be read.", icon=":material/link_off:")
        return
    objects, width = found
    data = samples.picture(objects, width, _height(width))
    _put(objects, {"raw": {"objects": objects}, "data": data, "width": width})


def _fit(width: int) -> None:
    """Scale the drawing when the canvas has become wider or narrower (a phone was turned)."""
    kept = _whole()
    if not kept or kept["width"] == width:
        return
    factor = min(width / kept["width"], _height(width) / _height(kept["width"]))
    scaled = [
        {**stroke, **{name: factor * stroke[name] for name in SCALED if isinstance(stroke.get(name), int | float)}}
        for stroke in kept["raw"]["objects"]
    ]
    _put(scaled, {**kept, "width": width, "raw": {"objects": scaled}})


def _collect(width: int) -> None:
    """Take over what the canvas sent, unless it is from before it was told to show something else."""
    sent = _sent()
    if sent and _is_late(sent["raw"]["objects"]):
        state.put("stale", sent)
        state.put("late", None)
    if sent and sent != state.get("stale"):
        before = state.get("drawing")
        if len(sent["raw"]["objects"]) != state.get("awaited"):
            state.put("undone", [])  # the visitor has drawn on
            state.put("awaited", None)
        state.put("stale", None)
        state.put("drawing", {**sent, "width": width} if sent["raw"]["objects"] else None)
        if not before or before["data"] != sent["data"]:
            _settle(len(sent["raw"]["objects"]) - len(before["raw"]["objects"] if before else []))


def _is_late(objects: list[dict]) -> bool:
    """Whether these end with the stroke that the canvas still held back when it was told to show something else."""
    count, points, until = state.get("late") or (0, [], 0)
    if not objects or len(objects) != count or time.monotonic() > until:
        return False
    try:
        path = objects[-1]["path"]
        ends = np.array([path[0][-2:], path[-1][-2:]], float)
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    return ends.shape == (2, 2) and bool(np.abs(ends - [points[0], points[-1]]).max() <= NEAR)


def _settle(count: int) -> None:
    """The canvas has sent so many more strokes: the first of those that were pending."""
    live, pending = _last_live(), _pending()
    if live and count >= len(pending) and not live.down:
        state.put("live_done", live.number)
    elif count > 0 and pending:
        number, _ = pending[min(count, len(pending)) - 1]
        state.put("live_done", number)


def _sent() -> dict | None:
    drawing = (st.session_state.get(KEY) or {}).get("drawing")
    return {"raw": drawing["raw"], "data": drawing["data"]} if sent_drawing.is_drawing(drawing) else None


def _pen() -> str:
    """Which of `PENS` is chosen."""
    if chosen := st.session_state.get("pen_width"):
        state.put("pen", chosen)
    return state.get("pen")


def _tools() -> None:
    drawn = bool(_whole())
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.segmented_control(
            "Pen", list(PENS), default=_pen(), required=True, key="pen_width", label_visibility="collapsed"
        )
        st.button("Undo", key="undo", on_click=_undo, disabled=not drawn)
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
    """Take the last stroke away; until the canvas has sent the new picture, the old one stands for it.

    The canvas sends nothing where that is what it sent last: then its picture is at hand.
    """
    kept, sent = _whole(), _sent()
    if kept:
        *left, last = kept["raw"]["objects"]
        state.put("undone", [*state.get("undone"), last])
        picture = sent if sent and sent["raw"]["objects"] == left else kept
        _put(left, {**kept, "data": picture["data"], "raw": {"objects": left}} if left else None)


def _redo() -> None:
    """Put the stroke back that was taken away last."""
    if undone := state.get("undone"):
        kept = _whole()
        objects = [*(kept["raw"]["objects"] if kept else []), undone[-1]]
        state.put("undone", undone[:-1])
        _put(objects, {**kept, "raw": {"objects": objects}} if kept else None)


def _clear() -> None:
    state.put("undone", [])
    _put([])


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
    """Put strokes on the canvas in place of what is there."""
    height = _height(width)
    data = samples.picture(objects, width, height)
    state.put("undone", [])
    _put(objects, {"raw": {"objects": objects}, "data": data, "width": width})


def _likely_width() -> int:
    """The column's width before the browser has told it: a phone's or a desk's."""
    return 340 if "Mobi" in (st.context.headers.get("User-Agent") or "") else 560


def _height(width: int) -> int:
    return max(240, min(380, round(width * 0.7)))
