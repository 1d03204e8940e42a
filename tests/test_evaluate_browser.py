"""The evaluation page in a browser: clicks on cells, shared URLs, the report."""

import re
import time

import pytest
from browser import choose_option, wait_until_idle

pytestmark = pytest.mark.browser


@pytest.fixture
def open_page(new_page, server):
    def new(query="", **options):
        page = new_page(**{"viewport": {"width": 1280, "height": 1200}, **options})
        page.goto(f"{server.url}/evaluate?{query}")
        page.wait_for_selector(".st-key-headline", timeout=60_000)
        return page

    return new


def _place_of(chart, true, predicted):
    """Screen position of a cell's centre."""
    return chart.evaluate(
        "(p, [t, c]) => { const l = p._fullLayout, b = p.getBoundingClientRect();"
        " return [b.x + l.xaxis._offset + l.xaxis.c2p(c), b.y + l.yaxis._offset + l.yaxis.c2p(t)]; }",
        [true, predicted],
    )


def _click_cell(page, true, predicted):
    """Click the centre of a cell with the mouse."""
    chart = page.locator(".st-key-confusion .js-plotly-plot")
    chart.wait_for(timeout=20_000)
    time.sleep(0.5)
    x, y = _place_of(chart, true, predicted)
    page.mouse.move(x, y)
    time.sleep(0.2)
    page.mouse.click(x, y)


def _worst_cell(page):
    text = page.locator("[class*=st-key-pair_] button").first.inner_text()
    true, predicted = map(int, re.findall(r"\d", text)[:2])
    count = 1 if "once" in text else int(re.findall(r"(\d+) times", text)[0])
    return true, predicted, count


def test_ten_thousand_digits_from_cold_then_at_once(mnist, open_page):
    began = time.monotonic()
    page = open_page("model=lenet5&data=mnist")
    page.wait_for_selector(".st-key-gallery", timeout=60_000)
    cold = time.monotonic() - began
    began = time.monotonic()
    page = open_page("model=lenet5&data=mnist")
    page.wait_for_selector(".st-key-gallery", timeout=60_000)
    print(f"from cold {cold:.1f} s, then {time.monotonic() - began:.1f} s")
    assert "10,000 test digits of MNIST" in page.inner_text("body")


def test_a_click_on_a_cell_shows_its_digits_and_can_be_shared(open_page):
    page = open_page("model=lenet5&data=builtin")
    page.wait_for_selector(".st-key-gallery", timeout=30_000)
    true, predicted, count = _worst_cell(page)
    _click_cell(page, true, predicted)
    page.wait_for_url(re.compile(f"cell={true}{predicted}"), timeout=10_000)
    page.get_by_text(f"{true} read as {predicted}: {count}", exact=True).wait_for(timeout=10_000)
    digits = page.locator(".st-key-pixels_gallery [class*=st-key-digit_]")
    wait_until_idle(page)  # the previous digits are removed last
    assert digits.count() == count
    digits.first.locator("button").first.click()
    page.wait_for_selector(".st-key-opened", timeout=10_000)
    page.wait_for_url(re.compile("digit="), timeout=10_000)
    shared = open_page(page.url.split("?")[1])
    shared.wait_for_selector(".st-key-opened", timeout=20_000)
    wait_until_idle(shared)  # the opened digit appears before the others
    assert shared.locator(".st-key-pixels_gallery [class*=st-key-digit_]").count() == count
    page.keyboard.press("Escape")
    page.wait_for_selector(".st-key-opened", state="detached", timeout=10_000)
    page.wait_for_function("!location.search.includes('digit=')", timeout=10_000)
    wait_until_idle(page)
    _click_cell(page, true, predicted)  # a second click deselects it
    page.get_by_text("Misread digits, the most confident first").wait_for(timeout=10_000)
    assert "cell=" not in page.url


def test_a_finger_scrolls_over_the_matrix_and_a_tap_brings_the_digits_into_view(open_page):
    page = open_page(
        "model=lenet5&data=builtin", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page.wait_for_selector(".st-key-confusion .js-plotly-plot", timeout=30_000)
    wait_until_idle(page)
    true, predicted, count = _worst_cell(page)
    chart = page.locator(".st-key-confusion .js-plotly-plot")
    chart.scroll_into_view_if_needed()
    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop"
    before, box, session = page.evaluate(scrolled), chart.bounding_box(), page.context.new_cdp_session(page)
    x, y = box["x"] + 200, box["y"] + 250
    for kind, points in [
        ("touchStart", [y]),
        *(("touchMove", [y - 15 * step]) for step in range(1, 11)),
        ("touchEnd", []),
    ]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": own} for own in points]})
        time.sleep(0.02)
    page.wait_for_function(f"{scrolled} > {before} + 50", timeout=10_000)
    time.sleep(0.5)  # momentum scrolling
    assert "cell=" not in page.url
    chart.scroll_into_view_if_needed()
    page.touchscreen.tap(*_place_of(chart, true, predicted))
    page.get_by_text(f"{true} read as {predicted}: {count}", exact=True).wait_for(timeout=20_000)
    digit = "document.querySelector('.st-key-pixels_gallery img')"
    page.wait_for_function(f"{digit}?.getBoundingClientRect().bottom < innerHeight", timeout=10_000)


def test_filters_views_and_comparison(open_page):
    page = open_page("model=lenet5&data=builtin")
    page.wait_for_selector(".st-key-gallery", timeout=30_000)
    choose_option(page, ".st-key-f_true", "8", exact=True)
    page.wait_for_url(re.compile("true=8"), timeout=10_000)
    time.sleep(1)
    labels = page.locator(".st-key-pixels_gallery [class*=st-key-digit_]").all_inner_texts()
    assert all(text.startswith("8→") for text in labels)
    page.get_by_role("radio", name="Compare").or_(page.get_by_role("button", name="Compare")).first.click()
    page.get_by_text("McNemar").first.wait_for(timeout=30_000)
    page.wait_for_url(re.compile("view=compare"), timeout=10_000)


def test_the_report_is_downloaded_and_opens_by_itself(open_page, browser, tmp_path):
    page = open_page("model=lenet5&data=builtin&view=report")
    page.locator(".st-key-report_prepare button").click()
    with page.expect_download(timeout=30_000) as download:
        page.locator(".st-key-report button").click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    context = browser.new_context(offline=True)
    opened = context.new_page()
    opened.goto(file.as_uri())
    opened.wait_for_selector("svg[role=img] rect", timeout=20_000, state="attached")
    assert "LeNet-5" in opened.inner_text("h1")
    assert "Read right" in opened.inner_text("body")
    context.close()


@pytest.mark.parametrize("view", ["mistakes", "digits", "confidence", "compare"])
def test_nothing_is_clipped_on_a_phone(open_page, view):
    page = open_page(
        f"model=lenet5&data=builtin&view={view}", viewport={"width": 390, "height": 844}, color_scheme="dark"
    )
    time.sleep(1.5)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for chart in page.locator(".js-plotly-plot").all():
        box = chart.bounding_box()
        assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= 391)
