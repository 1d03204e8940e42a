"""Strokes sent by the browser become the drawing, and the tools edit it."""

import importlib
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import ui
from digit_core.reading import overlay
from ui import browser, samples, sent_drawing, state

DATA = "data:image/png;base64,"
BROWSER_KEY, KEY = "canvas_browser", "canvas"


@pytest.fixture
def session(monkeypatch):
    """A dict in place of `st.session_state`, for tests without a browser."""
    held = {}
    monkeypatch.setattr("streamlit.session_state", held)
    return held


@pytest.fixture
def canvas(monkeypatch):
    """A fresh `ui.canvas` for this test, with a stub for its package, which needs a running app to be imported."""
    monkeypatch.setitem(sys.modules, "streamlit_drawable_canvas", SimpleNamespace(st_canvas=None))
    before = sys.modules.pop("ui.canvas", None)
    yield importlib.import_module("ui.canvas")
    sys.modules.pop("ui.canvas")
    del ui.canvas
    if before:
        sys.modules["ui.canvas"] = ui.canvas = before


def seen(name: str) -> str:
    """Data URL of a picture that is all ink; names differ in its grey level."""
    return overlay.data_url(np.full((40, 600), sum(name.encode()) % 100, np.uint8))


LIVE = seen("live")


def said(*strokes, number=100, data=LIVE):
    told = [{"number": place, "pen": 18, "points": [[place, 1], [place, 9]]} for place in strokes]
    return {"live": {"number": number, "data": data, "strokes": told}}


def objects() -> list[dict]:
    return (state.get("drawing") or {"raw": {"objects": []}})["raw"]["objects"]


def test_a_finished_stroke_is_added_to_the_drawing(session, canvas):
    session[BROWSER_KEY] = said(107, number=108, data=seen("ended"))
    canvas._take(500)
    [stroke] = objects()
    assert (stroke["path"][0], stroke["path"][-1]) == (["M", 107, 1], ["L", 107, 9])
    assert state.get("drawing")["data"] == seen("ended")
    assert state.get("drawing")["width"] == 500


def test_each_stroke_counts_once(session, canvas):
    session[BROWSER_KEY] = said(107, number=108)
    canvas._take(500)
    canvas._take(500)
    session[BROWSER_KEY] = said(107, 109, number=110)  # the browser does not know yet that the first was taken
    canvas._take(500)
    assert len(objects()) == 2


def test_a_later_picture_of_the_same_strokes_replaces_the_first(session, canvas):
    """The canvas draws the end of a stroke late on slow machines."""
    session[BROWSER_KEY] = said(107, number=108)
    canvas._take(500)
    session[BROWSER_KEY] = said(107, number=110, data=seen("more"))
    canvas._take(500)
    assert len(objects()) == 1
    assert state.get("drawing")["data"] == seen("more")


def test_a_stroke_that_the_canvas_lost_is_put_back(session, canvas):
    """The canvas was replaced in between, so its picture is blank where the stroke should be."""
    state.put("width", 500)
    session[BROWSER_KEY] = said(107, number=108, data=samples.picture([], 500, 350))
    canvas._take(500)
    assert [stroke["path"][0] for stroke in state.get("seed")["objects"]] == [["M", 107, 1]]
    assert sent_drawing.shows(state.get("drawing")["data"], objects())
    drawn = samples.picture([*objects(), samples.path([(109, 1), (109, 9)], "#000000", 18)], 500, 350)
    session[BROWSER_KEY] = said(109, number=110, data=drawn)
    canvas._take(500)
    assert len(objects()) == 2
    assert len(state.get("seed")["objects"]) == 1  # this time nothing was lost


@pytest.mark.parametrize("pen", [1, 1.2, 2, 10, 28])
@pytest.mark.parametrize("grey", [0, 210])
def test_a_picture_shows_the_strokes_that_were_drawn_whatever_pen_drew_them(pen, grey):
    """Links and hosts may bring thin pens and light colours."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        points = [(float(x), float(y)) for x, y in rng.uniform(10, 490, (6, 2))]
        stroke = samples.path(points, "#000000", pen)
        picture = sent_drawing.decoded(samples.picture([stroke], 500, 500))
        light = overlay.data_url(np.maximum(picture, grey))
        assert sent_drawing.shows(light, [stroke])
        assert not sent_drawing.shows(samples.picture([], 500, 500), [stroke])


def test_a_stroke_that_was_undone_stays_undone(session, canvas):
    session[BROWSER_KEY] = said(107, 109, number=110)
    state.put("width", 500)
    canvas._take(500)
    canvas._undo()
    canvas._take(500)
    assert [stroke["path"][0] for stroke in objects()] == [["M", 107, 1]]
    assert canvas._live() is None
    assert state.get("drawing")["data"] not in ("", seen("live"))  # redrawn without the stroke
    canvas._redo()
    assert [stroke["path"][0] for stroke in objects()] == [["M", 107, 1], ["M", 109, 1]]
    assert state.get("undone") == []


def test_undo_brings_back_what_was_cleared_or_replaced_by_a_sample(session, canvas):
    state.put("width", 500)
    for replace in (canvas._clear, canvas._show_sample):
        session[BROWSER_KEY] = said(107, 109, number=110)
        state.put("taken", 0)
        state.put("live_done", 0)
        canvas._put([], 500)
        state.put("live_done", 0)
        canvas._take(500)
        before = objects()
        assert len(before) == 2
        replace()
        assert objects() != before
        canvas._undo()
        assert objects() == before
        canvas._undo()
        assert len(objects()) == 1


def test_who_draws_after_clear_undoes_strokes(session, canvas):
    session[BROWSER_KEY] = said(107, number=108)
    state.put("width", 500)
    canvas._take(500)
    canvas._clear()
    session[BROWSER_KEY] = said(111, number=112)
    canvas._take(500)
    canvas._undo()
    assert not objects()


def test_a_drawing_holds_only_so_much(session, canvas, monkeypatch):
    monkeypatch.setattr(sent_drawing, "MOST_COMMANDS", 5)  # a stroke of two points has two
    session[BROWSER_KEY] = said(107, 109, 111, number=112)
    canvas._take(500)
    assert [stroke["path"][0][1] for stroke in objects()] == [107, 109]
    session[BROWSER_KEY] = said(113, number=114)
    canvas._take(500)
    assert len(objects()) == 2


def test_decoded_pictures_take_little_memory():
    for grey in range(24):
        assert sent_drawing.decoded(overlay.data_url(np.full((2200, 2200), grey, np.uint8))).shape[:2] == (2200, 2200)
    assert 0 < sent_drawing._decoded.bytes <= 24_000_000


def test_who_draws_on_has_nothing_to_redo(session, canvas):
    session[BROWSER_KEY] = said(107, number=108)
    state.put("width", 500)
    canvas._take(500)
    canvas._undo()
    session[BROWSER_KEY] = said(111, number=112)
    canvas._take(500)
    assert len(objects()) == 1
    assert state.get("undone") == []


def test_what_is_cleared_does_not_come_back_with_an_older_picture(session, canvas):
    session[BROWSER_KEY] = said(107, number=108)
    state.put("width", 500)
    canvas._take(500)
    canvas._clear()
    canvas._take(500)
    assert state.get("drawing") is None
    assert canvas._live() is None


def test_a_drawing_under_the_canvas_s_own_key_is_taken_once(session, canvas):
    path = {"type": "Path", "path": [["M", 5, 1], ["L", 5, 9]]}
    session[KEY] = {"drawing": {"raw": {"objects": [path]}, "data": DATA + "host"}}
    state.put("width", 500)
    canvas._take(500)
    assert objects() == [path]
    canvas._clear()
    canvas._take(500)
    assert state.get("drawing") is None


def test_restoring_the_drawing_does_not_discard_strokes_that_have_not_arrived(session, canvas):
    """They were drawn just before the page was left."""
    session[BROWSER_KEY] = said(1)
    canvas._take(500)
    session[BROWSER_KEY] = said(1, number=300)
    canvas._last_live()
    state.put("run", 1)
    canvas._restore(browser.look("nothing"))
    session[BROWSER_KEY] = said(1, 2, number=400, data=DATA)  # a canvas that shows neither
    canvas._take(500)
    assert len(objects()) == 2


def test_a_stroke_keeps_the_pen_that_drew_it(session, canvas):
    session[BROWSER_KEY] = said(1)
    state.put("pen", "Broad")
    canvas._take(500)
    assert [stroke["strokeWidth"] for stroke in objects()] == [18]


@pytest.mark.parametrize(
    "live",
    [
        None,
        7,
        {"number": 1},
        {"number": float("nan"), "data": DATA, "strokes": []},
        {"number": 1, "data": 5, "strokes": []},
        {"number": 1, "data": "x" * (browser.LARGEST_KEPT + 1), "strokes": []},
        {"number": 1, "data": DATA, "strokes": [{"number": 1, "pen": 18, "points": []}]},
        {"number": 1, "data": DATA, "strokes": [{"number": 1, "pen": 18, "points": [[0, float("nan")]]}]},
        {"number": 1, "data": DATA, "strokes": [{"number": 1, "pen": 18, "points": [[0, 1, 2]]}]},
        {"number": 1, "data": DATA, "strokes": [{"number": 1, "pen": 1e9, "points": [[0, 1]]}]},
        {"number": 1, "data": DATA, "strokes": {"a": 1}},
    ],
)
def test_what_no_browser_of_ours_says_is_passed_over(session, live):
    session[BROWSER_KEY] = {"live": live}
    assert browser.look(BROWSER_KEY).live is None


def kept(*path) -> str:
    return json.dumps({"raw": {"objects": [{"path": list(path)}]}, "data": DATA, "width": 300})


def test_a_picture_that_no_canvas_has_is_none():
    for side, is_taken in ((600, True), (5000, False)):
        url = overlay.data_url(np.zeros((side, side), np.uint8))
        assert (sent_drawing.decoded(url) is not None) == is_taken


def test_a_kept_drawing_is_one_of_moves_curves_and_lines():
    assert sent_drawing.unpacked(kept(["M", 1, 2], ["Q", 1, 2, 3, 4], ["L", 5, 6]))


@pytest.mark.parametrize(
    "kept",
    [
        "x" * (browser.LARGEST_KEPT + 1),
        "[" * 200_000,
        "null",
        "{}",
        kept(),
        kept(["L", 1, 2]),
        kept(["M", 1]),
        kept(["M", 1, 2], ["L", 1]),
        kept(["M", 1, 2], ["C", 1, 2, 3, 4, 5, 6]),
        kept(["M", 1, "2"]),
        kept(["M", 1, 1e9]),
        kept("M12"),
    ],
)
def test_a_kept_drawing_that_cannot_be_is_none_and_was_asked_for(session, canvas, kept):
    session[BROWSER_KEY] = {"kept": kept}
    assert browser.look(BROWSER_KEY).kept is not None
    assert sent_drawing.unpacked(kept) is None


def test_strokes_that_the_browser_kept_are_added_to_the_kept_drawing(session, canvas):
    before = kept(["M", 1, 2], ["L", 5, 6])
    strokes = [{"number": 7, "pen": 28, "points": [[10, 10], [20, 30]]}, {"number": 9, "pen": 10, "points": [[50, 50]]}]
    session[BROWSER_KEY] = {"width": 560, "kept": before, "unsaved": {"width": 560, "strokes": strokes}}
    assert canvas.drawing() is not None
    assert [stroke.get("strokeWidth") for stroke in session["drawing"]["raw"]["objects"]][1:] == [28, 10]
    session[BROWSER_KEY] |= said(7, 9)  # without a reload, the browser still has them
    canvas.drawing()
    assert len(objects()) == 3


def test_kept_strokes_are_restored_at_the_size_of_their_canvas(session, canvas):
    """The width of the new canvas is reported later; until then nothing is restored."""
    strokes = [{"number": 1, "pen": 18, "points": [[10, 10], [20, 30]]}]
    session[BROWSER_KEY] = {"kept": "", "unsaved": {"width": 384, "strokes": strokes}}
    assert canvas.drawing() is None
    session[BROWSER_KEY] |= {"width": 384}
    canvas.drawing()
    [stroke] = session["drawing"]["raw"]["objects"]
    assert stroke["path"][0] == ["M", 10, 10]


STROKE = {"number": 1, "pen": 18, "points": [[1, 2]]}


@pytest.mark.parametrize(
    "unsaved",
    [
        None,
        3,
        [],
        {"width": 560},
        {"width": 560, "strokes": []},
        {"width": 560, "strokes": 3},
        {"width": 1e9, "strokes": [STROKE]},
        {"width": "wide", "strokes": [STROKE]},
        {"width": 560, "strokes": [3]},
        {"width": 560, "strokes": [STROKE | {"pen": 1e9}]},
        {"width": 560, "strokes": [STROKE | {"pen": None}]},
        {"width": 560, "strokes": [STROKE | {"points": []}]},
        {"width": 560, "strokes": [STROKE | {"points": [["a", 1]]}]},
        {"width": 560, "strokes": [STROKE | {"points": [[1, 1e9]]}]},
    ],
)
def test_kept_strokes_that_cannot_be_are_none(session, unsaved):
    session[BROWSER_KEY] = {"kept": "", "unsaved": unsaved}
    assert browser.look(BROWSER_KEY).unsaved is None


def test_strokes_and_points_are_bounded(session):
    told = said(*range(1, 100))
    told["live"]["strokes"][0]["points"] = [[1, 1]] * 10_000
    session[BROWSER_KEY] = told
    live = browser.look(BROWSER_KEY).live
    assert len(live.strokes) == browser.MOST_STROKES
    assert len(live.strokes[0][2]) == browser.MOST_POINTS


def test_a_phone_that_is_turned_and_back_shows_the_drawing_as_before(session, canvas):
    """Its canvas is 340 pixels wide upright and 700 on its side, and not as much higher."""
    stroke = samples.path([(40, 40), (200, 180), (120, 60)], "#1c2333", 18)
    canvas._put([stroke], 340)
    sideways = []
    for width in (700, 340, 700, 340):
        canvas._fit(width)
        assert state.get("drawing")["width"] == width
        (sideways if width == 700 else []).append(objects())
    assert objects() == [samples.scaled(stroke, 1.0)]
    assert sideways[0] == sideways[1] != objects()
    more = [*objects(), stroke]
    canvas._put(more, 340)  # a stroke that is added there becomes part of what is scaled
    canvas._fit(700)
    assert len(objects()) == 2
