"""Measure how much one hostile visitor slows another: `python benchmarks/neighbour.py`.

One visitor draws a digit per second over a WebSocket, as in `load.py`. Meanwhile a hostile visitor in Chromium uploads
a picture made to be expensive, fifty files at once, a drawing of 20,000 strokes and a long file of digits. Prints the
first visitor's response times. Needs requirements-dev.txt, a Chromium and an idle machine.
"""

import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import cv2
import load
import numpy as np
from browser import choose_option, chromium, open_canvas, serving

UPLOADS, STROKES, ROWS = 50, 20_000, 50_000


def main() -> None:
    print("| the other visitor | answers | median | 95 % within |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as server, chromium() as browser:
        with multiprocessing.get_context("spawn").Pool(1) as process:
            for act in (nothing, diagonals, uploads, strokes, rows):
                page = browser.new_context().new_page()
                drawing = process.apply_async(load.measure, (server.url, 1, 1.0))
                while not drawing.ready():
                    act(page, server.url, Path(name))
                answers, errors, _ = drawing.get()
                waits = [wait for wait, _ in answers]
                within = f"{np.median(waits):.2f} s | {np.percentile(waits, 95):.2f} s"
                print(f"| {act.__doc__} | {len(answers)} | {within}{', errors' * errors} |", flush=True)
                page.context.close()
        print(f"\nTracebacks in the log: {len(server.tracebacks())}")


def nothing(page, url: str, folder: Path) -> None:
    """is not there"""
    time.sleep(0.5)


def diagonals(page, url: str, folder: Path) -> None:
    """uploads lines 5 pixels apart, 2000 x 2000, again and again"""
    side = np.arange(2000)
    _upload(page, url, folder, 3, lambda i: np.where((side[:, None] + side + i) % 5 == 0, 0, 255).astype(np.uint8))


def uploads(page, url: str, folder: Path) -> None:
    """uploads 50 pictures of noise at a time"""
    rng = np.random.default_rng(0)
    _upload(page, url, folder, UPLOADS, lambda _: rng.integers(0, 256, (800, 800), np.uint8))


def _upload(page, url: str, folder: Path, count: int, picture: Callable[[int], np.ndarray]) -> None:
    files = [folder / f"{number}.png" for number in range(count)]
    for number, file in enumerate(files):
        cv2.imwrite(str(file), picture(number))
    open_canvas(page, url)
    page.get_by_role("tab", name="Upload").click()
    page.set_input_files(".st-key-upload input[type=file]", files)
    page.wait_for_timeout(5000)


def strokes(page, url: str, folder: Path) -> None:
    """hands in a drawing of 20,000 strokes"""
    path = {"type": "Path", "path": [["M", 1, 1], ["L", 9, 9]], "left": 1, "top": 1}
    kept = {"raw": {"objects": [path] * STROKES}, "data": load._picture(0, 0), "width": 560}
    page.goto(url)
    page.evaluate("text => sessionStorage.setItem('inkling-drawing', text)", json.dumps(kept))
    page.reload()
    page.wait_for_timeout(3000)


def rows(page, url: str, folder: Path) -> None:
    """hands in 50,000 pen strokes to train on"""
    file = folder / "long.jsonl"
    row = json.dumps({"label": 1, "writer": "w" * 90, "strokes": [[[0.1, 0.2], [0.3, 0.4]]]})
    file.write_text((row + "\n") * ROWS)
    page.goto(f"{url}/train")
    page.get_by_text("All settings").click(timeout=30_000)
    choose_option(page, "[class*=st-key-data_]", "own file")
    page.set_input_files("input[type=file]", file, timeout=30_000)
    page.wait_for_selector(".st-key-train_start button:enabled", timeout=30_000).click()
    page.wait_for_timeout(5000)


if __name__ == "__main__":
    main()
