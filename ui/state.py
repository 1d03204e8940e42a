"""The shared session keys: each one's default and meaning. What a reload must not lose stands elsewhere.

Streamlit forgets a widget's value as soon as a run does not show the widget; what must
outlive a change of tab or page is kept under a key of our own.
"""

from typing import Any

import streamlit as st

DEFAULTS: dict[str, Any] = {
    "framed": False,  # the entry has run in this session (see ui.frame)
    "run": 0,  # number of this run of a whole page; a fragment's run has none of its own
    "shown_in_run": 0,  # the run in which the canvas was shown last
    "model": None,  # name of the model that the visitor reads with; None for the default one
    "model_asked": False,  # the address has been asked for one
    "width": None,  # of the canvas, in pixels, when it was shown last
    "drawing": None,  # what is on the canvas: {"raw": Fabric.js objects, "data": PNG data URL, "width"}, or None
    "seed": {"objects": []},  # the drawing that the canvas was last told to show
    "sheets": 0,  # how often it was told; makes each seed a new one
    "undone": [],  # strokes that were taken back, the last one last
    "from_host": None,  # the drawing that was last found under the canvas's own key
    "live": None,  # ui.browser.Live: the last picture that the browser sent while the pen moved
    "live_done": 0,  # number of the last live picture that something newer has taken the place of
    "taken": 0,  # number of the last stroke that is part of the drawing, or was
    "reload_checked": False,  # the drawing that the browser kept over a reload has been asked for
    "pen": "Medium",  # the pen's width; the widget forgets it when another page is shown
    "looked_at": None,  # the mark that was looked at last: its 28x28 picture, and its ink where that is small
    "uploaded": [],  # ui.uploads.Kept of the files that were read last; the uploader forgets them likewise
    "sample_number": 0,  # number of the next sample
    "photo_first": False,  # it is shown even where there are uploads, until there are new ones
    "photo": None,  # name of the example photograph that is read
    "tag": None,  # a random name of this session, which corrections are saved under
    "feedback": {},  # where a reading is shown -> its "name" and "text", {place: (id, truth)}, "asks", "error"
    "history": [],  # ui.history.Entry of the last readings, the newest last
    "history_new": [],  # those of them that the browser is given to keep, and how often it was
    "history_known": False,  # the browser has told which ones it kept over a reload
    "history_cleared": 0.0,  # when they were cleared, in seconds since 1970
    "history_skipped": None,  # what the drawing on the canvas read when the history was cleared
    "history_sheet": None,  # id of the entry of the drawing that is on the canvas
    "summaries": {},  # (digest of an uploaded file, model) -> ui.uploads.Summary, for the files now listed
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
