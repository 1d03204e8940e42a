"""Measure response times and the server's memory: `python benchmarks/latency.py`.

Prints the table that docs/results.md quotes. Needs requirements-dev.txt and a Chromium (as the
browser tests do), TensorFlow for the comparison, and an idle machine.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import psutil
from browser import chromium, draw_with_mouse, open_canvas, serving
from drawing import DIGITS, draw, number, placed
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from digit_core import Recognizer
from digit_core.models import store as model_store
from digit_core.pictures import normalization

READINGS = 100
SETTLED = 900  # ms until the last answer to a stroke has arrived, including the canvas's own message
WATCH = """
window.marks = {};
const ask = window.fetch;
window.fetch = function (...request) {
  if (marks.up && !marks.sent) marks.sent = performance.now();
  return ask.apply(this, request);
};
addEventListener("mouseup", () => { marks.up = performance.now(); marks.sent = null; }, true);
new MutationObserver(() => {
  const text = document.querySelector(".st-key-reading")?.innerText.split("\\n")[0];
  if (text && text !== marks.text) Object.assign(marks, { text, changed: performance.now() });
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
FOLLOW = """
window.slider = {};
addEventListener("keydown", () => { slider.moved = performance.now(); slider.shown = slider.ended = null; }, true);
new MutationObserver(() => {
  const text = document.querySelector(".ink-sums")?.innerText;
  if (text && text !== slider.text) Object.assign(slider, { text, shown: performance.now() });
  const state = document.querySelector("[data-test-script-state]")?.dataset.testScriptState;
  if (state === "notRunning" && slider.state !== state) slider.ended = performance.now();
  slider.state = state;
}).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
"""


def main() -> None:
    cv2.setNumThreads(1)
    rows = [*networks(), *readings(), *processes(), *pages()]
    print("| what | median | 95 % within |\n|---|---|---|")
    for what, median, within in rows:
        print(f"| {what} | {median} | {within} |")


def networks() -> list[tuple[str, str, str]]:
    """Time one digit through the same network in three ways."""
    import keras

    recognizer = Recognizer.load()
    model = keras.models.load_model(model_store.find().folder / "model.keras")
    digit = np.random.default_rng(0).integers(0, 256, (1, 28, 28), np.uint8)
    batch = normalization.batch(digit)
    lite = _times(lambda: recognizer.classify(digit), 2000)
    call = _times(lambda: model(batch), 200)
    predict = _times(lambda: model.predict(batch, verbose=0), 60)
    ratio = statistics.median
    return [
        _row("one digit, LiteRT, one thread", lite),
        _row(f"one digit, `model(x)` ({ratio(call) / ratio(lite):.0f} times LiteRT)", call),
        _row(f"one digit, `model.predict(x)` ({ratio(predict) / ratio(lite):.0f} times LiteRT)", predict),
    ]


def readings() -> list[tuple[str, str, str]]:
    """Time from picture to answer: page network, line network and classifier, on two threads."""
    recognizer = Recognizer.load()
    digits = [draw(placed(DIGITS[i % 10], 60 + i, 50, 200 + i), pen=10 + i % 15) for i in range(40)]
    numbers = [draw(number(f"{i}28{i}", 20, 60, 100), width=480, height=240) for i in range(1, 10)]
    eights = [draw(number(f"{i}2834567", 20, 60, 100), width=840, height=240) for i in range(1, 10)]
    touching = [draw(number(f"{i}2834567", 20, 60, 100, advance=0.62), width=640, height=240) for i in range(1, 10)]
    return [
        _row("reading a drawn digit, 400 x 400 pixels", _times_over(recognizer.read, digits * 10)),
        _row("reading a drawn number of four digits", _times_over(recognizer.read, numbers * 20)),
        _row("reading a drawn number of eight digits", _times_over(recognizer.read, eights * 20)),
        _row("reading a drawn number of eight digits that touch", _times_over(recognizer.read, touching * 20)),
        _row("reading a page of 30 digits, 4000 x 3000 pixels", _times_over(recognizer.read, [_page()] * 10)),
    ]


def _page() -> np.ndarray:
    """Return five rows of six digits, as photographed at 12 megapixels."""
    rows = [number("281735"[i:] + "281735"[:i], 60, 60 + 110 * i, 80, advance=1.2) for i in range(5)]
    page = draw([stroke for row in rows for stroke in row], width=800, height=600, pen=8)
    return cv2.resize(page, (4000, 3000), interpolation=cv2.INTER_CUBIC)


def processes() -> list[tuple[str, str, str]]:
    """Measure time to first answer and memory of a fresh process: LiteRT against Keras."""
    lite = "from digit_core import Recognizer; r = Recognizer.load(); r.read(picture)"
    file = model_store.find().folder / "model.keras"
    whole = f"import keras; m = keras.models.load_model({str(file)!r}); m.predict(batch, verbose=0)"
    found = []
    for name, program in (("LiteRT", lite), ("TensorFlow", whole)):
        runs = [_run(program) for _ in range(5)]
        found.append(_row(f"a fresh process to its first answer, {name}", [seconds for seconds, _ in runs]))
        memory = statistics.median(megabytes for _, megabytes in runs)
        found.append((f"memory of that process, {name}", f"{memory:.0f} MB", ""))
    return found


def pages() -> list[tuple[str, str, str]]:
    """Measure in Chromium: pen-up to answer, the app's part of it, the first reading, the server's memory."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.add_init_script(WATCH)
        began = time.perf_counter()
        with serving(Path(folder)) as server:
            open_canvas(page, server.url)
            whole, share = strokes(page, 1)
            first = time.perf_counter() - began
            for times, more in zip((whole, share), strokes(page, READINGS - 1), strict=True):
                times += more
            memory = psutil.Process(server.process.pid).memory_info().rss / 1e6
            shown, ended = slider(page, server.url)
            page.locator(".st-key-inside_digit_map").wait_for(timeout=120_000)  # similar digits are found by then
            page.close()
            alone = [run_inside(server.url, -degrees) for degrees in range(1, 21)]  # which nobody has explained yet
    return [
        _row("pen-up to the final answer in the page", whole),
        _row("of that, picture out to answer in the page", share),
        ("start of the server to the first reading in the page", f"{first:.1f} s", ""),
        (f"memory of the server after {READINGS} readings", f"{memory:.0f} MB", ""),
        _row("a slider of Inside to the changed sums of the last layer in the page", shown),
        _row("a slider of Inside to the end of its run: maps, evidence, neighbours", ended),
        _row("of that, the server's part, with no browser on the same cores", alone),
    ]


def slider(page, url: str) -> tuple[list[float], list[float]]:
    """Turn a digit on the Inside page degree by degree; return seconds to the changed sums of the
    last layer, and to the end of the run."""
    page.add_init_script(FOLLOW)
    page.goto(f"{url}/inside")
    page.get_by_text("Through other eyes").wait_for(timeout=60_000)
    page.get_by_role("slider", name="Turn").focus()
    page.wait_for_timeout(2000)
    shown, ended = [], []
    for _ in range(20):
        page.keyboard.press("ArrowRight")
        page.wait_for_function("slider.shown && slider.ended > slider.shown")
        times = page.evaluate("slider")
        shown.append((times["shown"] - times["moved"]) / 1000)
        ended.append((times["ended"] - times["moved"]) / 1000)
        page.wait_for_timeout(500)
    return shown, ended


def run_inside(url: str, degrees: int) -> float:
    """Turn the digit of a new visitor on the Inside page; return seconds until the server has sent everything."""
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], max_size=None) as socket:
        run = BackMsg()
        run.rerun_script.page_name = "inside"
        widgets = {}
        for message in _messages_of_a_run(socket, run):
            turn = message.delta.new_element.slider
            widgets |= {turn.label: turn.id}
        run.rerun_script.widget_states.widgets.add(id=widgets["Turn"]).double_array_value.data.append(degrees)
        began = time.perf_counter()
        for _ in _messages_of_a_run(socket, run):
            pass
        return time.perf_counter() - began


def _messages_of_a_run(socket, run: BackMsg) -> Iterator[ForwardMsg]:
    socket.send(run.SerializeToString())
    while (message := ForwardMsg.FromString(socket.recv(60))).WhichOneof("type") != "script_finished":
        yield message


def strokes(page, count: int) -> tuple[list[float], list[float]]:
    """Draw on a page that has `WATCH`; return seconds from pen-up to the final answer, and the app's part of them.

    The answer may change while the pen moves; only the last change counts.
    """
    whole, share = [], []
    for index in range(count):
        draw_with_mouse(page, placed(DIGITS[index % 10], 150, 60, 220)[:1])
        page.wait_for_selector(".st-key-reading .ink-answer")
        page.wait_for_timeout(SETTLED)
        marks = page.evaluate("marks")
        whole.append(max(marks["changed"] - marks["up"], 0) / 1000)
        share.append(max(marks["changed"] - marks["sent"], 0) / 1000)
        page.locator(".st-key-clear button").click()
        page.wait_for_selector(".st-key-reading .ink-invite")
        page.wait_for_timeout(150)
    return whole, share


def _run(program: str) -> tuple[float, float]:
    """Run a program in a new Python process; return its seconds and megabytes."""
    program = (
        "import numpy as np, psutil; picture = np.full((400, 400), 255, np.uint8); picture[100:300, 180:220] = 0;"
        f"batch = np.zeros((1, 28, 28, 1), np.float32); {program}; print(psutil.Process().memory_info().rss)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, int(done.stdout.split()[-1]) / 1e6


def _times(call: Callable[[], object], count: int) -> list[float]:
    for _ in range(5):
        call()
    return _times_over(lambda _: call(), range(count))


def _times_over(call: Callable, arguments) -> list[float]:
    seconds = []
    for argument in arguments:
        began = time.perf_counter()
        call(argument)
        seconds.append(time.perf_counter() - began)
    return seconds


def _row(what: str, seconds: list[float]) -> tuple[str, str, str]:
    return what, _shown(statistics.median(seconds)), _shown(float(np.percentile(seconds, 95)))


def _shown(seconds: float) -> str:
    return (
        f"{seconds:.1f} s"
        if seconds >= 1
        else f"{seconds * 1000:.2g} ms"
        if seconds < 0.1
        else f"{seconds * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
