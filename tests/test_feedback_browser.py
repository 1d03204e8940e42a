"""Corrections and history in a real browser: correct readings, teach a network with them, and undo it."""

import pytest
from browser import (
    answer,
    canvas_box,
    draw_with_mouse,
    open_canvas,
    serving,
    wait_for_answer,
    wait_for_canvas,
    wait_until_idle,
)
from drawing import DIGITS, placed

pytestmark = pytest.mark.browser


@pytest.fixture
def home(tmp_path):
    return tmp_path


def _clear(page) -> None:
    page.locator(".st-key-clear button").click()
    page.get_by_text("Draw a digit, or a whole number").wait_for()


def _correct(page, truth: str) -> None:
    """Correct the drawing's reading to `truth`."""
    page.locator(".st-key-drawn_wrong button").click()
    page.locator(".st-key-feedback").get_by_role("radio", name=truth, exact=True).click()
    page.locator(".st-key-feedback").get_by_text(f"Saved as {truth}").wait_for()


def _unfold(page) -> None:
    wait_until_idle(page)
    page.get_by_text("History", exact=True).click()


def _pictures(page) -> int:
    return page.locator(".ink-history li").count()


def test_a_network_learns_from_what_is_said_and_forgets_it_again(home, new_page, monkeypatch):
    monkeypatch.delenv("DIGIT_DATA_DIR", raising=False)  # forgetting is measured on the built-in digits
    with serving(home) as server:
        page = new_page()
        open_canvas(page, f"{server.url}/?model=lenet5")
        drawn = [placed(DIGITS[7], 80 + 20 * number, 40 + 8 * number, 200 + 6 * number) for number in range(5)]
        for strokes in drawn:  # a writer whose 1 has a long flag
            draw_with_mouse(page, strokes)
            assert wait_for_answer(page, "7") == "7"
            _correct(page, "1")
            _clear(page)
        page.get_by_role("link", name="Models").click()
        page.get_by_text("Corrections", exact=True).click()
        page.locator(".st-key-corrections").get_by_text("Needs review (5)").wait_for()
        page.locator(".st-key-corrections_shown label").first.click()
        page.locator(".st-key-corrections_alike label").click()
        page.wait_for_selector(".st-key-corrections_alike input:checked", state="attached")
        wait_until_idle(page)
        page.locator(".st-key-corrections_approve button").click()
        page.get_by_text("Needs review (0)").wait_for()
        page.get_by_role("link", name="Train", exact=True).click()
        page.locator(".st-key-teach_start button").click()
        page.locator(".st-key-teach_use button").click(timeout=120_000)
        page.locator(".st-key-teach_undo button").wait_for()
        page.get_by_role("link", name="Predict", exact=True).click()
        page.get_by_text("You are using my-hand").wait_for()
        wait_until_idle(page)
        wait_for_canvas(page)
        draw_with_mouse(page, placed(DIGITS[7], 120, 50, 220))
        assert wait_for_answer(page, "1") == "1"
        page.get_by_role("link", name="Train", exact=True).click()
        page.locator(".st-key-teach_undo button").click()
        page.locator(".st-key-teach_use button").wait_for()
        page.get_by_role("link", name="Predict", exact=True).click()
        assert wait_for_answer(page, "7") == "7"
        assert not server.tracebacks()


def test_the_history_outlives_a_change_of_page_and_a_reload(server, new_page):
    page = new_page()
    open_canvas(page, server.url)
    for value in (3, 4):
        draw_with_mouse(page, placed(DIGITS[value], 150, 60, 220))
        assert wait_for_answer(page, str(value)) == str(value)
        wait_until_idle(page)
        _clear(page)
    _unfold(page)
    page.wait_for_function("document.querySelectorAll('.ink-history li').length === 2")
    assert page.locator(".ink-history b").all_inner_texts() == ["4", "3"]
    page.get_by_role("link", name="Train", exact=True).click()
    page.locator(".st-key-train_start").wait_for()
    page.get_by_role("link", name="Predict", exact=True).click()
    _unfold(page)
    page.wait_for_function("document.querySelectorAll('.ink-history li').length === 2")
    page.reload()
    _unfold(page)
    page.wait_for_function("document.querySelectorAll('.ink-history li').length === 2")
    with page.expect_download() as download:
        page.locator(".st-key-history_csv button").click()
    assert download.value.path().read_text().count("\n") == 3
    page.locator(".st-key-history_clear button").click()
    page.reload()  # at once
    _unfold(page)
    page.get_by_text("What is read in this tab").wait_for()
    assert _pictures(page) == 0


@pytest.mark.parametrize("width", [390, 320])
def test_the_question_fits_a_phone_in_the_dark(server, new_page, width):
    page = new_page(viewport={"width": width, "height": 800}, color_scheme="dark", has_touch=True)
    open_canvas(page, server.url)
    draw_with_mouse(page, placed(DIGITS[5], 60, 40, 150))
    assert wait_for_answer(page, "5") == "5"
    page.locator(".st-key-drawn_wrong button").click()
    page.locator(".st-key-feedback").get_by_role("radio", name="two digits").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert canvas_box(page)["width"] <= width
    assert answer(page) == "5"
