"""The drawing canvas: as wide as its column, with a pen, and nothing on it is ever lost.

The canvas sends its strokes and a PNG after each one. It forgets both when its page or
tab is left; what it sent last is kept in the session, and in the browser for a reload,
and handed back as the drawing to begin with.
"""

import binascii
import json
import logging

import numpy as np
import streamlit as st
from streamlit_drawable_canvas import st_canvas

from digit_core import UnreadableImageError, images
from ui import browser, samples, state

log = logging.getLogger(__name__)

KEY = "canvas"
BROWSER_KEY = "canvas_browser"
PENS = {"Fine": 10, "Medium": 18, "Broad": 28}  # pixels
INK = "#1c2333"
PAPER = "#ffffff"
SCALED = ("left", "top", "scaleX", "scaleY")  # of a stroke, in canvas pixels
LARGEST_PNG = 8_000_000  # characters of a data URL


def drawing() -> np.ndarray | None:
    """The picture drawn so far, RGB (height, width, 3), or None; `show` must follow in the same run.

    Apart from `show`, so that the answer can be sent to the browser before the canvas.
    """
    shown_width = state.get("width") or _likely_width()
    _collect(shown_width)
    seen = browser.look(BROWSER_KEY)
    state.put("width", seen.width or shown_width)
    _restore(seen.kept)
    _fit(state.get("width"))
    return _picture()


def show() -> None:
    """Show the canvas with its tools, in the present column."""
    width = state.get("width")
    st_canvas(
        key=KEY,
        width=width,
        height=_height(width),
        stroke_width=PENS[st.session_state.get("pen") or "Medium"],
        stroke_color=INK,
        background_color=PAPER,
        initial_drawing=state.get("seed"),
        return_image_data=True,
    )
    _tools(width)


def keep() -> None:
    """Hand the drawing to the browser to keep; call after the answer is shown, in the canvas's column."""
    kept = state.get("drawing")
    browser.listen(BROWSER_KEY, _packed(kept) if state.get("reload_checked") else None, blank=not kept)


def _picture() -> np.ndarray | None:
    """The picture on the canvas, RGB (height, width, 3), or None if nothing was drawn."""
    kept = state.get("drawing")
    if not kept:
        return None
    try:
        content = binascii.a2b_base64(kept["data"].partition(";base64,")[2])
        return images.decode(content)
    except (binascii.Error, UnreadableImageError):  # not from our canvas: nothing drawn
        log.warning("The canvas sent a picture that cannot be read", exc_info=True)
        return None


def _put(objects: list[dict], known: dict | None = None) -> None:
    """Put Fabric.js objects on the canvas in place of what is there; none make a blank sheet.

    `known` is the drawing that they stand for, if its picture is there already; else the
    canvas sends it in a moment.
    """
    sheet = state.get("sheets") + 1
    state.put("sheets", sheet)
    state.put("stale", _sent())
    state.put("seed", {"objects": objects, "sheet": sheet})
    state.put("drawing", known)


def _restore(kept: str | None) -> None:
    """Show what was drawn before on a canvas that may be new: in every run of the whole page.

    Whether Streamlit still holds the canvas's value tells nothing: a run that was cut short by
    the next one takes the canvas out of the browser and leaves its value behind.
    """
    before = state.get("drawing")
    if state.get("run") != state.get("shown_in_run") and before:
        _put(before["raw"]["objects"], before)
    state.put("shown_in_run", state.get("run"))
    if kept is not None and not state.get("reload_checked"):
        state.put("reload_checked", True)
        found = _unpacked(kept)
        if found and not before:
            _put(found["raw"]["objects"], found)


def _fit(width: int) -> None:
    """Scale the drawing when the canvas has become wider or narrower (a phone was turned)."""
    kept = state.get("drawing")
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
    if sent and sent != state.get("stale"):
        state.put("stale", None)
        state.put("drawing", {**sent, "width": width} if sent["raw"]["objects"] else None)


def _sent() -> dict | None:
    drawing = (st.session_state.get(KEY) or {}).get("drawing")
    return {"raw": drawing["raw"], "data": drawing["data"]} if _is_drawing(drawing) else None


def _is_drawing(value) -> bool:
    """Whether this is a drawing as the canvas sends it: its strokes and its picture."""
    try:
        return (
            isinstance(value["data"], str)
            and len(value["data"]) <= LARGEST_PNG
            and all(isinstance(stroke, dict) for stroke in value["raw"]["objects"])
        )
    except (TypeError, KeyError):
        return False


def _tools(width: int) -> None:
    drawn = bool(state.get("drawing"))
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.segmented_control(
            "Pen", list(PENS), default="Medium", required=True, key="pen", label_visibility="collapsed"
        )
        st.button("Undo", key="undo", on_click=_undo, disabled=not drawn)
        st.button("Clear", key="clear", on_click=_put, args=([],), disabled=not drawn)
        st.button(
            "Try a sample",
            icon=":material/casino:",
            key="sample",
            on_click=_show_sample,
            args=(width,),
            type="tertiary",
        )


def _undo() -> None:
    """Take the last stroke away; until the canvas has sent the new picture, the old one stands for it."""
    kept = state.get("drawing")
    if kept:
        left = kept["raw"]["objects"][:-1]
        _put(left, {**kept, "raw": {"objects": left}} if left else None)


def _show_sample(width: int) -> None:
    number = state.get("sample_number")
    state.put("sample_number", number + 1)
    height = _height(width)
    objects = samples.strokes(number, width, height, INK, PENS["Medium"])
    data = samples.picture(objects, width, height)
    _put(objects, {"raw": {"objects": objects}, "data": data, "width": width})


def _likely_width() -> int:
    """The column's width before the browser has told it: a phone's or a desk's."""
    return 340 if "Mobi" in (st.context.headers.get("User-Agent") or "") else 560


def _height(width: int) -> int:
    return max(240, min(380, round(width * 0.7)))


def _packed(kept: dict | None) -> str:
    return json.dumps(kept) if kept else ""


def _unpacked(text: str) -> dict | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    complete = _is_drawing(found) and found["raw"]["objects"] and isinstance(found.get("width"), int)
    return found if complete and found["width"] > 0 else None
