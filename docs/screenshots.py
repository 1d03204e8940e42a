"""Take screenshots of the running app for README: `make screenshots`.

Writes docs/inkling.webp (animated), docs/train.png, docs/evaluate.png, docs/inside.png and the link preview
ui/preview.png. Needs requirements-dev.txt and MNIST.
"""

import io
import sys
import tempfile
import time
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent / "tests"), str(DOCS.parent)]

from browser import canvas_box, chromium, draw_with_mouse, open_canvas, serving, wait_for_answer, wait_until_idle
from drawing import number
from PIL import Image

from ui.server import PICTURE, SIZE

SCREEN = {"viewport": {"width": 1160, "height": 640}, "reduced_motion": "reduce"}
SHOWN = "2026"
WIDTH = 870  # width of the animation in pixels
FRAME, LAST = 90, 2500  # ms per frame, and for the last frame


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server, chromium() as browser:
        page = browser.new_context(**SCREEN).new_page()
        open_canvas(page, server.url)
        wait_until_idle(page)
        _save_moving(_frames(page), DOCS / "inkling.webp")
        _save_preview(browser, server.url)
        page.goto(f"{server.url}/evaluate")
        page.wait_for_selector(".st-key-confusion .js-plotly-plot", timeout=60_000)
        _save(page, DOCS / "evaluate.png")
        page.goto(f"{server.url}/inside")
        page.get_by_role("heading", name="The map of all digits").wait_for(timeout=120_000)
        _save(page, DOCS / "inside.png")
        page.goto(f"{server.url}/train")
        page.locator(".st-key-train_start button").click()
        page.wait_for_selector(".st-key-train_use", timeout=600_000)
        _save(page, DOCS / "train.png")


def _frames(page) -> list[Image.Image]:
    """Screenshots taken while a number is written."""
    box, frames = canvas_box(page), [_shot(page)]
    for stroke in number(SHOWN, 40, 90, 130):
        points = [(box["x"] + x, box["y"] + y) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for place, point in enumerate(points[1:]):
            page.mouse.move(*point, steps=3)
            if place % 2:
                frames.append(_shot(page))
        page.mouse.up()
        time.sleep(0.3)
        frames.append(_shot(page))
    wait_until_idle(page)
    time.sleep(1)
    return [*frames, _shot(page)]


def _save_preview(browser, url: str) -> None:
    page = browser.new_context(viewport=dict(zip(("width", "height"), SIZE, strict=True))).new_page()
    open_canvas(page, url)
    draw_with_mouse(page, number(SHOWN, 40, 90, 130))
    wait_for_answer(page, SHOWN)
    _save(page, PICTURE)


def _shot(page) -> Image.Image:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return picture.resize((WIDTH, round(WIDTH * picture.height / picture.width)), Image.Resampling.LANCZOS)


def _save_moving(frames: list[Image.Image], path: Path) -> None:
    shown = [FRAME] * (len(frames) - 1) + [LAST]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=shown, loop=0, quality=70, method=6)


def _save(page, path: Path) -> None:
    wait_until_idle(page)
    time.sleep(2)
    page.screenshot(path=path)


if __name__ == "__main__":
    main()
