"""The command `train-page`: trains three networks and writes their card. The page network finds and reads every mark
on a page, the mark network examines each one again, and the line network counts the digits of a drawn line.

Their checkpoints stay under `$DIGIT_HOME/checkpoints/` until all have finished; the same command resumes from there.
"""

import argparse
import functools
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from digit_core import paths
from digit_core.cli.stopping import asked_to_stop
from digit_core.data import datasets, fonts, page_sources, photography
from digit_core.data.synthetic_lines import SyntheticLines
from digit_core.data.synthetic_pages import SyntheticPages
from digit_core.models import page_model
from digit_core.models import store as model_store
from digit_core.reading.page_network import PageNetwork
from digit_core.reading.page_reader import PageReader
from digit_core.training import drawing_calibration, page_calibration
from digit_core.training.mark_examples import MarkExamples
from digit_core.training.page_calibration import Example

STOPPED = 130  # exit status, as a shell gives for Ctrl-C
VALIDATION_PAGES, VALIDATION_SHEETS, VALIDATION_DRAWINGS, VALIDATION_LINES = 1000, 400, 3000, 2000
VALIDATION_SEED = 7
FEW = 10  # pages on which a trained network must find something


@dataclass(frozen=True)
class Trained:
    """A network: its LiteRT file, its variables, and what the card says of its training."""

    litert: bytes
    weights: Sequence[np.ndarray]
    about: Mapping[str, Any]


def add_parser(commands) -> None:
    """Add the command `train-page` to the commands of the program."""
    train = commands.add_parser("train-page", help="train the networks that find digits (hours; may be stopped)")
    train.add_argument("--tiles", type=int, default=4_000_000, help="made-up tiles to train on (about 100 a second)")
    train.add_argument("--marks", type=int, default=4_000_000, help="found marks to train on (about 500 a second)")
    train.add_argument("--lines", type=int, default=900_000, help="drawn lines to train on (about 250 a second)")
    train.add_argument("--data", default="mnist", help="data set of single digits (default mnist)")
    train.add_argument("--strokes", nargs="*", type=Path, default=[], metavar="PATH", help="pen strokes as JSON lines")
    train.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="as for train")
    train.add_argument("--learning-rate", type=float, default=2e-3, help="highest learning rate")
    train.add_argument("--go-on", action="store_true", help="begin with the weights of the networks in use")
    train.add_argument("--blend", type=float, default=0.0, metavar="SHARE",
                       help="fraction of the weights in use that the result keeps")  # fmt: skip
    train.add_argument("--calibrate", action="store_true", help="train nothing: only recalibrate the networks in use")
    train.add_argument(
        "--only", nargs="+", choices=page_model.NETWORKS, default=page_model.NETWORKS, metavar="NETWORK",
        help="train some of the networks, page, mark and line, and keep the others as they are",
    )  # fmt: skip
    train.add_argument("--seed", type=int, default=1, help="for weights and tiles")
    train.add_argument("--into", type=Path, help="folder to write to (default $DIGIT_HOME/page)")
    train.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, calibrate on validation pages, store.

    Raises:
        ModelError, DatasetError: with a sentence for people.
    """
    if options.calibrate and options.go_on:
        print("--calibrate trains nothing, and --go-on trains. Choose one.", file=sys.stderr)
        return 2
    if not 0 <= options.blend < 1:
        print("--blend takes a share from 0 to 1.", file=sys.stderr)
        return 2
    page_model.check_target(options.into or page_model.own_folder())
    if options.go_on and any(_checkpoint(name).exists() for name in page_model.NETWORKS):
        print(f"There is an unfinished training. Go on without --go-on, or remove {_checkpoints()}.", file=sys.stderr)
        return 2
    page_sources.check(options.strokes, options.data)
    try:
        trained = _in_use() if options.calibrate else _trained(options)
        if trained is None:
            print("Stopped. Run the same command, without --go-on, to continue.", file=sys.stderr)
            return STOPPED
        print("Calibrating ...", file=sys.stderr)
        stored = _store(trained, options)
    except page_calibration.CalibrationError as error:
        print(error, file=sys.stderr)
        return 1
    if not options.calibrate:
        for name in options.only:
            _checkpoint(name).unlink(missing_ok=True)
    print(f"Stored in {stored.folder}")
    return 0


def _checkpoints() -> Path:
    return paths.home() / "checkpoints"


def _checkpoint(name: str) -> Path:
    return _checkpoints() / name / "checkpoint.npz"


def _in_use() -> dict[str, Trained]:
    """The networks in use."""
    found = page_model.find()
    litert = found.litert_bytes(), found.mark_bytes(), found.line_bytes()
    weights = found.weights()
    return {
        name: Trained(own, weights[name], found.card[name])
        for name, own in zip(page_model.NETWORKS, litert, strict=True)
    }


def _trained(options: argparse.Namespace) -> dict[str, Trained] | None:
    """All networks, newly trained or kept; None if training was stopped."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    print("Starting TensorFlow ...", file=sys.stderr)
    from digit_core.training import endless, line_training, mark_training, page_export, page_training
    from digit_core.training.endless import Settings

    shared = {"seed": options.seed, "precision": "mixed_bfloat16" if options.precision == "bfloat16" else "float32"}
    page = Settings(examples=options.tiles, learning_rate=options.learning_rate, **shared)
    mark = Settings(examples=options.marks, batch=96, decay=0.5, **shared)
    line = Settings(examples=options.lines, batch=64, learning_rate=3e-3, decay=0.3, **shared)
    before = page_model.find().weights() if options.go_on or options.blend else {}
    start = before if options.go_on else {}
    source = "train", options.data, tuple(options.strokes)
    trained = _in_use() if set(options.only) < set(page_model.NETWORKS) else {}
    for name, task, settings, supply in (
        ("page", page_training.TASK, page, lambda: functools.partial(_pages, *source)),
        ("mark", mark_training.TASK, mark, lambda: _supply_of_marks(trained["page"].litert, source)),
        ("line", line_training.TASK, line, lambda: functools.partial(_lines, *source)),
    ):
        if name not in options.only:
            continue
        model, examples = _train(task, settings, supply(), _checkpoint(name).parent, start.get(name))
        if examples < settings.examples:
            return None
        about = {"examples": examples, "settings": asdict(settings), "parameters": model.count_params()}
        if options.blend:
            endless.blend(model, before[name], options.blend)
            about["blend"] = options.blend
        weights = [np.asarray(variable) for variable in model.variables]
        trained[name] = Trained(page_export.to_litert(model), weights, about)
    return trained


def _train(task, settings, supply, folder: Path, start):
    """Train with a progress bar until done or stopped; returns the network and how many examples it has seen."""
    from digit_core.training import endless

    with tqdm(total=settings.examples, unit="", file=sys.stderr) as bar, asked_to_stop() as asked:

        def show(event) -> None:
            bar.update(event.examples - bar.n)
            bar.set_postfix_str(f"{event.accuracy:.1%} right", refresh=False)

        return endless.train(task, settings, supply, folder, start, show, asked.is_set)


def _pages(part: str, data: str, strokes: tuple[Path, ...], seed: int) -> SyntheticPages:
    """A source of tiles; made in the process that uses it."""
    return SyntheticPages(page_sources.load(part, strokes, data), photography.load_photos(), seed)


def _supply_of_marks(page: bytes, source: tuple) -> functools.partial:
    """A factory for sources of marks that a page network finds.

    Raises:
        CalibrationError: the page network finds nothing.
    """
    pages = _pages(*source, VALIDATION_SEED)
    page_calibration.check(PageReader(PageNetwork(page)), [Example(*pages.page()) for _ in range(FEW)])
    return functools.partial(_marks, page, *source)


def _marks(page: bytes, part: str, data: str, strokes: tuple[Path, ...], seed: int) -> MarkExamples:
    """A source of marks that the page network finds; made in the process that uses it."""
    return MarkExamples(_pages(part, data, strokes, seed), PageReader(PageNetwork(page, threads=1)), seed)


def _lines(part: str, data: str, strokes: tuple[Path, ...], seed: int) -> SyntheticLines:
    """A source of drawn lines; made in the process that uses it."""
    return SyntheticLines(page_sources.load(part, strokes, data), seed)


def _store(trained: Mapping[str, Trained], options: argparse.Namespace) -> page_model.PageModel:
    """Save the networks with the details of their training and their results on validation pages."""
    source = "validation", options.data, tuple(options.strokes), VALIDATION_SEED
    pages, lines = _pages(*source), _lines(*source)
    examples = [Example(*pages.page()) for _ in range(VALIDATION_PAGES)]
    examples += [Example(*pages.sheet()) for _ in range(VALIDATION_SHEETS)]
    drawings = [Example(*pages.drawing()) for _ in range(VALIDATION_DRAWINGS)]
    classifier, networks = model_store.find(), [trained[name].litert for name in page_model.NETWORKS]
    calibration, figures = drawing_calibration.calibrate(
        classifier.litert_bytes(), *networks, examples, drawings, [lines.drawing() for _ in range(VALIDATION_LINES)]
    )
    about = {
        **{name: own.about for name, own in trained.items()},
        **(_learnt_from(options) if not options.calibrate else _learnt_before()),
        "classifier": classifier.name,
        "calibration": asdict(calibration),
        "validation": figures,
    }
    weights = {name: own.weights for name, own in trained.items()}
    return page_model.save(options.into or page_model.own_folder(), *networks, weights, about)


def _learnt_from(options: argparse.Namespace) -> dict[str, Any]:
    """The sources of the training data, for the card."""
    sources = dict.fromkeys(datasets.SOURCES[name] for name in _names(options) if name in datasets.SOURCES)
    return {"sources": [*sources], "fonts": len(fonts.find()), "photographs": len(photography.load_photos())}


def _learnt_before() -> dict[str, Any]:
    card = page_model.find().card
    return {name: card.get(name) for name in ("sources", "fonts", "photographs")}


def _names(options: argparse.Namespace) -> list[str]:
    return [options.data, *(path.name.split(".")[0] for path in options.strokes)]
