"""Check that nothing is lost to `kill -9`: `python benchmarks/kill.py [SEED]`.

A training runs while a visitor uploads pictures and evaluates a model. Twenty times, at random moments, the training
process or the server is killed and restarted. In the end every run, model and file must be readable, and the network
must be identical, byte for byte, to that of an undisturbed training. Needs requirements-dev.txt and a Chromium.
"""

import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np
import pictures
import psutil
from browser import chromium, open_canvas, serving
from drawing import DIGITS, draw, placed
from playwright.sync_api import Error as PageError

from digit_core.models import store as model_store
from digit_core.runs import store as runs
from digit_core.training.settings import TrainingSettings

KILLS = 20
LONGEST = 12.0  # maximum seconds to the next kill
PATIENCE = 600.0  # seconds a run may take to finish
SETTINGS = TrainingSettings(architecture="simple_cnn", data="builtin", epochs=120, batch_size=8)


def main() -> None:
    rng = np.random.default_rng(int(sys.argv[1]) if len(sys.argv) > 1 else None)
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        os.environ |= {"DIGIT_HOME": str(folder / "home"), "DIGIT_MOST_EPOCHS": str(SETTINGS.epochs)}
        undisturbed = _trained(runs.start(SETTINGS, "undisturbed"))
        picture = folder / "seven.png"
        picture.write_bytes(pictures.png(draw(placed(DIGITS[7], 100, 60, 250))))
        run, victims = runs.start(SETTINGS, "disturbed"), ["training", "server"] * (KILLS // 2)
        rng.shuffle(victims)
        while victims:
            with serving(folder) as server:
                page = browser.new_context().new_page()
                open_canvas(page, server.url)  # it restarts, whatever was interrupted
                while victims and server.process.poll() is None:
                    _use(page, server.url, picture, rng.uniform(0.5, LONGEST))
                    if victims.pop() == "server":
                        server.process.kill()
                        server.process.wait(10)
                    else:
                        _kill_worker(run)
                    run = _going_on(run)
                page.context.close()
        disturbed = _trained(run)
        print(f"Killed: the training and the server, {KILLS // 2} times each")
        print(f"Its network is the one of an undisturbed training: {disturbed == undisturbed}")
        print(f"Runs that can be read: {len(runs.list_runs())} of 2; models: {len(model_store.list_models())}")
        print(f"Files that cannot be read: {_damaged(folder / 'home') or 'none'}")


def _use(page, url: str, picture: Path, seconds: float) -> None:
    """Act as a visitor for `seconds`, whether or not the server responds."""
    until, steps = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        try:
            if steps % 2:
                page.goto(f"{url}/evaluate?model=lenet5&data=builtin", timeout=5000)
            else:
                page.goto(url, timeout=5000)
                page.get_by_role("tab", name="Upload").click(timeout=3000)
                page.set_input_files(".st-key-upload input", str(picture), timeout=3000)
        except PageError as error:  # the server is down or starting
            print(f"(the page: {type(error).__name__})", file=sys.stderr)
        steps += 1
        time.sleep(max(min(1.0, until - time.monotonic()), 0))


def _kill_worker(run: runs.Run) -> None:
    workers = [p for p in psutil.process_iter(["cmdline"]) if run.id in (p.info["cmdline"] or [])]
    assert workers, "the training ended before it could be killed: it has too few epochs"
    for worker in workers:
        worker.kill()
    while runs.find(run.id).is_running:
        time.sleep(0.1)


def _going_on(run: runs.Run) -> runs.Run:
    """Return the run, resuming it if it was killed."""
    run = runs.find(run.id)
    return run if run.is_running or not run.can_resume else runs.resume(run)


def _trained(run: runs.Run) -> str:
    """Finish the run; return the digest of its LiteRT model."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and run.state != "finished":
        time.sleep(0.5)
        run = _going_on(run)
    stored = runs.model(run)
    return hashlib.sha256(stored.litert_bytes()).hexdigest() if stored else f"none: {run.state}"


def _damaged(home: Path) -> list[str]:
    """Return the JSON and NumPy files under `home` that cannot be read."""
    found = []
    for path in home.rglob("*"):
        try:
            if path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix in (".npz", ".npy"):
                np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            found.append(f"{path.name}: {error}")
    return found


if __name__ == "__main__":
    main()
