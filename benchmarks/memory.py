"""Measure server memory over one visitor's hour, compressed into minutes: `python benchmarks/memory.py`.

Sixty uploads, six of them of 12 megapixels; four models evaluated; four trainings watched. Prints resident memory
ten seconds after each part. Needs requirements-dev.txt and a Chromium.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import cv2
import numpy as np
import psutil
from browser import choose_option, chromium, open_canvas, serving, wait_until_idle
from drawing import number

from digit_core.models import store as model_store

UPLOADS, LARGE = 60, 6
MODELS, TRAININGS = 4, 4


def main() -> None:
    print("| after | MB |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server, chromium() as browser:
        process = psutil.Process(server.process.pid)
        page = browser.new_page()
        for part in (open_page, upload, evaluate, train):
            for what in part(page, server.url, Path(folder)):
                time.sleep(10)  # freed memory returns to the system every few seconds
                print(f"| {what} | {process.memory_info().rss / 1e6:.0f} |", flush=True)


def open_page(page, url: str, folder: Path) -> Iterator[str]:
    open_canvas(page, url)
    page.locator(".st-key-sample button").click()
    page.wait_for_selector(".st-key-reading .ink-answer")
    yield "the first answer"


def upload(page, url: str, folder: Path) -> Iterator[str]:
    """Upload pages of numbers, ten at a time."""
    page.get_by_role("tab", name="Upload").click()
    rng = np.random.default_rng(0)
    for first in range(0, UPLOADS, 10):
        files = []
        for place in range(first, first + 10):
            side = (4000, 3000) if place % (UPLOADS // LARGE) == 0 else (900, 600)
            files.append(folder / f"{place}.png")
            cv2.imwrite(str(files[-1]), sheet(rng, *side))
        page.set_input_files(".st-key-upload input[type=file]", files)
        page.wait_for_selector(f"text={files[-1].name} >> nth=0", timeout=60_000)
        wait_until_idle(page, 120)
        page.reload()
        page.get_by_role("tab", name="Upload").click()
    yield f"{UPLOADS} uploads, {LARGE} of 12 megapixels"


def sheet(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Six lines of numbers on grey paper, uint8 (height, width)."""
    picture = np.full((height, width), 215, np.uint8)
    size = height / 9
    for line in range(6):
        text = "".join(str(digit) for digit in rng.integers(0, 10, 8))
        for stroke in number(text, size, size * (1 + 1.3 * line), size):
            path = np.round(np.array(stroke) * 16).astype(np.int32).reshape(-1, 1, 2)
            cv2.polylines(picture, [path], False, 40, max(int(size / 12), 2), cv2.LINE_AA, 4)
    return picture


def evaluate(page, url: str, folder: Path) -> Iterator[str]:
    for model in [model.name for model in model_store.list_models()][:MODELS]:
        page.goto(f"{url}/evaluate?model={model}&data=mnist")
        page.wait_for_selector(".st-key-gallery", timeout=120_000)
        wait_until_idle(page, 60)
    yield f"{MODELS} models evaluated"


def train(page, url: str, folder: Path) -> Iterator[str]:
    for _ in range(TRAININGS):
        page.goto(f"{url}/train")
        page.wait_for_selector(".st-key-train_start", timeout=30_000)
        page.get_by_text("All settings").click()
        choose_option(page, "[class*=st-key-data_]", "Built-in")
        wait_until_idle(page)
        page.wait_for_selector(".st-key-train_start button:enabled", timeout=30_000).click()
        page.get_by_text("Finished in").first.wait_for(timeout=900_000)
    yield f"{TRAININGS} trainings watched"


if __name__ == "__main__":
    main()
