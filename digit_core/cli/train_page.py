"""The command `train-page`: trains the page network, which finds and reads every mark of a page, and the line network,
which counts the digits of a drawn line; and writes their card.

Their states lie under `$DIGIT_HOME/checkpoints/` until both have ended; the same command goes on from there.
"""

import argparse
import functools
import os
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from digit_core import paths
from digit_core.cli.stopping import asked_to_stop
from digit_core.data import datasets, fonts, page_sources, photography
from digit_core.data.synthetic_lines import SyntheticLines
from digit_core.data.synthetic_pages import SyntheticPages
from digit_core.models import page_model
from digit_core.models import store as model_store
from digit_core.training import drawing_calibration, page_calibration
from digit_core.training.page_calibration import Example

STOPPED = 130  # exit status, as a shell gives for Ctrl-C
VALIDATION_PAGES, VALIDATION_SHEETS, VALIDATION_DRAWINGS, VALIDATION_LINES = 1000, 400, 3000, 2000
VALIDATION_SEED = 7


def add_parser(commands) -> None:
    """Add the command `train-page` to the commands of the program."""
    train = commands.add_parser("train-page", help="train the networks that find digits (hours; may be stopped)")
    train.add_argument("--tiles", type=int, default=4_000_000, help="made-up tiles to train on (about 100 a second)")
    train.add_argument("--lines", type=int, default=900_000, help="drawn lines to train on (about 250 a second)")
    train.add_argument("--data", default="mnist", help="data set of single digits (default mnist)")
    train.add_argument("--strokes", nargs="*", type=Path, default=[], metavar="PATH", help="pen strokes as JSON lines")
    train.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="as for train")
    train.add_argument("--learning-rate", type=float, default=2e-3, help="highest learning rate")
    train.add_argument("--go-on", action="store_true", help="begin with the weights of the page network in use")
    train.add_argument("--seed", type=int, default=1, help="for weights and tiles")
    train.add_argument("--into", type=Path, help="folder to write to (default $DIGIT_HOME/page)")
    train.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, calibrate on validation pages, store.

    Raises:
        ModelError, DatasetError: with a sentence for people.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    print("Starting TensorFlow ...", file=sys.stderr)
    from digit_core.training import line_training, page_training
    from digit_core.training.endless import Settings

    shared = {"seed": options.seed, "precision": "mixed_bfloat16" if options.precision == "bfloat16" else "float32"}
    page = Settings(examples=options.tiles, learning_rate=options.learning_rate, **shared)
    line = Settings(examples=options.lines, batch=64, learning_rate=3e-3, decay=0.3, **shared)
    folder = paths.home() / "checkpoints" / "page"
    page_model.check_target(options.into or page_model.own_folder())
    if options.go_on and (folder / "checkpoint.npz").exists():
        print(f"There is an unfinished training. Go on with it without --go-on, or remove {folder}.", file=sys.stderr)
        return 2
    start = page_model.find().weights() if options.go_on else None
    source = "train", options.data, tuple(options.strokes)
    trained = []
    for task, settings, supply, first in (
        (page_training.TASK, page, functools.partial(_pages, *source), start),
        (line_training.TASK, line, functools.partial(_lines, *source), None),
    ):
        model, examples = _train(task, settings, supply, folder, first)
        if examples < settings.examples:
            print("Stopped. The same command goes on.", file=sys.stderr)
            return STOPPED
        trained.append((model, {"examples": examples, "settings": asdict(settings)}))
        folder = paths.home() / "checkpoints" / "line"
    try:
        stored = _store(*trained, options)
    except page_calibration.CalibrationError as error:
        print(error, file=sys.stderr)
        return 1
    for name in ("page", "line"):
        (paths.home() / "checkpoints" / name / "checkpoint.npz").unlink()
    print(f"Stored in {stored.folder}")
    return 0


def _train(task, settings, supply, folder: Path, start):
    """The trained network and how many examples it has seen, with a progress bar and until it is told to stop."""
    from digit_core.training import endless

    with tqdm(total=settings.examples, unit="", file=sys.stderr) as bar, asked_to_stop() as asked:

        def show(event) -> None:
            bar.update(event.examples - bar.n)
            bar.set_postfix_str(f"{event.accuracy:.1%} right", refresh=False)

        return endless.train(task, settings, supply, folder, start, show, asked.is_set)


def _pages(part: str, data: str, strokes: tuple[Path, ...], seed: int) -> SyntheticPages:
    """A source of tiles; made in the process that uses it."""
    return SyntheticPages(page_sources.load(part, strokes, data), photography.load_photos(), seed)


def _lines(part: str, data: str, strokes: tuple[Path, ...], seed: int) -> SyntheticLines:
    """A source of drawn lines; likewise."""
    return SyntheticLines(page_sources.load(part, strokes, data), seed)


def _store(page, line, options: argparse.Namespace) -> page_model.PageModel:
    """Write both networks, each with what is told of its training, and what they reach on validation pages."""
    from digit_core.training import page_export

    (page_network, about_page), (line_network, about_line) = page, line
    networks = page_export.to_litert(page_network), page_export.to_litert(line_network)
    source = "validation", options.data, tuple(options.strokes), VALIDATION_SEED
    pages, lines = _pages(*source), _lines(*source)
    examples = [Example(*pages.page()) for _ in range(VALIDATION_PAGES)]
    examples += [Example(*pages.sheet()) for _ in range(VALIDATION_SHEETS)]
    drawings = [Example(*pages.drawing()) for _ in range(VALIDATION_DRAWINGS)]
    classifier = model_store.find()
    calibration, figures = drawing_calibration.calibrate(
        classifier.litert_bytes(), *networks, examples, drawings, [lines.drawing() for _ in range(VALIDATION_LINES)]
    )
    about = {
        "page": {**about_page, "parameters": page_network.count_params()},
        "line": {**about_line, "parameters": line_network.count_params()},
        "sources": [*dict.fromkeys(datasets.SOURCES[name] for name in _names(options) if name in datasets.SOURCES)],
        "fonts": len(fonts.find()),
        "photographs": len(photography.load_photos()),
        "classifier": classifier.name,
        "calibration": asdict(calibration),
        "validation": figures,
    }
    weights = [np.asarray(variable) for variable in page_network.variables]
    return page_model.save(options.into or page_model.own_folder(), *networks, weights, about)


def _names(options: argparse.Namespace) -> list[str]:
    return [options.data, *(path.name.split(".")[0] for path in options.strokes)]
