"""Measure the cost of the Train page, and of a training for the other pages: `python benchmarks/train_page.py`.

Prints the table that docs/results.md quotes. Needs requirements-dev.txt, a Chromium, MNIST and an idle machine.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import psutil
from browser import chromium, open_canvas, serving
from latency import WATCH, strokes

from digit_core import training_charts
from digit_core.runs import events as run_events
from digit_core.runs import store as runs
from digit_core.training.events import BatchEnd
from digit_core.training.settings import settings_from

EVENTS = 10_000
STROKES = 40
WATCHERS = 4
SECONDS = 20


def main() -> None:
    rows = [drawn(), watched(), *answers()]
    print("| what | measured |\n|---|---|")
    for what, measured in rows:
        print(f"| {what} | {measured} |")


def drawn() -> tuple[str, str]:
    """Time reading a long run and drawing both charts from scratch, up to the JSON sent to the browser."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            json.dumps({"kind": "batch", **vars(BatchEnd(1 + i // 500, 20, 1 + i % 500, 500, 1 / (i + 1), 0.9))})
            for i in range(EVENTS)
        ]
        (Path(folder) / run_events.FILE).write_text("\n".join(lines) + "\n")
        times = []
        for _ in range(10):
            began = time.perf_counter()
            story = run_events.Story(Path(folder)).update()
            for quantity in ("loss", "accuracy"):
                curves = training_charts.run_curves(story.curve(), story.epochs, quantity)
                json.dumps(training_charts.training_curves(curves, quantity, "run", 20))
            times.append(time.perf_counter() - began)
    return f"{EVENTS:,} events, read and drawn from nothing", f"{1000 * statistics.median(times):.0f} ms"


def watched() -> tuple[str, str]:
    """Measure the fraction of a core the server uses per watcher, while a long run sends two events a second."""
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        os.environ["DIGIT_HOME"] = str(folder / "home")
        runs._launch = lambda place: runs.write_status(place, {"state": "training"})
        run = runs.start(settings_from("best"))
        with runs.lock_of(run.folder), serving(folder) as server:
            recorder = run_events.Recorder(run.folder)
            recorder._last = 0.0
            for step in range(1, 4001):
                recorder._last = -10.0
                recorder(_batch(step))
            pages = [browser.new_page() for _ in range(WATCHERS)]
            for page in pages:
                page.goto(f"{server.url}/train?run={run.id}")
                page.wait_for_selector(".js-plotly-plot", timeout=30_000)
            time.sleep(3)
            process = psutil.Process(server.process.pid)
            before, began = _seconds(process), time.monotonic()
            step = 4001
            while time.monotonic() - began < SECONDS:
                recorder._last = -10.0
                recorder(_batch(step))
                step += 1
                time.sleep(0.5)
            share = (_seconds(process) - before) / (time.monotonic() - began) / WATCHERS
    return f"the server's share of a core a watcher, {WATCHERS} watchers", f"{share:.1%}"


def _batch(step: int) -> BatchEnd:
    return BatchEnd(1 + step // 430, 25, 1 + step % 430, 430, 1 / step, 1 - 1 / step, 600.0, 1000.0)


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def answers() -> list[tuple[str, str]]:
    """Time pen-up to answer on the Predict page, when idle and while a network trains."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, serving(Path(folder)) as server:
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.add_init_script(WATCH)
        open_canvas(page, server.url)
        strokes(page, 5)
        idle = statistics.median(strokes(page, STROKES)[0])
        other = browser.new_page()
        other.goto(f"{server.url}/train")
        other.get_by_text("Standard", exact=True).click()
        other.locator(".st-key-train_start button").click()
        other.wait_for_function("document.querySelector('.js-plotly-plot')?.data?.[0]?.x?.length > 1", timeout=60_000)
        busy = statistics.median(strokes(page, STROKES)[0])
        other.locator(".st-key-train_stop button").click()
        other.wait_for_selector(".st-key-train_resume", timeout=60_000)
    return [
        ("pen-up to answer, idle", f"{1000 * idle:.0f} ms"),
        ("pen-up to answer while `standard` trains and is watched", f"{1000 * busy:.0f} ms, {busy / idle:.2f} times"),
    ]


if __name__ == "__main__":
    main()
