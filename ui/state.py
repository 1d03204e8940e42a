"""The shared session state: each key with its default and meaning. State that survives a reload is kept elsewhere.

Streamlit drops a widget's value when a run does not show the widget. Values that must survive a change of tab or page
are stored under separate keys.
"""

from typing import Any

import streamlit as st

DEFAULTS: dict[str, Any] = {
    "framed": False,  # whether the entry script has run in this session (see ui.frame)
    "run": 0,  # number of this full page run; fragment reruns do not count
    "shown_in_run": 0,  # the run that last showed the canvas
    "model": None,  # name of the model that the visitor chose; None for the default
    "model_asked": False,  # whether the URL has been checked for a model
    "width": None,  # last width of the canvas, in pixels
    "drawing": None,  # what is on the canvas: {"raw": Fabric.js objects, "data": PNG data URL, "width"}, or None
    "fitted": None,  # the drawing as it was scaled to a turned phone: {"objects", "from": (objects, width) before}
    "seed": {"objects": []},  # the drawing that was last put on the canvas
    "sheets": 0,  # number of drawings put on the canvas; makes each seed unique
    "undone": [],  # undone strokes, most recent last
    "cleared": None,  # what Clear or a sample replaced: {"objects", "width", "by"}, the last being the new objects
    "from_host": None,  # the last drawing found under the canvas's own key
    "live": None,  # ui.browser.Live: the last picture that the browser sent after a stroke
    "live_done": 0,  # number of the last live picture that is out of date
    "taken": 0,  # number of the last stroke that was added to the drawing
    "reload_checked": False,  # whether the drawing that the browser kept over a reload has been handled
    "reloaded": False,  # whether the canvas was restored after a reload and the history has not looked at it
    "pen": "Medium",  # pen width; the widget loses it on a page change
    "looked_at": None,  # the mark that was last looked at: its 28x28 picture, and its ink if that is small
    "uploaded": [],  # ui.uploads.Kept of the last files read; the uploader loses them on a page change
    "sample_number": 0,  # number of the next sample
    "photo_first": False,  # whether the example photo takes precedence over uploads, until new ones arrive
    "photo": None,  # name of the selected example photo
    "tag": None,  # random id of this session, stored with its corrections
    "feedback": {},  # where a reading is shown -> its "name" and "text", {place: (id, truth)}, "asks", "error"
    "history": [],  # ui.history.Entry of the last readings, newest last
    "history_new": [],  # entries to send to the browser for storage, and how often each was sent
    "history_known": False,  # whether the browser has sent the entries it kept over a reload
    "history_cleared": 0.0,  # time of the last clearing, in seconds since 1970
    "history_skipped": None,  # reading of the canvas when the history was cleared
    "history_sheet": None,  # id of the entry for the drawing on the canvas
    "written": {},  # URL parameters as this session wrote them last (see ui.address)
    "replaced": {},  # (URL parameter, earlier value) -> time at which it was replaced
    "summaries": {},  # (digest of an uploaded file, model) -> ui.uploads.Summary, for the listed files
}


def get(key: str) -> Any:
    """The session's value of a key in `DEFAULTS`."""
    default = DEFAULTS[key]
    if key not in st.session_state:
        st.session_state[key] = default.copy() if isinstance(default, dict | list) else default
    return st.session_state[key]


def put(key: str, value: Any) -> None:
    """Set a key in `DEFAULTS`."""
    if key not in DEFAULTS:
        raise KeyError(key)
    st.session_state[key] = value
