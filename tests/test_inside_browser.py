"""The Inside page in a browser: clicks on pixels, erasing, shared URLs, the link from a drawing."""

import os
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from browser import ROOT, choose_option, draw_with_mouse, open_canvas, wait_for_answer, wait_until_idle
from drawing import number

from digit_core.explanation import network
from digit_core.models import store
from ui import inside_digit

pytestmark = pytest.mark.browser
SERVER = {"DIGIT_DATA_DIR": ""}  # the built-in digits are searched in seconds


def _open(page, url: str, query: str = "model=lenet5") -> None:
    page.goto(f"{url}/inside?{query}")
    page.get_by_text("Through other eyes").wait_for(timeout=60_000)
    wait_until_idle(page)


def _digit(page) -> np.ndarray:
    return inside_digit.unpack(parse_qs(urlsplit(page.url).query)["digit"][0])


def _cell(page, key: str, row: int, column: int, rows: int, columns: int) -> tuple[float, float]:
    """Screen position of a grid cell's centre."""
    picture = page.locator(f".st-key-{key} .grid img")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    return box["x"] + box["width"] * (column + 0.5) / columns, box["y"] + box["height"] * (row + 0.5) / rows


def test_a_click_on_a_pixel_shows_its_very_sum(new_page, server):
    page = new_page()
    _open(page, server.url)
    page.mouse.click(*_cell(page, "inside_maps", 0, 2, 1, 6))
    page.wait_for_url(re.compile("map=2"))
    wait_until_idle(page)
    page.mouse.click(*_cell(page, "inside_map", 9, 14, 28, 28))
    page.wait_for_url(re.compile(r"pixel=9\.14"))
    value = network.network_of(store.find("lenet5")).run(_digit(page))["c1"][9, 14, 2]
    said = f"Row 9, column 14 of map 2: {value:.3f}".replace("-", "−")
    page.get_by_text(said).wait_for()
    last = page.locator(".st-key-inside_sum .ink-sum-steps li b").last
    assert last.inner_text() == f"{value:.3f}".replace("-", "−")


def test_the_keyboard_chooses_a_pixel(new_page, server):
    page = new_page()
    _open(page, server.url, "model=lenet5&map=1&pixel=5.5")
    page.locator(".st-key-inside_map .grid").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert page.locator(".st-key-inside_map .grid [aria-live]").inner_text() == "Row 6, column 7"
    page.wait_for_url(re.compile(r"pixel=6\.7"))
    page.get_by_text("Row 6, column 7 of map 1").wait_for()


def test_a_click_on_a_map_of_the_overview_opens_it_below(new_page, server):
    page = new_page()
    _open(page, server.url)
    page.mouse.click(*_cell(page, "inside_walk_1", 0, 2, 1, 10))
    page.wait_for_url(re.compile("layer=.*map="))
    wait_until_idle(page)
    chosen = re.search(r"map=(\d+)", page.url)[1]
    page.get_by_text(f"of map {chosen}:").wait_for()


def test_ink_is_rubbed_out_and_a_shared_address_shows_it(new_page, server):
    page = new_page()
    _open(page, server.url)
    before = _digit(page)
    row, column = (int(place) for place in np.unravel_index(before.argmax(), before.shape))
    page.mouse.move(*_cell(page, "inside_picture", row, column, 28, 28))
    page.mouse.down()
    page.mouse.move(*_cell(page, "inside_picture", row, min(column + 3, 26), 28, 28), steps=4)
    page.mouse.up()
    page.wait_for_function("before => !location.search.includes(before)", arg=inside_digit.pack(before))
    wait_until_idle(page)
    after = _digit(page)
    assert after[row, column] == 0
    assert (after <= before).all()
    other = new_page()
    _open(other, server.url, urlsplit(page.url).query)
    assert np.array_equal(_digit(other), after)


def test_a_quick_stroke_erases_without_holes(new_page, server):
    page = new_page()
    _open(page, server.url)
    before = _digit(page)
    row = int(before.sum(1).argmax())
    page.mouse.move(*_cell(page, "inside_picture", row, 1, 28, 28))
    page.mouse.down()
    page.mouse.move(*_cell(page, "inside_picture", row, 26, 28, 28))  # one event for 25 cells
    page.mouse.up()
    page.wait_for_function("before => !location.search.includes(before)", arg=inside_digit.pack(before))
    wait_until_idle(page)
    assert before[row].any()
    assert not _digit(page)[row].any()


def test_the_answer_follows_a_slider(new_page, server):
    page = new_page()
    _open(page, server.url)
    before = page.locator(".ink-sentence").inner_text()
    handle = page.get_by_role("slider", name="Turn")
    handle.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("edit=turn_12"))
    wait_until_idle(page)
    assert page.locator(".ink-sentence").inner_text() != before


def test_the_same_digit_is_shown_to_another_network(new_page, server):
    page = new_page()
    _open(page, server.url)
    before = _digit(page)
    choose_option(page, ".st-key-inside_model", "Small ResNet")
    page.wait_for_url(re.compile("model=resnet"))
    wait_until_idle(page)
    assert np.array_equal(_digit(page), before)
    shares = network.network_of(store.find("resnet")).run(before)["probabilities"]
    page.get_by_text(f"{shares.max():.1%} sure").first.wait_for()
    page.locator(".st-key-inside_walk_1 .grid").wait_for()


def test_why_leads_from_a_drawing_to_its_digit(new_page, server):
    page = new_page()
    open_canvas(page, server.url)
    draw_with_mouse(page, number("5", 60, 60, 150))
    wait_for_answer(page, "5")
    wait_until_idle(page)
    page.get_by_text("Why?").click()
    page.get_by_text("Look inside").wait_for()
    wait_until_idle(page)  # pictures that load move the link
    page.get_by_text("Look inside").click()
    page.get_by_text("Through other eyes").wait_for(timeout=60_000)
    wait_until_idle(page)
    assert page.locator(".ink-answer").inner_text() == "5"
    page.get_by_alt_text("Your ink").wait_for()


def test_a_network_that_was_just_trained_shows_its_own_layers_and_sums(new_page, server):
    settings = ["--architecture", "lenet5", "--data", "builtin", "--epochs", "1", "--name", "mine"]
    command = [sys.executable, "-m", "digit_core", "train", *settings]
    environment = {**os.environ, "DIGIT_HOME": str(server.home), "DIGIT_DATA_DIR": ""}
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=ROOT)
    page = new_page()
    _open(page, server.url, "model=mine&map=1&pixel=9.14&why=cam")
    own = network.read((server.home / "models" / "mine" / "model.keras").read_bytes())
    value = own.run(_digit(page))["c1"][9, 14, 1]
    page.get_by_text(f"Row 9, column 14 of map 1: {value:.3f}".replace("-", "−")).wait_for()
    assert page.locator(".ink-evidence figure").count() == 3
    page.get_by_text("Of these 8,").wait_for(timeout=120_000)


def test_a_class_sees_no_controls_on_a_dark_beamer(new_page, server):
    page = new_page(color_scheme="dark")
    _open(page, server.url, "model=lenet5&present=1")
    assert not page.get_by_role("slider").count()
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") > 18
    page.get_by_role("button", name="Show the controls").click()
    page.get_by_role("slider", name="Turn").wait_for()


def test_a_digit_without_ink_is_an_invitation(new_page, server):
    page = new_page()
    page.goto(f"{server.url}/inside?model=lenet5&digit={inside_digit.pack(np.zeros((28, 28), np.uint8))}")
    page.get_by_text("There is no ink left. Draw a digit on the Predict page").wait_for(timeout=60_000)


def test_the_map_of_all_digits_is_made_and_shown(new_page, server):
    page = new_page()
    _open(page, server.url)
    page.get_by_role("heading", name="The map of all digits").wait_for(timeout=120_000)
    page.locator(".st-key-inside_digit_map .js-plotly-plot").wait_for()
    assert page.locator(".ink-alike figure").count() == 8


def test_a_phone_scrolls_in_one_direction_only(new_page, server):
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    _open(page, server.url)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    links = [page.locator(".st-key-phone_nav a").nth(place).bounding_box()["y"] for place in range(4)]
    assert max(links) - min(links) < 5  # all in one row


def test_a_finger_taps_a_pixel(new_page, server):
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    _open(page, server.url)
    page.touchscreen.tap(*_cell(page, "inside_map", 10, 10, 28, 28))
    page.get_by_text("Row 10, column 10 of map").wait_for()
