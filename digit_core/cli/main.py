"""The command line, `python -m digit_core COMMAND`: predict, train, train-page, teach, evaluate, export, and more.

Prints tables for people, with progress bars on stderr, or JSON lines on stdout with `--json`.
Exit status: 0 success, 1 failure, 2 wrong usage.
"""

import argparse
import io
import json
import logging
import math
import os
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from digit_core import paths
from digit_core.cli import bring as bring_command
from digit_core.cli import predict as predict_command
from digit_core.cli import report as report_command
from digit_core.cli import teach as teach_command
from digit_core.cli import train as train_command
from digit_core.cli import train_page
from digit_core.data import datasets
from digit_core.data.datasets import DatasetError
from digit_core.evaluation import cache, metrics, robustness
from digit_core.explanation import neighbours, quality
from digit_core.models import export
from digit_core.models import store as model_store
from digit_core.models.export import ExportError
from digit_core.models.store import ModelError
from digit_core.runs.run import RunError
from digit_core.training.checkpoints import CheckpointError

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        return options.run(options)
    except (ModelError, DatasetError, CheckpointError, ExportError, RunError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m digit_core", description="Read handwritten digits.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    predict_command.add_parser(commands)
    train_command.add_parser(commands)
    train_page.add_parser(commands)
    teach_command.add_parser(commands)

    evaluate = commands.add_parser("evaluate", help="read a data set's test digits and count what is misread")
    evaluate.add_argument("--model", help="name of the model (see the command models)")
    evaluate.add_argument("--data", default="mnist", help="data set or path, as for train (default mnist)")
    evaluate.add_argument("--json", action="store_true", help="one JSON object")
    evaluate.add_argument("--robustness", action="store_true", help="also read the digits under growing distortion")
    evaluate.add_argument("--out", type=Path, metavar="PATH", help="write the figures to this file, as JSON")
    evaluate.set_defaults(run=_evaluate)

    export_ = commands.add_parser("export", help="export a model to another format and verify it")
    export_.add_argument("--model", help="name of the model (see the command models)")
    export_.add_argument("--format", required=True, choices=export.FORMATS, help="what to write")
    export_.add_argument("--out", required=True, type=Path, metavar="PATH", help="file, or folder for saved_model")
    export_.add_argument("--json", action="store_true", help="one JSON object")
    export_.set_defaults(run=_export)

    inside = commands.add_parser("inside", help="compute what the Inside page shows: similar digits and their map")
    inside.add_argument("--model", help="name of the model (default: the one this host has chosen)")
    inside.add_argument("--data", choices=("mnist", "builtin"), default="mnist", help="whose digits (default mnist)")
    inside.add_argument("--record", action="store_true", help="write the quality of the maps to the model's card")
    inside.set_defaults(run=_inside)

    bring_command.add_parser(commands)
    report_command.add_parser(commands)

    models = commands.add_parser("models", help="list the models")
    models.add_argument("--json", action="store_true", help="one JSON object a model, on a line of its own")
    models.set_defaults(run=_models)
    return parser


# ---- evaluate


def _evaluate(options: argparse.Namespace) -> int:
    model = model_store.find(options.model)
    name = model.name
    data, test = datasets.load_test(options.data, progress=True, trained_on=model.trained_on)
    with tqdm(total=1.0, unit="", disable=options.json or not sys.stderr.isatty(), leave=False) as bar:

        def tell(share: float) -> None:
            bar.update(share - bar.n)

        result = cache.assess(name, test, tell)
        curves = robustness.measure(name, test, tell) if options.robustness else []
    about = {"model": name, "data": data, **_evaluation_as_dict(result)}
    if curves:
        about["robustness"] = [asdict(curve) for curve in curves]
    if options.out:
        _write_json(options.out, about)
    if options.json:
        print(json.dumps(about))
    else:
        _print_evaluation(name, data, result)
        for curve in curves:
            steps = zip(curve.amounts, curve.accuracies, strict=True)
            print(f"{curve.name:10} " + "  ".join(f"{amount:g}: {share:.1%}" for amount, share in steps))
    return 0


def _write_json(path: Path, content: dict) -> None:
    try:
        with paths.replacing_file(path) as file:
            file.write((json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise ExportError(f"The figures cannot be written to {path}: {error.strerror}.") from error


def _print_evaluation(model: str, data: str, result: metrics.Evaluation) -> None:
    low, high = result.interval
    print(f"{model} on the {result.digits:,} test digits of {data}:")
    print(f"{result.accuracy:.2%} right ({low:.2%} to {high:.2%} in 95 of 100 cases), {result.errors} wrong")
    print(f"{result.top2:.2%} among the first two guesses, cross-entropy {result.log_loss:.4f}")
    print(f"Confidence is off by {result.calibration_error:.2%} on average (expected calibration error).")
    print("digit   " + "".join(f"{digit:8d}" for digit in range(10)))
    for title, shares in (("recall  ", result.recall), ("precise ", result.precision), ("F1      ", result.f1)):
        print(title + "".join("       -" if math.isnan(share) else f"{share:8.2%}" for share in shares))
    print("Rows: the true digit; columns: what it was read as.")
    for digit, row in enumerate(result.confusion.tolist()):
        print(f"{digit:<8}" + "".join(f"{count or '.':>8}" for count in row))
    print("Confidence, how many were right, how many there were:")
    for band in result.reliability():
        print(f"{band['confidence']:8.1%}{band['accuracy']:8.1%}{band['digits']:8d}")
    for true, predicted, count in result.confusions()[:5]:
        print(f"{count} x {true} read as {predicted}")


def _evaluation_as_dict(result: metrics.Evaluation) -> dict:
    return {
        "digits": result.digits,
        "accuracy": round(result.accuracy, 6),
        "interval": [round(end, 6) for end in result.interval],
        "errors": result.errors,
        "top2": round(result.top2, 6),
        "log_loss": round(result.log_loss, 6),
        "calibration_error": round(result.calibration_error, 6),
        "recall": [_rounded(share) for share in result.recall],
        "precision": [_rounded(share) for share in result.precision],
        "f1": [_rounded(share) for share in result.f1],
        "confusion": result.confusion.tolist(),
        "confusions": [list(pair) for pair in result.confusions()],
        "reliability": result.reliability(),
    }


def _rounded(share: float) -> float | None:
    """Round a fraction; None for NaN, which JSON lacks."""
    return None if math.isnan(share) else round(float(share), 6)


# ---- export


def _export(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    stored = model_store.find(options.model)

    def say(step: str) -> None:
        print(f"{step} ...", file=sys.stderr, flush=True)

    say(export.STEPS[0])
    verification = export.export(stored.load_keras(), options.format, options.out, _digits_to_verify_on(), say)
    about = {"model": stored.name, "format": options.format, "out": str(options.out), **asdict(verification)}
    if options.json:
        print(json.dumps(about))
    else:
        print(
            f"{options.out}: {about['bytes'] / 1e6:.2f} MB; on {about['digits']:,} digits it names the same digit as "
            f"{stored.name} in {about['agreement']:.2%}, largest difference {about['largest_difference']:.2g}"
        )
    if not stored.is_shipped:  # shipped models are read-only; their cards hold the figures from when they were made
        model_store.record_export(stored, options.format, verification)
    return 0


def _digits_to_verify_on() -> np.ndarray:
    """MNIST's validation digits, or the built-in ones if MNIST is not available."""
    try:
        return datasets.load("mnist", progress=True).validation.images
    except DatasetError as error:
        print(f"{error}\nUsing the built-in digits instead.", file=sys.stderr)
        return datasets.load("builtin").train.images


# ---- models


def _inside(options: argparse.Namespace) -> int:
    """Compute what is missing, at low priority to spare a server."""
    if hasattr(os, "nice"):
        os.nice(5)
    model = model_store.find(options.model)
    for said, part in (("Digits alike", neighbours), ("How good the maps are", quality)):
        with tqdm(total=100, unit="%", desc=said, file=sys.stderr, disable=None) as bar:
            if part.kept(model, options.data) is None:
                part.keep(model, options.data, lambda fraction, bar=bar: bar.update(round(100 * fraction) - bar.n))
    if options.record:
        quality.record(model, options.data)
    print(f"Stored in {neighbours.file_of(model, options.data).parent}")
    return 0


def _models(options: argparse.Namespace) -> int:
    for model in model_store.list_models():
        row = model_row(model)
        if options.json:
            print(json.dumps(row))
        else:
            mark = "*" if row["default"] else " "
            size = row["litert_bytes"] / 1e6
            print(
                f"{mark} {row['name']:20s} {row['parameters']:>9,} parameters  {size:5.2f} MB  "
                f"{row['accuracy']:.2%} on {row['data']}'s test digits"
            )
    return 0


def model_row(model: model_store.StoredModel) -> dict:
    """A model's row in the list: the main figures of its card and the paths of its files."""
    card = model.card
    return {
        "name": model.name,
        "default": model.is_default,
        "folder": str(model.folder),
        "litert": str(model.litert_file),
        "litert_bytes": card["files"]["model.tflite"]["bytes"],
        "architecture": card["settings"]["architecture"],
        "parameters": card["parameters"],
        "data": card.get("brought", {}).get("measured_on", card["data"]["name"]),
        "accuracy": card["metrics"]["test_accuracy"],
        "created": card["created"],
    }
