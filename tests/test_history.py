"""The history of readings: what is recorded, restored from the browser, and downloaded."""

import base64
import csv
import io
import json
import zipfile

import numpy as np
import pictures
import pytest
import streamlit
from drawing import draw, number

from ui import history, state
from ui.history import Entry

PNG = "data:image/png;base64," + base64.b64encode(pictures.png(np.zeros((4, 4), np.uint8))).decode()
GOOD = {"id": "a", "when": 1.7e9, "name": "=cmd()", "text": "47", "sentence": "Sure.", "model": "m", "picture": PNG}


def test_what_the_browser_kept_comes_back():
    assert history.unpacked(json.dumps([GOOD])) == [Entry(**GOOD)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"picture": "javascript:alert(1)"},
        {"picture": 'data:image/png;base64,AAAA" onerror="alert(1)'},
        {"picture": "data:image/png;base64," + "A" * 20_000},
        {"picture": "data:image/png;base64,A"},
        {"when": "now"},
        {"when": 1e300},
        {"when": None},
        {"text": 47},
        {"text": "x" * 201},
        {"id": None},
    ],
    ids=str,
)
def test_what_is_none_of_ours_is_left_out(wrong):
    assert history.unpacked(json.dumps([{**GOOD, **wrong}, GOOD])) == [Entry(**GOOD)]


@pytest.mark.parametrize("text", ["", "null", "{}", "[[]]", "[" * 100_000, '[{"id": 1}]', "x" * 2_000_000])
def test_a_broken_text_is_no_history(text):
    assert history.unpacked(text) == []


def test_only_the_newest_are_taken():
    kept = [{**GOOD, "id": str(number)} for number in range(100)]
    assert [entry.id for entry in history.unpacked(json.dumps(kept))] == [str(number) for number in range(40, 100)]


@pytest.fixture
def reading(recognizer, monkeypatch):
    monkeypatch.setattr("streamlit.session_state", {})
    monkeypatch.setattr(history.resources, "chosen_recognizer", lambda: recognizer)
    picture = draw(number("47", 40, 60, 200), width=560, height=380)
    return np.dstack([picture] * 3), recognizer.read(picture)


def _reload(kept: list[Entry]) -> None:
    """Begin a new session with a restored canvas."""
    streamlit.session_state.clear()
    state.put("reloaded", True)
    state.put("history", kept)


def test_a_restored_drawing_is_not_listed_again(reading):
    history.note_drawing(*reading, "Sure.")
    kept = state.get("history")
    assert len(kept) == 1
    _reload([])
    history.note_drawing(*reading, "Sure.")  # the browser has not sent its entries yet
    assert state.get("history") == []
    state.put("history", kept)
    state.put("history_known", True)
    history.note_drawing(*reading, "Doubtful.")  # further strokes belong to the same entry
    [entry] = state.get("history")
    assert (entry.id, entry.sentence) == (kept[0].id, "Doubtful.")


def test_a_drawing_that_was_cleared_from_the_history_stays_away_after_a_reload(reading):
    _reload([])
    state.put("history_known", True)
    history.note_drawing(*reading, "Sure.")
    assert state.get("history") == []
    history.close()  # the canvas is cleared
    history.note_drawing(*reading, "Sure.")
    assert len(state.get("history")) == 1


def test_the_downloads_hold_all_and_no_formula():
    entry = Entry(**GOOD)
    [row] = csv.DictReader(io.StringIO(history.to_csv([entry])))
    assert (row["what"], row["reads"], row["model"]) == ("'=cmd()", "47", "m")
    with zipfile.ZipFile(io.BytesIO(history.to_zip([entry]))) as archive:
        assert archive.namelist() == ["history.csv", "01.png"]
        assert archive.read("01.png").startswith(b"\x89PNG")
