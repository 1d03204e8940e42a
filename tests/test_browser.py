"""Tests that need a browser: pens, reloads, cameras, phones; Chromium opens the running app."""

import itertools
import re
from pathlib import Path

import numpy as np
import pictures
import psutil
import pytest
from browser import (
    answer,
    canvas_box,
    draw_with_mouse,
    open_canvas,
    serving,
    wait_for_answer,
    wait_for_strokes,
    wait_until_idle,
)
from drawing import DIGITS, draw, number, placed, real_strokes

from digit_core.pictures import image_files
from digit_core.reading import overlay
from ui.frame import TITLES

pytestmark = pytest.mark.browser
INVITATION = "Draw a digit, or a whole number. The answer appears here as you write."


def _answered_as_if_busy(route):
    response = route.fetch()
    route.fulfill(response=response, headers={**response.headers, "X-Busy": "1"})


@pytest.fixture
def page(new_page, server):
    page = new_page()
    open_canvas(page, server.url)
    return page


def _clear(page):
    page.locator(".st-key-clear button").click()
    assert wait_for_answer(page, INVITATION) == INVITATION


def _on_canvas(page, strokes, rng):
    """Scale and move strokes in the unit box to a random size and place on the canvas."""
    box = canvas_box(page)
    points = np.concatenate([np.asarray(stroke, float) for stroke in strokes])
    low, extent = points.min(0), np.ptp(points, 0).max()
    size = rng.uniform(0.45, 0.8) * box["height"]
    left, top = rng.uniform(20, box["width"] - size - 20), rng.uniform(15, box["height"] - size - 15)
    return [[((x - low[0]) / extent * size + left, (y - low[1]) / extent * size + top) for x, y in s] for s in strokes]


def _png(folder: Path, name: str, strokes, **options) -> str:
    (folder / name).write_bytes(pictures.png(draw(strokes, **options)))
    return str(folder / name)


def test_a_blank_canvas_invites(page):
    assert answer(page) == INVITATION


def test_ten_own_digits_are_read_as_they_are_drawn(page):
    for digit, strokes in DIGITS.items():
        draw_with_mouse(page, placed(strokes, 150, 60, 220))
        assert wait_for_answer(page, str(digit)) == str(digit)
        _clear(page)


def test_digits_of_real_writers_are_read(page, handwriting):
    """8 digits by UNIPEN writers, replayed with the mouse using every third point. One may be misread, because some
    are hard for people too."""
    rng = np.random.default_rng(11)
    right = 0
    for strokes, label in real_strokes(handwriting, "unipen", 8):
        draw_with_mouse(page, _on_canvas(page, [[*stroke[:-1:3], stroke[-1]] for stroke in strokes], rng))
        right += wait_for_answer(page, label, seconds=3) == label
        _clear(page)
    assert right >= 7


def test_the_answer_changes_after_every_stroke(page):
    draw_with_mouse(page, number("2", 60, 100, 130))
    assert wait_for_answer(page, "2") == "2"
    draw_with_mouse(page, number("0", 190, 100, 130))
    assert wait_for_answer(page, "20") == "20"
    page.locator(".st-key-undo button").click()
    assert wait_for_answer(page, "2") == "2"


def test_the_answer_changes_while_the_pen_moves(page):
    """A 2 is read before the pen is lifted; the canvas's own later update does not change the answer."""
    box = canvas_box(page)
    [stroke] = placed(DIGITS[2], 150, 60, 220)
    page.mouse.move(box["x"] + stroke[0][0], box["y"] + stroke[0][1])
    page.mouse.down()
    answers = set()
    for x, y in stroke[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
        page.wait_for_timeout(150)
        answers.add(answer(page))
    assert wait_for_answer(page, "2") == "2"
    assert len(answers) >= 2
    assert page.locator(".st-key-drawn_bars").count() == 0  # no run has followed
    page.mouse.up()
    page.wait_for_timeout(800)
    assert answer(page) == "2"


SIGN_IN = {"status": 200, "content_type": "text/html", "body": "Please sign in <img src=x onerror='window.bad = 1'>"}


@pytest.mark.parametrize(
    "answers",
    [
        lambda route: route.abort(),
        lambda route: route.fulfill(status=404),
        lambda route: route.fulfill(**SIGN_IN),
        lambda route: None,
    ],
    ids=["aborts", "404", "signs in", "hangs"],
)
def test_without_live_answers_each_stroke_is_answered(new_page, server, answers):
    """A proxy may keep the route from the browser."""
    page = new_page()
    page.route("**/read-drawing*", answers)
    open_canvas(page, server.url)
    for place, digit in enumerate("20"):
        draw_with_mouse(page, number(digit, 60 + 130 * place, 100, 130))
        assert wait_for_answer(page, "20"[: place + 1]) == "20"[: place + 1]
    assert not page.evaluate("window.bad")


def test_an_answer_that_comes_after_its_run_changes_nothing(new_page, server):
    page, held = new_page(), []
    page.route("**/read-drawing*", lambda route: held.append(route))
    open_canvas(page, server.url)
    draw_with_mouse(page, placed(DIGITS[5], 150, 60, 220))
    assert wait_for_answer(page, "5") == "5"
    _clear(page)
    assert held
    for route in held:
        route.continue_()
    page.wait_for_timeout(1000)
    assert answer(page) == INVITATION


def test_on_a_busy_server_the_answer_comes_first_and_the_rest_when_the_pen_has_rested(new_page, server):
    page = new_page()
    page.route("**/read-drawing*", _answered_as_if_busy)
    open_canvas(page, server.url)
    for place, digit in enumerate("20"):
        draw_with_mouse(page, number(digit, 60 + 130 * place, 100, 130))
        began = page.evaluate("performance.now()")
        assert wait_for_answer(page, "20"[: place + 1]) == "20"[: place + 1]
        assert page.locator("[data-live]").count() == 1
        wait_until_idle(page)
        assert page.evaluate("performance.now()") - began > 1100  # the pen has rested
        page.get_by_alt_text(f"What the network saw, read as {digit}").wait_for()


@pytest.mark.parametrize("width", [390, 320])
def test_the_canvas_of_a_phone_stays_in_its_place_while_answers_come(new_page, server, width):
    page = new_page(viewport={"width": width, "height": 844}, has_touch=True)
    open_canvas(page, server.url)
    top, tops = canvas_box(page)["y"], []
    for place, digit in enumerate((5, 3)):
        for strokes in (DIGITS[digit][:1], DIGITS[digit][1:]):
            draw_with_mouse(page, placed(strokes, 40 + 130 * place, 40, 150))
            page.wait_for_timeout(200)
            tops.append(canvas_box(page)["y"])
    assert max(abs(now - top) for now in tops) < 3


def test_a_right_click_keeps_nothing_from_the_server(new_page, server):
    page = new_page()
    page.route("**/read-drawing*", _answered_as_if_busy)
    open_canvas(page, server.url)
    draw_with_mouse(page, number("2", 60, 100, 130))
    assert wait_for_answer(page, "2") == "2"
    page.locator(".st-key-canvas").click(button="right", position={"x": 400, "y": 300})
    page.get_by_alt_text("What the network saw, read as 2").wait_for()
    assert page.locator("[data-live], [data-blank]").count() == 0


def test_an_answer_cannot_be_saved_or_copied_while_a_newer_one_is_shown(new_page, server):
    page = new_page()
    open_canvas(page, server.url)
    draw_with_mouse(page, number("2", 60, 100, 130))
    assert wait_for_answer(page, "2") == "2"
    wait_until_idle(page)
    page.route("**/read-drawing*", _answered_as_if_busy)
    page.locator(".st-key-drawn_right button").focus()
    draw_with_mouse(page, number("7", 190, 100, 130))
    assert wait_for_answer(page, "27") == "27"
    page.keyboard.press("Enter")
    wait_until_idle(page)
    assert page.locator(".st-key-feedback").get_by_role("button", name="Yes").count() == 1  # nothing was saved
    page.locator(".st-key-drawn_right button").click()
    page.locator(".st-key-feedback").get_by_text("Saved").wait_for()


def test_after_clear_no_answer_tells_of_what_was_cleared(new_page, server):
    """A new stroke is drawn before the server has cleared the canvas."""
    page = new_page()
    open_canvas(page, server.url)
    draw_with_mouse(page, number("2", 60, 100, 130))
    assert wait_for_answer(page, "2") == "2"
    wait_until_idle(page)
    process = psutil.Process(server.process.pid)
    process.suspend()
    try:
        page.locator(".st-key-clear button").click()
        draw_with_mouse(page, number("7", 190, 100, 130))
        page.wait_for_timeout(300)
    finally:
        process.resume()
    assert wait_for_answer(page, "7") == "7"
    wait_until_idle(page)
    assert answer(page) == "7"
    assert page.locator("[data-live], [data-blank]").count() == 0


def test_what_was_sent_while_the_pen_moved_does_not_outlive_clear(page):
    draw_with_mouse(page, placed(DIGITS[5], 150, 60, 220))
    assert wait_for_answer(page, "5") == "5"
    _clear(page)
    page.wait_for_timeout(800)
    assert answer(page) == INVITATION
    draw_with_mouse(page, placed(DIGITS[7], 150, 60, 220))
    assert wait_for_answer(page, "7") == "7"
    for _ in DIGITS[7]:
        page.wait_for_timeout(100)
        page.locator(".st-key-undo button").click()
    assert wait_for_answer(page, INVITATION) == INVITATION


def test_keys_undo_redo_clear_and_show_a_sample(page):
    for place, digit in enumerate("23"):
        draw_with_mouse(page, number(digit, 60 + 130 * place, 100, 130))
    assert wait_for_answer(page, "23") == "23"
    for keys, expected in (
        ("Control+z", "2"),
        ("Control+z", INVITATION),
        ("Control+Shift+Z", "2"),
        ("Control+Shift+Z", "23"),
        ("Delete", INVITATION),
        ("s", "7"),
    ):
        page.keyboard.press(keys)
        assert wait_for_answer(page, expected) == expected
        page.wait_for_timeout(300)


def test_who_draws_on_after_an_undo_cannot_redo(page):
    for place, digit in enumerate("23"):
        draw_with_mouse(page, number(digit, 60 + 130 * place, 100, 130))
    assert wait_for_answer(page, "23") == "23"
    page.locator(".st-key-undo button").click()
    assert wait_for_answer(page, "2") == "2"
    page.locator(".st-key-redo button:enabled").wait_for()
    draw_with_mouse(page, number("7", 320, 100, 130))
    assert wait_for_answer(page, "27") == "27"
    page.locator(".st-key-redo button:disabled").wait_for()


def test_two_quick_undos_take_two_strokes_away(page):
    for place, digit in enumerate("237"):
        draw_with_mouse(page, number(digit, 40 + 120 * place, 100, 130))
    assert wait_for_answer(page, "237") == "237"
    page.locator(".st-key-undo button:enabled").wait_for()
    page.evaluate("for (let i = 0; i < 2; i++) document.querySelector('.st-key-undo button').click()")
    assert wait_for_answer(page, "2") == "2"


def test_a_key_pressed_right_after_the_first_stroke_undoes_it(page):
    draw_with_mouse(page, number("2", 60, 100, 130))
    page.keyboard.press("Control+z")
    page.locator(".st-key-redo button:enabled").wait_for()
    assert wait_for_answer(page, INVITATION) == INVITATION


def test_the_canvas_invites_and_has_a_name_and_one_set_of_tools(page):
    prompt = "getComputedStyle(document.querySelector('.st-key-canvas'), '::before')"
    page.wait_for_function(f"""{prompt}.content === '"Write here"'""")
    assert int(page.evaluate(f"{prompt}.zIndex")) > 10  # above the canvas's own layers
    draw_with_mouse(page, placed(DIGITS[5], 150, 60, 220))
    assert page.evaluate(f"{prompt}.content") == "none"
    assert wait_for_answer(page, "5") == "5"
    assert page.evaluate(f"{prompt}.content") == "none"
    _clear(page)
    page.wait_for_function(f"""{prompt}.content === '"Write here"'""")
    page.get_by_role("img", name=re.compile("Drawing canvas")).wait_for()
    assert page.get_by_role("button", name="Undo").count() == 1


def test_a_scribble_that_is_no_digit_is_not_called_a_blank_sheet(page):
    page.locator(".st-key-pen_width").get_by_text("Fine").click()
    page.wait_for_timeout(500)
    draw_with_mouse(page, [[(200, 150), (200, 151)]])
    page.wait_for_timeout(1500)
    assert answer(page) != INVITATION


def test_samples_need_no_pen(page):
    for text in ("7", "2026"):
        page.locator(".st-key-sample button").click()
        assert wait_for_answer(page, text) == text


def test_the_drawing_can_go_on_after_a_sample(page):
    page.locator(".st-key-sample button").click()
    assert wait_for_answer(page, "7") == "7"
    draw_with_mouse(page, placed(DIGITS[1], 380, 90, 170))
    assert wait_for_answer(page, "71") == "71"


def test_a_digit_of_a_number_can_be_chosen(page):
    draw_with_mouse(page, number("274", 40, 100, 130))
    assert wait_for_answer(page, "274") == "274"
    group = page.locator("[class*=st-key-drawn_digit]")
    group.get_by_role("radio").nth(2).click()
    page.get_by_alt_text("What the network saw, read as 4").wait_for()
    page.get_by_text("Show the steps").click()
    page.get_by_alt_text("Centred by weight").wait_for()


def test_a_reload_keeps_drawing_and_answer(page):
    draw_with_mouse(page, placed(DIGITS[5], 150, 60, 220))
    assert wait_for_answer(page, "5") == "5"
    page.reload()
    assert wait_for_answer(page, "5", seconds=10) == "5"
    wait_for_strokes(page)
    draw_with_mouse(page, placed(DIGITS[1], 360, 80, 200))  # the strokes are still on the canvas
    assert wait_for_answer(page, "51") == "51"


def _is_ink(page, x: float, y: float) -> bool:
    """Whether a pixel of the canvas is dark."""
    return page.evaluate(
        """([x, y]) => [...document.querySelectorAll(".st-key-canvas *")]
          .flatMap((host) => [...(host.shadowRoot?.querySelectorAll("canvas") ?? [])])
          .some((layer) => {
            const scale = layer.width / layer.clientWidth;
            const [red, , , opaque] = layer.getContext("2d").getImageData(x * scale, y * scale, 1, 1).data;
            return opaque > 128 && red < 128;
          })""",
        [x, y],
    )


def test_a_stroke_that_the_server_has_not_seen_outlives_a_reload(page):
    page.locator(".st-key-pen_width").get_by_text("Broad").click()
    wait_until_idle(page)
    draw_with_mouse(page, placed(DIGITS[2], 60, 80, 200))
    assert wait_for_answer(page, "2") == "2"
    wait_until_idle(page)
    box = canvas_box(page)
    page.mouse.move(box["x"] + 380, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 380, box["y"] + 280, steps=4)
    with page.expect_navigation():
        page.evaluate("""() => {
          const lifted = { pointerId: 1, bubbles: true };
          document.querySelector(".st-key-canvas").dispatchEvent(new PointerEvent("pointerup", lifted));
          location.reload();
        }""")
    page.mouse.up()
    assert wait_for_answer(page, "21") == "21"
    wait_for_strokes(page)
    assert _is_ink(page, 390, 180)  # as broad as it was drawn
    assert not _is_ink(page, 400, 180)


def test_nothing_comes_back_after_clear_and_reload(page):
    draw_with_mouse(page, placed(DIGITS[5], 150, 60, 220))
    assert wait_for_answer(page, "5") == "5"
    page.wait_for_function("sessionStorage.getItem('inkling-drawing')")
    with page.expect_navigation():  # at once, before the server replies to the browser
        page.evaluate("document.querySelector('.st-key-clear button').click(); location.reload()")
    page.wait_for_selector(".st-key-canvas canvas")
    page.wait_for_timeout(1500)
    assert answer(page) == INVITATION


def test_a_change_of_tab_keeps_drawing_and_answer(page):
    draw_with_mouse(page, placed(DIGITS[6], 150, 60, 220))
    assert wait_for_answer(page, "6") == "6"
    page.get_by_role("tab", name="Upload").click()
    page.get_by_text("Photographs or scans").wait_for()
    page.get_by_role("tab", name="Draw").click()
    assert wait_for_answer(page, "6") == "6"
    wait_for_strokes(page)
    draw_with_mouse(page, placed(DIGITS[1], 370, 80, 200))
    assert wait_for_answer(page, "61") == "61"


def test_a_link_that_is_followed_with_the_last_stroke_leads_to_its_page(new_page, server):
    """The message sent on pressing the link must go out first; afterwards it would empty the new page."""
    page, sent = new_page(), []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(bytes(frame))))
    open_canvas(page, server.url)
    wait_until_idle(page)
    box = canvas_box(page)
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 110, box["y"] + 160, steps=6)
    page.evaluate(
        """() => {
          const options = { bubbles: true, pointerId: 1 };
          document.querySelector(".st-key-canvas").dispatchEvent(new PointerEvent("pointerup", options));
          const link = document.querySelector('a[href$="train"]');
          link.dispatchEvent(new PointerEvent("pointerdown", options));
          link.click();
        }"""
    )
    page.locator(".st-key-train_start button").wait_for()
    wait_until_idle(page)
    drawn = [place for place, frame in enumerate(sent) if b"canvas_browser" in frame and len(frame) > 2000]
    assert drawn
    assert drawn[-1] < len(sent) - 1


def test_a_change_of_page_keeps_drawing_and_answer(page):
    draw_with_mouse(page, placed(DIGITS[3], 150, 60, 220))
    assert wait_for_answer(page, "3") == "3"
    for other in ("Train", "Evaluate"):
        page.get_by_role("link", name=other).click()
        page.wait_for_selector(".st-key-train_start" if other == "Train" else ".st-key-evaluated_model")
        page.get_by_role("link", name="Predict").click()
        assert wait_for_answer(page, "3") == "3"
    wait_for_strokes(page)
    draw_with_mouse(page, placed(DIGITS[1], 360, 80, 200))
    assert wait_for_answer(page, "31") == "31"


def _drop_messages_unless(page, is_open: list[bool]) -> None:
    """Drop the page's messages to the server while `is_open[0]` is false."""

    def connect(socket):
        upstream = socket.connect_to_server()
        socket.on_message(lambda message: upstream.send(message) if is_open[0] else None)

    page.route_web_socket("**/_stcore/stream", connect)


@pytest.mark.parametrize("before", [[], [DIGITS[1]]])
def test_a_stroke_that_leaving_the_page_kept_from_the_server_is_there_on_return(new_page, server, before):
    page, is_open = new_page(), [True]
    _drop_messages_unless(page, is_open)
    open_canvas(page, server.url)
    for strokes in before:
        draw_with_mouse(page, placed(strokes, 60, 80, 200))
        assert wait_for_answer(page, "1") == "1"
    wait_until_idle(page)
    is_open[0] = False
    draw_with_mouse(page, placed(DIGITS[3], 250, 60, 220))
    page.wait_for_timeout(300)
    is_open[0] = True
    page.evaluate("""document.querySelector('a[href$="train"]').click()""")
    page.wait_for_selector(".st-key-train_start")
    page.get_by_role("link", name="Predict").click()
    expected = "13" if before else "3"
    assert wait_for_answer(page, expected) == expected
    wait_for_strokes(page)
    page.locator(".st-key-undo button").click()  # the stroke is there once
    remains = "1" if before else INVITATION
    assert wait_for_answer(page, remains) == remains


def test_undo_before_the_page_is_left_removes_the_stroke_on_return(new_page, server):
    """On a busy server the click waits for the stroke, and the link comes first."""
    page, is_open = new_page(), [True]
    _drop_messages_unless(page, is_open)
    open_canvas(page, server.url)
    draw_with_mouse(page, placed(DIGITS[1], 60, 80, 200))
    assert wait_for_answer(page, "1") == "1"
    wait_until_idle(page)
    is_open[0] = False
    draw_with_mouse(page, placed(DIGITS[3], 250, 60, 220))
    page.evaluate("document.querySelector('.st-key-undo button').click()")
    page.wait_for_timeout(300)
    is_open[0] = True
    page.evaluate("""document.querySelector('a[href$="train"]').click()""")
    page.wait_for_selector(".st-key-train_start")
    page.wait_for_timeout(3500)  # longer than a click waits for its answer
    page.get_by_role("link", name="Predict").click()
    assert wait_for_answer(page, "1") == "1"
    page.locator(".st-key-redo button:enabled").wait_for()
    page.wait_for_timeout(1000)
    assert answer(page) == "1"


@pytest.mark.parametrize(("path", "shown"), [("train", ".st-key-train_start"), ("evaluate", ".st-key-evaluated_model")])
def test_a_link_to_a_page_is_the_first_request_to_a_fresh_server(new_page, tmp_path, path, shown):
    """Streamlit then starts in its legacy multipage mode and runs the page's file without the entry script."""
    with serving(tmp_path) as server:
        page = new_page()
        page.goto(f"{server.url}/{path}")
        page.wait_for_selector(shown)
        page.wait_for_function("document.title.endsWith('Inkling')")  # the entry's title; a page alone shows its path
        page.get_by_role("link", name="Predict").click()
        page.locator(".st-key-sample button").wait_for()
        wait_until_idle(page)  # replacing a canvas during its first render logs an error of its library
        page.locator(".st-key-sample button").click()
        assert wait_for_answer(page, "7") == "7"


def test_good_and_bad_files_are_uploaded_together(page, tmp_path):
    files = [
        _png(tmp_path, "number.png", number("314", 20, 60, 120), width=420, height=240),
        _png(tmp_path, "eight.png", placed(DIGITS[8], 80, 60, 240)),
    ]
    (tmp_path / "text.png").write_text("no picture")
    page.get_by_role("tab", name="Upload").click()
    page.locator(".st-key-upload input[type=file]").set_input_files([*files, str(tmp_path / "text.png")])
    assert wait_for_answer(page, "314", "reading_1") == "314"
    assert wait_for_answer(page, "8", "reading_2") == "8"
    assert "not a picture" in page.get_by_role("alert").inner_text()
    with page.expect_download() as download:
        page.locator(".st-key-csv button").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == "File,Answer,Lowest confidence,Note"
    assert [line.split(",")[:2] for line in lines[1:]] == [["number.png", "314"], ["eight.png", "8"], ["text.png", ""]]


def test_one_file_shows_its_reading_and_the_steps(page, tmp_path):
    page.get_by_role("tab", name="Upload").click()
    page.locator(".st-key-upload input[type=file]").set_input_files(
        _png(tmp_path, "2.png", placed(DIGITS[2], 80, 60, 240))
    )
    assert wait_for_answer(page, "2") == "2"
    page.get_by_text("Show the steps").click()
    page.get_by_alt_text("Centred by weight").wait_for()


def test_every_broken_file_gets_a_sentence_in_the_page(page, tmp_path, server):
    files = []
    for name, content in pictures.broken().items():
        files.append(tmp_path / name.replace("^", ""))
        files[-1].write_bytes(content)
    page.get_by_role("tab", name="Upload").click()
    page.locator(".st-key-upload input[type=file]").set_input_files([str(file) for file in files])
    page.wait_for_function(f"document.querySelectorAll('[role=alert]').length >= {len(files)}", timeout=20_000)
    sentences = page.get_by_role("alert").all_inner_texts()
    assert len(files) >= 30
    assert all(sentence.strip().endswith(".") for sentence in sentences)
    assert not [sentence for sentence in sentences if "Traceback" in sentence or "Error" in sentence]
    assert server.process.poll() is None


def test_a_camera_snapshot_is_read(page):
    """Chromium's fake camera shows a clock on green; any reading of it will do."""
    page.get_by_role("tab", name="Camera").click()
    page.wait_for_function("document.querySelector('video')?.readyState === 4")  # frames are available
    page.get_by_role("button", name="Take Photo").click(timeout=15_000)
    page.locator(".st-key-reading").wait_for()
    assert re.fullmatch(r"[0-9?/]+|Nothing in this picture .*", answer(page))
    camera, said = (page.locator(place).bounding_box() for place in (".st-key-camera", ".st-key-reading"))
    assert said["x"] >= camera["x"] + camera["width"]  # beside the camera, in view
    assert said["y"] < page.viewport_size["height"] / 2


def test_no_camera_runs_before_its_tab_is_opened(page):
    assert page.locator("video").count() == 0


def test_a_phone_held_upright(new_page, server):
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2)
    open_canvas(page, server.url)
    box = canvas_box(page)
    assert box["width"] >= 340
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    _draw_with_finger(page, number("42", 60, 50, 130))
    assert wait_for_answer(page, "42") == "42"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.wait_for_function(  # visible without scrolling; a run in progress may replace it
        "document.querySelector('.st-key-reading .ink-answer')?.getBoundingClientRect().y < 844 - 80"
    )


def test_the_other_pages_can_be_reached_at_every_width(page):
    for width in (900, 768, 767, 700, 641, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.locator("a:visible", has_text="Evaluate").first.wait_for()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_canvass_own_tools_never_show(new_page, server):
    """Checked on two first loads, because the app's script may run before the canvas exists."""
    for _ in range(2):
        page = new_page()
        open_canvas(page, server.url)
        page.get_by_role("img", name=re.compile("Drawing canvas")).wait_for()
        [toolbar] = page.locator(".st-key-canvas .dc-toolbar").all()
        assert not toolbar.is_visible()


def test_a_turned_phone_keeps_the_drawing(new_page, server):
    page = new_page(viewport={"width": 844, "height": 390})
    open_canvas(page, server.url)
    draw_with_mouse(page, number("42", 60, 40, 130))
    assert wait_for_answer(page, "42") == "42"
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(1500)
    assert canvas_box(page)["width"] < 380
    assert wait_for_answer(page, "42") == "42"


def test_a_drawing_is_read_in_the_dark_theme_and_the_canvas_follows_a_change_of_theme(new_page, server):
    page = new_page(color_scheme="dark")
    open_canvas(page, server.url)
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == "rgb(18, 21, 31)"
    draw_with_mouse(page, placed(DIGITS[9], 150, 60, 220))
    assert wait_for_answer(page, "9") == "9"
    for scheme, inverted in (("dark", "true"), ("light", "false"), ("dark", "true")):
        page.emulate_media(color_scheme=scheme)
        sheet = "getComputedStyle(document.querySelector('.st-key-canvas'))"
        page.wait_for_function(f"{sheet}.filter.includes('invert') === {inverted}")


def test_two_visitors_do_not_see_each_other(new_page, server):
    first, second = new_page(), new_page()
    for page in (first, second):
        open_canvas(page, server.url)
    draw_with_mouse(first, placed(DIGITS[2], 150, 60, 220))
    assert wait_for_answer(first, "2") == "2"
    assert answer(second) == INVITATION


def test_the_server_never_loads_tensorflow(page, server):
    """Checked in the server's process: no TensorFlow library is mapped, and memory is bounded."""
    draw_with_mouse(page, placed(DIGITS[9], 150, 60, 220))
    assert wait_for_answer(page, "9") == "9"
    process = psutil.Process(server.process.pid)
    assert not [m.path for m in process.memory_maps() if "tensorflow" in m.path]
    assert process.memory_info().rss < 550e6  # after these tests' uploads; benchmarks/memory.py has the exact figure


def _draw_with_finger(page, strokes):
    box, session = canvas_box(page), page.context.new_cdp_session(page)

    def touch(kind, *points):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    for stroke in strokes:
        points = [(box["x"] + x, box["y"] + y) for x, y in stroke]
        touch("touchStart", points[0])
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            for share in (0.25, 0.5, 0.75, 1):
                touch("touchMove", (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share))
        touch("touchEnd")


def test_a_hand_writes_once_where_nobody_does_and_makes_way(new_page, server):
    page = new_page(reduced_motion="no-preference")
    page.clock.install()
    open_canvas(page, server.url)
    page.clock.fast_forward(10_000)
    assert wait_for_answer(page, "42", seconds=40) == "42"
    page.mouse.move(300, 500)
    assert wait_for_answer(page, INVITATION) == INVITATION
    page.clock.fast_forward(10_000)
    assert wait_for_answer(page, "42", seconds=3) == INVITATION  # plays only once
    draw_with_mouse(page, placed(DIGITS[7], 150, 60, 220))
    assert wait_for_answer(page, "7") == "7"


def test_a_click_on_a_digit_of_the_answer_or_the_picture_looks_at_it(page):
    draw_with_mouse(page, number("20", 60, 60, 180))
    assert wait_for_answer(page, "20") == "20"
    wait_until_idle(page)
    page.get_by_alt_text("What the network saw, read as 0").wait_for()  # the newest digit is selected
    page.locator(".ink-answer [data-place='0']").click()
    page.get_by_alt_text("What the network saw, read as 2").wait_for()
    page.locator(".ink-boxes [data-place='1']").click()
    page.get_by_alt_text("What the network saw, read as 0").wait_for()


def test_an_answer_is_copied_and_a_link_opens_its_drawing(page, new_page):
    draw_with_mouse(page, number("20", 60, 60, 180))
    assert wait_for_answer(page, "20") == "20"
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.locator("[data-act=copy][data-text='20']").wait_for()  # the buttons appear shortly after the answer
    page.get_by_role("button", name="Copy", exact=True).click()
    page.wait_for_function("window.copied === '20'")
    page.locator("[data-act=share]:enabled").click()
    page.wait_for_function("window.copied.startsWith('http')")
    other = new_page()
    other.goto(page.evaluate("window.copied"))
    assert wait_for_answer(other, "20") == "20"
    assert "drawing" not in other.url


def test_a_card_of_drawing_and_answer_is_saved(page):
    draw_with_mouse(page, placed(DIGITS[7], 150, 60, 220))
    assert wait_for_answer(page, "7") == "7"
    with page.expect_download() as download:
        page.locator("[data-act=save]:enabled").click()
    picture = image_files.decode(Path(download.value.path()).read_bytes())
    assert picture.shape[:2] == (630, 1200)
    assert (picture < 100).any(2)[:, :720].any()  # the drawing
    assert (picture < 100).any(2)[:, 760:].any()  # the answer


def test_a_pasted_picture_is_read(page):
    url = overlay.data_url(draw(placed(DIGITS[7], 100, 60, 250)))
    page.evaluate(
        """async (url) => {
          const file = new File([await (await fetch(url)).blob()], "pasted.png", { type: "image/png" });
          const clipboardData = new DataTransfer();
          clipboardData.items.add(file);
          document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        }""",
        url,
    )
    assert wait_for_answer(page, "7") == "7"
    page.get_by_alt_text("The picture with its marks boxed: 7").wait_for()


def test_an_example_photograph_is_read_with_one_click(page):
    page.get_by_role("button", name="A photograph").click()
    page.get_by_alt_text(re.compile("The picture with its marks boxed: [0-9]")).wait_for()
    assert re.match(r"\d", answer(page))


@pytest.mark.parametrize(("path", "title"), TITLES.items())
def test_each_page_has_a_title(new_page, server, path, title):
    page = new_page()
    page.goto(f"{server.url}/{path}")
    page.wait_for_function("title => document.title === title", arg=title, timeout=20_000)
    assert page.title() == title


def test_the_navigation_stands_on_the_content_s_grid(new_page, server):
    for width in (1440, 1000):
        page = new_page(viewport={"width": width, "height": 900})
        open_canvas(page, server.url)
        first = page.get_by_test_id("stHeaderLogo").bounding_box()["x"]
        assert abs(first - page.locator(".ink-title").bounding_box()["x"]) < 20


def test_pen_and_uploads_survive_a_change_of_page(page, tmp_path):
    page.locator(".st-key-pen_width").get_by_text("Broad").click()
    page.get_by_role("tab", name="Upload").click()
    page.set_input_files(".st-key-upload input", _png(tmp_path, "seven.png", placed(DIGITS[7], 100, 60, 250)))
    assert wait_for_answer(page, "7") == "7"
    page.get_by_role("link", name="Train").first.click()
    page.locator(".st-key-train_start").wait_for()
    page.get_by_role("link", name="Predict").first.click()
    page.get_by_role("tab", name="Upload").click()
    page.get_by_alt_text("The picture with its marks boxed: 7").wait_for()
    page.get_by_role("button", name="Remove these pictures").click()
    page.get_by_text("No photo at hand?").wait_for()
    page.get_by_role("tab", name="Draw").click()
    page.locator(".st-key-pen_width [data-selected]").get_by_text("Broad").wait_for()


def test_a_pen_chosen_just_before_another_tab_stays_chosen(page):
    wait_until_idle(page)
    page.evaluate(
        """() => {
          [...document.querySelectorAll(".st-key-pen_width button")].find((pen) => pen.innerText === "Broad").click();
          [...document.querySelectorAll("[role=tab]")].find((tab) => tab.innerText.includes("Upload")).click();
        }"""
    )
    page.get_by_text("No photo at hand?").wait_for()
    page.get_by_role("tab", name="Draw").click()
    page.locator(".st-key-pen_width [data-selected]").get_by_text("Broad").wait_for()


def test_a_palm_beside_a_stylus_draws_nothing(page):
    touches = """(kind) => {
      const canvas = document.querySelector('.st-key-canvas'), box = canvas.getBoundingClientRect();
      let seen = 0;
      const count = () => { seen++; };
      canvas.addEventListener('pointerdown', count);
      for (const pointerType of kind) {
        const at = { clientX: box.x + 90, clientY: box.y + 90, bubbles: true, composed: true, cancelable: true };
        canvas.dispatchEvent(new PointerEvent('pointerdown', { ...at, pointerType, button: 0 }));
        window.dispatchEvent(new PointerEvent('pointerup', { ...at, pointerType }));
      }
      canvas.removeEventListener('pointerdown', count);
      return seen;
    }"""
    assert page.evaluate(touches, ["touch"]) == 1
    assert page.evaluate(touches, ["pen", "touch", "pen"]) == 2
    page.wait_for_timeout(2000)
    assert page.evaluate(touches, ["touch"]) == 1
