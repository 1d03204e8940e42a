"""The running app and a real Chromium, for tests and benchmarks."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LEFT_EARLY = """WebSocketDisconnected: Cannot call "send" once a close message has been sent."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
# Until the page is left, the app must not store anything again.
FORGET_TAB = (
    "() => { try { sessionStorage.clear(); Storage.prototype.setItem = () => {}; } catch { /* about:blank */ } }"
)
FORGOTTEN = {"origin": "*", "storageTypes": "local_storage,indexeddb,cache_storage,service_workers"}


class Server:
    """A server of the app: its URL, process and log."""

    def __init__(self, process: subprocess.Popen, port: int, log: Path):
        self.process, self.port, self._log = process, port, log
        self.home = log.parent / "home"
        self.url = f"http://127.0.0.1:{port}"

    def log(self) -> str:
        return self._log.read_text()

    def tracebacks(self) -> list[str]:
        """Log records with a traceback, except Streamlit's for a visitor who left while connecting."""
        records = re.split(r"(?m)^(?=\d{4}-\d\d-\d\d )", self.log())
        return [record for record in records if "Traceback" in record and not record.rstrip().endswith(LEFT_EARLY)]


@contextlib.contextmanager
def serving(folder: Path, entry: Path = ROOT / "streamlit_app.py", **environment: str) -> Iterator[Server]:
    """Run the app as `make run` does, on a free port, with its files in `folder`; yield it once it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "server.log"
    words = [sys.executable, "-m", "streamlit", "run", str(entry), "--server.headless=true"]
    words += [f"--server.port={port}", "--server.address=127.0.0.1", "--server.fileWatcherType=none"]
    settings = {**os.environ, "DIGIT_HOME": str(folder / "home"), "MALLOC_ARENA_MAX": "2", **environment}
    with open(log, "w") as output:
        process = subprocess.Popen(words, cwd=entry.parent, env=settings, stdout=output, stderr=output)
    server = Server(process, port, log)
    try:
        _wait_until_healthy(server)
        yield server
    finally:
        process.terminate()
        process.wait(60)  # a reading in progress finishes first


def _wait_until_healthy(server: Server, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"The app did not start:\n{server.log()}")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Launch the installed Chromium or Chrome, or else Playwright's own, with a fake camera."""
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Visitors:
    """Visitors of the app, each with separate storage: `page = visitors.arrive(color_scheme="dark")`.

    Storage is cleared after a visit, but the next visitor of the same kind gets the same page, whose process has
    compiled the app's scripts: it loads them in half the time.
    """

    def __init__(self, browser: Browser):
        self._browser = browser
        self._idle: list[tuple[dict, Page]] = []
        self._here: list[tuple[dict, Page]] = []

    def arrive(self, viewport: dict[str, int], color_scheme="light", reduced_motion="reduce", **device) -> Page:
        """A blank page of a first-time visitor; `device` holds further options of the browser context."""
        kept = next((entry for entry in self._idle if entry[0] == device), None)
        if kept:
            self._idle.remove(kept)
        else:
            kept = device, self._browser.new_context(viewport=viewport, **device).new_page()
        self._here.append(kept)
        page = kept[1]
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        return page

    def leave(self) -> None:
        """Leave the app on all pages, and clear their cookies and storage."""
        for device, page in self._here:
            context = page.context
            for other in context.pages:
                if other is not page:
                    other.close()
            if page.is_closed():
                page = context.new_page()
            page.unroute_all()
            page.evaluate(FORGET_TAB)
            page.goto("about:blank")
            page.mouse.move(0, 0)
            context.clear_cookies()
            session = context.new_cdp_session(page)
            session.send("Storage.clearDataForOrigin", FORGOTTEN)
            session.detach()
            self._idle.append((device, page))
        self._here = []


def open_canvas(page: Page, url: str) -> None:
    """Open the first page and wait for its canvas."""
    page.goto(url)
    wait_for_canvas(page)


def wait_for_canvas(page: Page, seconds: float = 20) -> None:
    """Wait until the canvas is as wide as its column, and stays where it is."""
    page.wait_for_selector(".st-key-canvas canvas", timeout=1000 * seconds)
    until, before = time.monotonic() + seconds, None
    while abs((box := canvas_box(page))["width"] - _column_width(page)) > 3 or box != before:
        if time.monotonic() > until:
            raise RuntimeError("The canvas did not take its place")
        before = box
        page.wait_for_timeout(50)


def _column_width(page: Page) -> float:
    """Width of the canvas's nearest ancestor that has one."""
    return page.evaluate(
        """() => {
          let box = document.querySelector(".st-key-canvas").parentElement;
          while (!box.clientWidth) box = box.parentElement;
          return box.clientWidth;
        }"""
    )


def canvas_box(page: Page) -> dict[str, float]:
    """Bounding box of the canvas on the screen: x, y, width, height."""
    return page.locator(".st-key-canvas canvas").first.bounding_box()


def draw_with_mouse(page: Page, strokes) -> None:
    """Draw strokes of (x, y) in canvas pixels with the mouse."""
    box = canvas_box(page)
    for stroke in strokes:
        points = [(box["x"] + x, box["y"] + y) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:] or points:
            page.mouse.move(*point, steps=2)
        page.mouse.up()


def answer(page: Page, container: str = "reading") -> str:
    """The first line of the reading's text, exactly what was read."""
    return page.locator(f".st-key-{container}").inner_text().split("\n")[0]


def wait_for_answer(page: Page, text: str, container: str = "reading", seconds: float = 15) -> str:
    """Wait until the answer is `text`; return the answer shown at the end."""
    with contextlib.suppress(Exception):
        page.wait_for_function(
            "([key, text]) => document.querySelector('.st-key-' + key)?.innerText.split('\\n')[0] === text",
            arg=[container, text],
            timeout=seconds * 1000,
        )
    return answer(page, container)


def wait_until_idle(page: Page, seconds: float = 20) -> None:
    """Wait until the page shows its script's last run and its pictures, which shift the layout, have loaded."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=1000 * seconds)
    page.wait_for_function("!document.querySelector('[data-live]')", timeout=1000 * seconds)
    page.wait_for_function("[...document.images].every((picture) => picture.complete)", timeout=1000 * seconds)


def wait_for_strokes(page: Page) -> None:
    """Wait until the canvas shows strokes; a recreated canvas takes a while."""
    wait_until_idle(page)
    page.wait_for_function(
        """() => [...document.querySelectorAll(".st-key-canvas *")]
          .flatMap((host) => [...(host.shadowRoot?.querySelectorAll("canvas") ?? [])])
          .some((layer) => layer.width && layer.getContext("2d").getImageData(0, 0, layer.width, layer.height).data
            .some((value, i, all) => i % 4 === 3 && value > 128 && all[i - 3] < 128))"""
    )


def choose_option(page: Page, selectbox: str, name: str, exact: bool = False, seconds: float = 30) -> None:
    """Choose from a selectbox, given by its container's selector; retry, because the end of a run closes its list."""
    until = time.monotonic() + seconds
    while True:
        wait_until_idle(page)
        page.locator(selectbox).get_by_role("combobox").click()
        try:
            page.get_by_role("option", name=name, exact=exact).click(timeout=3_000)
            return
        except TimeoutError:
            if time.monotonic() > until:
                raise
            page.keyboard.press("Escape")
