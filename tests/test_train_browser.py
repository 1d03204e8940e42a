"""The training page in a browser: real training, reloads, a server restart, a killed worker."""

import os
import re
import signal
import time

import psutil
import pytest
from browser import choose_option, draw_with_mouse, serving, wait_for_answer, wait_until_idle
from drawing import DIGITS, placed

pytestmark = pytest.mark.browser
POINTS = "Math.max(0, ...[...document.querySelectorAll('.js-plotly-plot')].map(p => p.data?.[0]?.x?.length ?? 0))"


@pytest.fixture
def home(tmp_path):
    yield tmp_path
    for worker in _workers(tmp_path):
        worker.kill()


@pytest.fixture
def open_page(new_page):
    def new(url, **options):
        page = new_page(**{"viewport": {"width": 1280, "height": 1000}, **options})
        page.goto(url)
        return page

    return new


def _workers(home):
    """The worker processes of the runs in this home folder."""
    ids = {path.name for path in (home / "home" / "runs").glob("*-*-*")}
    return [p for p in psutil.process_iter(["cmdline"]) if ids & set(p.info["cmdline"] or [])]


def _start(page):
    page.wait_for_selector(".st-key-train_start button:enabled", timeout=30_000).click()
    page.wait_for_url(re.compile(r"run="), timeout=20_000)


def _choose(page, epochs):
    """Select the smallest network, the built-in digits and the number of epochs."""
    page.get_by_text("All settings").click()
    choose_option(page, "[class*=st-key-network_]", "LeNet-5")
    choose_option(page, "[class*=st-key-data_]", "Built-in")
    page.wait_for_timeout(500)
    wait_until_idle(page)
    field = page.locator("[class*=st-key-epochs_] input")
    field.fill(str(epochs))
    field.press("Enter")
    page.get_by_text(f"{epochs} epoch").first.wait_for(timeout=20_000)
    wait_until_idle(page)


def _points(page):
    return page.evaluate(POINTS)


def _says(page, text, seconds):
    page.get_by_text(text).first.wait_for(timeout=1000 * seconds)


def _rename_and_delete(page):
    """Rename and delete the only run; deleting asks for confirmation."""
    canvas = page.locator("[class*=st-key-runs_] canvas").first
    canvas.wait_for()
    time.sleep(1)
    canvas.scroll_into_view_if_needed()
    canvas.click(position={"x": 18, "y": 52}, force=True)
    page.locator("[class*=st-key-title_] input").fill("My first")
    page.get_by_role("button", name="Rename").click()
    page.get_by_text("My first").first.wait_for(state="attached", timeout=10_000)  # the table is drawn on a canvas
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Yes, delete it").click()
    page.get_by_text("All runs").wait_for(state="detached", timeout=20_000)


def test_a_training_from_the_click_to_the_first_page(home, open_page):
    with serving(home) as server:
        page = open_page(f"{server.url}/train")
        _choose(page, 8)
        _start(page)
        page.wait_for_function(f"{POINTS} > 0", timeout=90_000)
        page.wait_for_selector(".st-key-train_use", timeout=120_000)
        reached = page.get_by_test_id("stMetricValue").first.inner_text()
        assert float(reached.rstrip("%")) >= 90
        page.locator(".st-key-train_use button").click()
        page.wait_for_url(re.compile(r"model=lenet5"), timeout=20_000)
        page.wait_for_selector(".st-key-canvas canvas", timeout=20_000)
        _says(page, "You are using LeNet-5", 10)
        time.sleep(1)
        draw_with_mouse(page, placed(DIGITS[6], 60, 40, 250))
        assert wait_for_answer(page, "6") == "6"
        page.goto(f"{server.url}/train")
        _rename_and_delete(page)
        assert not list((home / "home" / "runs").glob("2*"))
        assert not server.tracebacks()


def test_a_run_outlives_reload_server_and_worker_and_is_seen_by_all(home, open_page):
    with serving(home) as server:
        page = open_page(f"{server.url}/train")
        _choose(page, 60)
        _start(page)
        run_id = page.url.split("run=")[1]
        page.wait_for_function(f"{POINTS} > 3", timeout=60_000)
        page.reload()
        page.wait_for_function(f"{POINTS} > 3", timeout=60_000)
        other = open_page(f"{server.url}/train", viewport={"width": 390, "height": 900}, color_scheme="dark")
        other.wait_for_function(f"{POINTS} > 3", timeout=60_000)
        assert other.evaluate("document.documentElement.scrollWidth") <= 390
        assert other.locator(".st-key-train_start").count() == 0
        [worker] = _workers(home)
    with serving(home) as server:  # a new server after the first has exited, like a service restart
        assert worker.is_running()
        page = open_page(f"{server.url}/train?run={run_id}")
        page.wait_for_function(f"{POINTS} > 10", timeout=60_000)
        os.kill(worker.pid, signal.SIGKILL)
        _says(page, "Interrupted.", 30)
        page.locator(".st-key-train_resume button").click()
        page.locator(".st-key-train_stop button").click(timeout=60_000)
        _says(page, "Stopped", 60)
        page.wait_for_selector(".st-key-train_resume", timeout=40_000)
        page.wait_for_selector(".st-key-train_use", timeout=10_000)


def test_two_visitors_who_press_start_at_once_share_one_run(home, open_page):
    with serving(home) as server:
        pages = [open_page(f"{server.url}/train") for _ in range(2)]
        for page in pages:
            page.wait_for_selector(".st-key-train_start button:enabled", timeout=30_000)
        for page in pages:
            page.evaluate("document.querySelector('.st-key-train_start button').click()")
        for page in pages:
            page.wait_for_url(re.compile(r"run="), timeout=30_000)
        assert pages[0].url == pages[1].url
        assert len(_workers(home)) == 1
        _says(pages[0], "Stop and save", 20)
