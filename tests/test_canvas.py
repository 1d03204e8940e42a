"""Strokes that the browser has told of and the canvas has not sent yet."""

import importlib
import sys
from types import SimpleNamespace

import pytest

import ui
from ui import browser, sent_drawing, state

DATA = "data:image/png;base64,"
BROWSER_KEY, KEY = "canvas_browser", "canvas"


@pytest.fixture
def session(monkeypatch):
    """A session without a browser: what would be in `st.session_state`."""
    held = {}
    monkeypatch.setattr("streamlit.session_state", held)
    return held


@pytest.fixture
def canvas(monkeypatch):
    """The module, for this test alone: the canvas's package cannot be imported where no app runs."""
    monkeypatch.setitem(sys.modules, "streamlit_drawable_canvas", SimpleNamespace(st_canvas=None))
    before = sys.modules.pop("ui.canvas", None)
    yield importlib.import_module("ui.canvas")
    sys.modules.pop("ui.canvas")
    del ui.canvas
    if before:
        sys.modules["ui.canvas"] = ui.canvas = before


def said(*strokes, down=False, number=100, data=DATA + "live"):
    told = [{"number": place, "points": [[place, 1], [place, 9]]} for place in strokes]
    return {"live": {"number": number, "down": down, "data": data, "strokes": told}}


def sent(count, data=DATA + "canvas", last=7):
    objects = [{"type": "Path", "place": place, "path": []} for place in range(count)]
    objects[-1]["path"] = [["M", last, 1], ["Q", last, 5, last, 7], ["L", last, 9]]
    return {"drawing": {"raw": {"objects": objects}, "data": data}}


def collect(canvas):
    canvas._collect(500)


def test_a_stroke_counts_before_the_canvas_has_sent_it(session, canvas):
    session[BROWSER_KEY] = said(7)
    collect(canvas)
    whole = canvas._whole()
    assert len(whole["raw"]["objects"]) == 1
    assert whole["data"] == DATA + "live"


def test_when_the_canvas_sends_it_it_counts_once(session, canvas):
    session[BROWSER_KEY] = said(7, 8)
    session[KEY] = sent(2)
    collect(canvas)
    assert len(canvas._whole()["raw"]["objects"]) == 2
    assert canvas._live() is None
    assert state.get("live_done") == 100


def test_what_the_canvas_sends_while_the_next_stroke_is_drawn_settles_the_first(session, canvas):
    session[KEY] = sent(1, DATA + "one")
    session[BROWSER_KEY] = said(7, down=True)
    collect(canvas)
    assert canvas._live().data == DATA + "live"
    session[BROWSER_KEY] = said(7, 8, number=101)
    assert len(canvas._whole()["raw"]["objects"]) == 2
    session[KEY] = sent(2, DATA + "two")
    collect(canvas)
    assert len(canvas._whole()["raw"]["objects"]) == 2
    assert canvas._live() is None


def test_a_stroke_that_was_undone_before_the_canvas_sent_it_stays_undone(session, canvas):
    session[KEY] = sent(1, DATA + "one")
    session[BROWSER_KEY] = said(7)
    canvas._settle(0)
    state.put("drawing", {**session[KEY]["drawing"], "width": 500})
    canvas._undo()
    assert len(canvas._whole()["raw"]["objects"]) == 1
    session[KEY] = sent(2, DATA + "two")  # on its way since before
    collect(canvas)
    assert len(canvas._whole()["raw"]["objects"]) == 1
    assert len(state.get("undone")) == 1
    session[KEY] = sent(2, DATA + "drawn on", last=90)
    collect(canvas)
    assert len(canvas._whole()["raw"]["objects"]) == 2
    assert state.get("undone") == []


@pytest.mark.parametrize(
    "live",
    [
        None,
        7,
        {"number": 1},
        {"number": float("nan"), "down": 0, "data": DATA, "strokes": []},
        {"number": 1, "down": 0, "data": 5, "strokes": []},
        {"number": 1, "down": 0, "data": "x" * (browser.LARGEST_KEPT + 1), "strokes": []},
        {"number": 1, "down": 0, "data": DATA, "strokes": [{"number": 1, "points": []}]},
        {"number": 1, "down": 0, "data": DATA, "strokes": [{"number": 1, "points": [[0, float("nan")]]}]},
        {"number": 1, "down": 0, "data": DATA, "strokes": [{"number": 1, "points": [[0, 1, 2]]}]},
        {"number": 1, "down": 0, "data": DATA, "strokes": {"a": 1}},
    ],
)
def test_what_no_browser_of_ours_says_is_passed_over(session, live):
    session[BROWSER_KEY] = {"live": live}
    assert browser.look(BROWSER_KEY).live is None


@pytest.mark.parametrize("kept", ["x" * (browser.LARGEST_KEPT + 1), "[" * 200_000, "null", "{}"])
def test_a_kept_drawing_that_cannot_be_is_none_and_was_asked_for(session, canvas, kept):
    session[BROWSER_KEY] = {"kept": kept}
    assert browser.look(BROWSER_KEY).kept is not None
    assert sent_drawing.unpacked(kept) is None


def test_strokes_and_points_are_bounded(session):
    told = said(*range(1, 100))
    told["live"]["strokes"][0]["points"] = [[1, 1]] * 10_000
    session[BROWSER_KEY] = told
    live = browser.look(BROWSER_KEY).live
    assert len(live.strokes) == browser.MOST_STROKES
    assert len(live.strokes[0][1]) == browser.MOST_POINTS


def test_an_undone_stroke_that_the_canvas_never_sent_leaves_the_picture_that_it_sent_last(session, canvas):
    """The canvas has nothing new to send then; the picture with the undone stroke must not stay."""
    session[KEY] = sent(1, DATA + "one")
    session[BROWSER_KEY] = said(7)
    state.put("drawing", {**session[KEY]["drawing"], "width": 500})
    assert canvas._whole()["data"] == DATA + "live"
    canvas._undo()
    assert canvas._whole()["data"] == DATA + "one"
    assert len(canvas._whole()["raw"]["objects"]) == 1


def test_a_stroke_that_is_put_back_counts_when_the_canvas_sends_it(session, canvas):
    session[KEY] = sent(1, DATA + "one")
    session[BROWSER_KEY] = said(7)
    state.put("drawing", {**session[KEY]["drawing"], "width": 500})
    canvas._undo()
    canvas._redo()
    assert canvas._whole()["data"] == DATA + "one"  # for now
    session[KEY] = sent(2, DATA + "two")
    collect(canvas)
    assert canvas._whole()["data"] == DATA + "two"
