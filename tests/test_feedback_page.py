"""The question "Right?" under a reading, without a browser: AppTest runs the real entry script."""

import base64
from pathlib import Path

import cv2
import numpy as np
import pictures
import pytest
from drawing import DIGITS, draw, number, placed
from streamlit.testing.v1 import AppTest

from digit_core.feedback import corrections
from digit_core.pictures import foreground, image_files, normalization
from ui import uploads

ENTRY = str(Path(__file__).resolve().parent.parent / "streamlit_app.py")
STROKE = {"type": "Path", "path": [["M", 0, 0], ["L", 1, 1]], "left": 10, "top": 20, "scaleX": 1, "scaleY": 1}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))


@pytest.fixture
def app():
    return AppTest.from_file(ENTRY, default_timeout=60).run()


def _draw(app, picture):
    data = "data:image/png;base64," + base64.b64encode(pictures.png(picture)).decode()
    app.session_state["canvas"] = {"drawing": {"raw": {"objects": [STROKE]}, "data": data}, "backgroundFit": None}
    return app.run()


def _captions(app) -> str:
    return "\n".join(caption.value for caption in app.caption)


def test_one_tap_says_that_a_number_is_right(app):
    _draw(app, draw(number("47", 20, 60, 100), width=300, pen=10))
    app.button(key="drawn_right").click().run()
    assert "Saved as 4 7" in _captions(app)
    found = corrections.listed()
    assert sorted((c.value, c.truth, c.text, c.agrees) for c in found) == [(4, 4, "47", True), (7, 7, "47", True)]
    assert len({c.session for c in found}) == 1
    app.button(key="drawn_take_back").click().run()
    assert corrections.number() == 0
    assert not app.exception


def test_a_wrong_digit_is_corrected_and_another_drawing_is_asked_about_anew(app):
    _draw(app, draw(placed(DIGITS[7], 100, 60, 250)))
    app.button(key="drawn_wrong").click().run()
    app.button_group(key="drawn_truth_0").set_value(1).run()
    assert "Saved as 1" in _captions(app)
    [found] = corrections.listed()
    assert (found.value, found.truth, found.model, found.held) == (7, 1, "inkling", True)
    _draw(app, draw(placed(DIGITS[3], 100, 60, 250)))
    assert "Saved as" not in _captions(app)
    assert app.button(key="drawn_right")


def test_nothing_is_saved_without_a_tap(app):
    _draw(app, draw(placed(DIGITS[7], 100, 60, 250)))
    app.button(key="drawn_wrong").click().run()
    assert not list(Path(corrections.database.paths.home()).glob("corrections*"))


def test_a_host_may_do_without(monkeypatch):
    monkeypatch.setenv("DIGIT_ALLOW_FEEDBACK", "false")
    app = _draw(AppTest.from_file(ENTRY, default_timeout=60).run(), draw(placed(DIGITS[7], 100, 60, 250)))
    assert not [button for button in app.button if button.key == "drawn_right"]


def test_a_database_that_cannot_be_had_is_said(app, monkeypatch):
    monkeypatch.setenv("DIGIT_DATABASE_URL", "sqlite:////nowhere/at/all.sqlite3")
    _draw(app, draw(placed(DIGITS[7], 100, 60, 250)))
    app.button(key="drawn_right").click().run()
    assert "Corrections cannot be saved at the moment." in _captions(app)
    assert not app.exception


def test_what_was_saved_before_a_limit_can_be_taken_back(app, monkeypatch):
    monkeypatch.setattr(corrections, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(corrections, "MOST_A_SESSION", 1)
    _draw(app, draw(number("47", 20, 60, 100), width=300, pen=10))
    app.button(key="drawn_right").click().run()
    assert "limit" in _captions(app)
    assert corrections.number() == 1
    app.button(key="drawn_take_back").click().run()
    assert corrections.number() == 0
    assert not app.exception


def test_a_correction_of_a_large_photograph_shows_its_mark(recognizer):
    picture = cv2.resize(draw(number("47", 700, 500, 60), width=900, height=600, pen=8), (3600, 2400))
    small, reading = uploads._reduced(picture, recognizer.read(picture))
    assert reading.text == "47"
    assert max(small.shape) == 2000
    for digit in reading.digits:
        shown = corrections.of(digit, digit.value, reading.text, "inkling", "s", small).picture
        ink = foreground.extract(image_files.decode(shown))
        again = recognizer.classify(normalization.normalize(ink)[np.newaxis])[0]
        assert again.argmax() == digit.value
