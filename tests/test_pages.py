"""The pages without a browser: AppTest runs the real entry point."""

import base64
import re
from pathlib import Path

import numpy as np
import pictures
import pytest
from drawing import DIGITS, draw, number, placed
from streamlit.testing.v1 import AppTest

from digit_core.models.store import ModelError
from digit_core.pictures import image_files
from digit_core.spreadsheets import safe_cell
from ui import components, resources, samples, shared_drawing, uploads

ENTRY = str(Path(__file__).resolve().parent.parent / "streamlit_app.py")
STROKE = {"type": "Path", "path": [["M", 0, 0], ["L", 1, 1]], "left": 10, "top": 20, "scaleX": 1, "scaleY": 1}


@pytest.fixture
def app():
    return AppTest.from_file(ENTRY, default_timeout=60).run()


def _drawn(picture: np.ndarray, objects=(STROKE,)) -> dict:
    data = "data:image/png;base64," + base64.b64encode(pictures.png(picture)).decode()
    return {"drawing": {"raw": {"objects": list(objects)}, "data": data}, "backgroundFit": None}


def _draw(app, picture, **options):
    app.session_state["canvas"] = _drawn(picture, **options)
    return app.run()


def _says(app) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def _answer(app) -> str | None:
    """The answer's text including its slashes, or None."""
    found = re.search(r'<div class="ink-answer[^"]*">(.*?)</div>', _says(app))
    return re.sub("<[^>]*>", "", found[1]) if found else None


def test_a_blank_canvas_invites(app):
    assert not app.exception
    assert "Draw a digit" in _says(app)
    assert _answer(app) is None


def test_a_drawing_is_read_without_a_button(app):
    _draw(app, draw(placed(DIGITS[7], 100, 60, 250)))
    assert not app.exception
    assert _answer(app) == "7"
    assert "Sure it&#x27;s a 7." in _says(app)


def test_a_number_lets_one_choose_its_digits(app):
    _draw(app, draw(number("2026", 20, 60, 100), width=460, pen=10))
    assert _answer(app) == "2026"
    [control] = [group for group in app.get("button_group") if "drawn_digit" in (group.key or "")]
    assert [option.content.replace("\u200b", "") for option in control.proto.options] == ["2", "0", "2", "6"]


def test_the_newest_digit_is_looked_at(app):
    def drawn(x: float, strokes) -> int:
        """The index of the selected digit after a last stroke at x."""
        path = [["M", x, 100], ["L", x, 110]]
        _draw(app, draw(strokes, width=560, pen=10), objects=[{**STROKE, "path": path}])
        return app.session_state[f"drawn_digit_{len(_answer(app))}"]

    strokes = number("2026", 20, 60, 100)
    assert drawn(50, strokes) == 0
    assert drawn(330, strokes) == 3  # the number of digits has not changed
    assert drawn(450, strokes + number("7", 420, 60, 100)) == 4


def test_a_link_opens_its_drawing_once(app):
    objects = samples.strokes(1, 560, 380, "#000000", 18)
    app.query_params["drawing"] = shared_drawing.pack(objects, 560)
    app.run()
    assert _answer(app) == samples.NUMBERS[1]
    assert "drawing" not in app.query_params
    app.button(key="clear").click().run()
    assert _answer(app) is None


def test_a_link_that_holds_no_drawing_says_so(app):
    app.query_params["drawing"] = "eNo123"
    app.run()
    assert not app.exception
    assert "no readable drawing" in app.toast[0].value
    assert _answer(app) is None


def test_the_drawing_survives_a_run_in_which_the_canvas_was_not_shown(app):
    _draw(app, draw(placed(DIGITS[3], 100, 60, 250)))
    del app.session_state["canvas"]  # as Streamlit does when the user leaves the page or the tab
    app.run()
    assert _answer(app) == "3"
    assert app.session_state["seed"]["objects"] == [STROKE]


def test_the_drawing_survives_even_if_its_value_was_left_behind(app):
    """An interrupted run removes the canvas from the browser, but not its value from the session."""
    _draw(app, draw(placed(DIGITS[3], 100, 60, 250)))
    sheet = app.session_state["seed"]
    app.run()
    assert app.session_state["seed"]["objects"] == [STROKE]
    assert app.session_state["seed"] != sheet  # a new seed makes a new canvas show it


def test_another_drawing_replaces_the_first(app):
    _draw(app, draw(placed(DIGITS[3], 100, 60, 250)))
    _draw(app, draw(placed(DIGITS[8], 100, 60, 250)))
    assert _answer(app) == "8"


def test_clear_forgets_the_drawing_at_once(app):
    _draw(app, draw(placed(DIGITS[3], 100, 60, 250)))
    app.button(key="clear").click().run()
    assert "Draw a digit" in _says(app)
    assert app.session_state["drawing"] is None


def test_undo_takes_the_last_stroke_away(app):
    _draw(app, draw(placed(DIGITS[4], 100, 60, 250)), objects=[STROKE, {**STROKE, "top": 99}])
    app.button(key="undo").click().run()
    assert app.session_state["seed"]["objects"] == [STROKE]


def test_a_sample_is_put_on_the_canvas(app):
    app.button(key="sample").click().run()
    assert not app.exception
    assert app.session_state["seed"]["objects"] == samples.strokes(0, 560, 380, "#1c2333", 18)
    assert _answer(app) == "7"  # at once, without waiting for the canvas


@pytest.mark.parametrize(
    "sent",
    [
        {"drawing": {"raw": {"objects": [STROKE]}, "data": "data:image/png;base64,AAAA"}},
        {"drawing": {"raw": {"objects": [STROKE]}, "data": "%%%"}},
        {"drawing": {"raw": {"objects": "no list"}, "data": "data:,"}},
        {"drawing": {"raw": None, "data": None}},
        {},
    ],
)
def test_what_no_canvas_would_send_is_no_drawing(app, sent):
    app.session_state["canvas"] = sent
    app.run()
    assert not app.exception
    assert "Draw a digit" in _says(app)


def test_a_narrower_canvas_shows_the_same_drawing_smaller(app):
    app.session_state["canvas_browser"] = {"width": 500, "kept": ""}
    app.run()
    _draw(app, draw(placed(DIGITS[3], 100, 60, 250)))
    app.session_state["canvas_browser"] = {"width": 250, "kept": ""}
    app.run()
    [stroke] = app.session_state["seed"]["objects"]
    assert (stroke["left"], stroke["top"]) == (5, 10)
    assert stroke["path"] == [["M", 0, 0], ["L", 0.5, 0.5]]
    assert _answer(app) == "3"


def test_a_wider_canvas_keeps_all_of_the_drawing(app):
    """From 340 to 700 pixels the width doubles but the height does not, so strokes scale with the height."""
    app.session_state["canvas_browser"] = {"width": 340, "kept": ""}
    app.run()
    _draw(app, draw(placed(DIGITS[3], 60, 10, 220), width=340, height=240), objects=[{**STROKE, "top": 230}])
    app.session_state["canvas_browser"] = {"width": 700, "kept": ""}
    app.run()
    [stroke] = app.session_state["seed"]["objects"]
    assert stroke["top"] == pytest.approx(230 * 380 / 240)
    assert stroke["scaleX"] == stroke["scaleY"]


def test_a_sheet_that_was_wiped_invites_again(app):
    _draw(app, draw(placed(DIGITS[3], 100, 60, 250)))
    _draw(app, np.full((380, 560), 255, np.uint8), objects=[])
    assert "Draw a digit" in _says(app)
    assert app.button(key="clear").disabled


def test_an_undo_that_changes_no_pixel_keeps_the_answer(app):
    """Two identical strokes: removing one leaves the same picture, which is still a drawing."""
    picture = draw(placed(DIGITS[3], 100, 60, 250))
    _draw(app, picture, objects=[STROKE, STROKE])
    app.button(key="undo").click().run()
    _draw(app, picture, objects=[STROKE])
    assert _answer(app) == "3"


def test_a_model_that_cannot_be_loaded_is_a_sentence(app, monkeypatch):
    from digit_core.models import store as model_store
    from ui import resources

    monkeypatch.setattr(model_store, "DEFAULT_MODEL", "gone")
    resources._load_once.clear()
    _draw(app, draw(placed(DIGITS[3], 100, 60, 250)))
    resources._load_once.clear()
    assert not app.exception
    assert "no model called 'gone'" in app.error[0].value


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"raw": {"objects": [1]}, "data": "x"}', '{"width": -1}', "null"])
def test_what_the_browser_kept_may_be_anything(app, kept):
    app.session_state["canvas_browser"] = {"width": 500, "kept": kept}
    app.run()
    assert not app.exception
    assert "Draw a digit" in _says(app)


def test_a_page_opened_alone_brings_the_frame():
    """As Streamlit does when the first request to a new server is a link to a page."""
    page = ENTRY.replace("streamlit_app.py", "pages/predict.py")
    app = AppTest.from_file(page, default_timeout=60).run()
    assert not app.exception
    assert app.session_state["framed"]


def test_a_file_name_cannot_become_a_formula_or_markup():
    assert safe_cell("=1+1") == "'=1+1"
    assert safe_cell("7.png") == "7.png"
    assert components.plain("*[x](y)*") == "\\*\\[x\\]\\(y\\)\\*"


@pytest.mark.parametrize("address", ["www.evil.example", "HTTPS://evil.example", "mailto:a@b.example", "a@b.example"])
def test_an_address_from_outside_cannot_become_a_link(address):
    """Markdown detects URLs after it has resolved escapes, so the start of a URL must be broken up."""
    shown = components.plain(address).replace("\\", "")
    assert shown.replace("\u2060", "") == address
    assert not re.search(r"(?i)www\.|https?:|mailto:|@\w", shown)


@pytest.mark.parametrize("sample", range(len(samples.NUMBERS)))
def test_samples_are_read_right(sample, recognizer):
    objects = samples.strokes(sample, 560, 380, "#000000", 18)
    data = samples.picture(objects, 560, 380).partition(",")[2]
    assert recognizer.read(image_files.decode(base64.b64decode(data))).text == samples.NUMBERS[sample]


@pytest.mark.parametrize(("number", "text"), [(0, "8"), (1, "5550142"), (2, "?")])
def test_an_example_is_put_on_the_canvas_and_read(app, number, text):
    app.button(key=f"example_button_{number}").click().run()
    assert not app.exception
    assert _answer(app) == text


def test_text_lines_stand_under_each_other_and_copy_with_a_slash(app):
    strokes = number("12", 40, 30, 120) + number("345", 30, 230, 120)
    _draw(app, draw(strokes, pen=12))
    assert _answer(app) == "12/345"
    [body] = re.findall(r'<div class="ink-answer[^"]*">(.*?)</div>', _says(app))
    lines = re.findall(r'<span class="ink-line">(.*?)</span>(?=<span class="ink-slash">|$)', body)
    assert [re.sub("<[^>]*>", "", line) for line in lines] == ["12", "345"]
    assert re.findall('data-place="(.)"', body) == list("01234")


@pytest.mark.parametrize("name", uploads.EXAMPLE_NAMES)
def test_the_example_photographs_are_read(recognizer, name):
    text = recognizer.read(image_files.decode(uploads.Example(name).getvalue())).text
    assert re.fullmatch(r"\d+(/\d+)+", text)


def test_why_names_the_ink_and_the_next_likely_digit(app):
    app.session_state["drawn_why"] = True
    _draw(app, draw(placed(DIGITS[7], 100, 60, 250)))
    assert not app.exception
    [said] = [element.value for element in app.markdown if "is the main reason for" in element.value]
    assert re.match(r"The ink (at|on|in) the [a-z ]+ is the main reason for a 7 rather than an? \d\.", said)


def test_other_models_say_what_they_read_and_can_be_chosen(app):
    app.session_state["others"] = True
    _draw(app, draw(placed(DIGITS[7], 100, 60, 250)))
    assert not app.exception
    assert app.button(key="use_inkling").disabled
    app.button(key="use_lenet5").click().run()
    assert app.session_state["model"] == "lenet5"


def test_a_model_that_cannot_be_loaded_costs_the_others_nothing(app, monkeypatch):
    load = resources.load

    def broken(name):
        if name == "lenet5":
            raise ModelError("damaged")
        return load(name)

    monkeypatch.setattr(resources, "load", broken)
    app.session_state["others"] = True
    _draw(app, draw(placed(DIGITS[7], 100, 60, 250)))
    assert not app.exception
    assert not app.error
    assert {button.key for button in app.button} >= {"use_resnet", "use_simple_cnn"}
    assert "use_lenet5" not in {button.key for button in app.button}
