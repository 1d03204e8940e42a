"""The command line: `python -m digit_core predict | train | evaluate | export | models`.

People get tables and progress bars, bars on stderr; programs get JSON lines on stdout
with `--json`. Exit status: 0 all well, 1 something could not be done, 2 wrong usage.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import datetime
import json
import logging
import math
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from digit_core import datasets, evaluation, export, images, model_store, paths
from digit_core.checkpoints import CheckpointError
from digit_core.datasets import DATASETS, DatasetError
from digit_core.export import ExportError
from digit_core.images import UnreadableImageError
from digit_core.model_store import ModelError
from digit_core.recognition import Reading, Recognizer

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and give its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        return options.run(options)
    except (ModelError, DatasetError, CheckpointError, ExportError) as error:
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

    predict = commands.add_parser("predict", help="read pictures of digits")
    predict.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="picture, or folder to search")
    predict.add_argument("--model", help="name of the model (see the command models)")
    predict.add_argument("--json", action="store_true", help="one JSON object a picture, on a line of its own")
    predict.set_defaults(run=_predict)

    train = commands.add_parser("train", help="fit a network and store it as a model")
    train.add_argument("--preset", default="standard", help="quick, standard (default) or best; the rest changes it")
    train.add_argument("--architecture", help="lenet5, simple_cnn, resnet or inkling")
    train.add_argument(
        "--data",
        help=f"{', '.join(DATASETS)} (default mnist), or the path of your own digits: IDX, NPZ, CSV, pictures, "
        "strokes; several joined by '+' train together, and the first one tests",
    )
    train.add_argument("--epochs", type=int, help="passes over the training digits")
    train.add_argument("--batch-size", type=int, help="digits a step")
    train.add_argument("--optimizer", help="adamw, adam or sgd")
    train.add_argument("--learning-rate", type=float, help="highest step size")
    train.add_argument("--schedule", choices=("cosine", "constant"), help="how the step size goes on after the warm-up")
    train.add_argument("--warmup", type=float, help="epochs over which the step size rises")
    train.add_argument("--weight-decay", type=float, help="share by which weights shrink, times the step size")
    train.add_argument("--label-smoothing", type=float, help="share of the probability spread over all digits")
    train.add_argument("--averaging", type=float, help="momentum of the average of the weights; 0 for none")
    train.add_argument("--augmentation", help="none, gentle or strong: how far digits are distorted")
    train.add_argument("--loss", choices=("sparse", "one_hot"), help="the form of the labels")
    train.add_argument("--patience", type=int, help="stop after so many epochs without gain; 0 for never")
    train.add_argument("--precision", choices=("float32", "bfloat16"), help="bfloat16: faster where supported")
    train.add_argument("--seed", type=int, help="for weights, dropout, order and distortion")
    train.add_argument("--name", help="name of the model (default: the architecture and the time)")
    train.add_argument("--into", type=Path, help="folder of models to write to (default $DIGIT_HOME/models)")
    train.add_argument("--resume", action="store_true", help="go on with the training of that --name")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate", help="read a data set's test digits and count what is misread")
    evaluate.add_argument("--model", help="name of the model (see the command models)")
    evaluate.add_argument("--data", default="mnist", help="data set or path, as for train (default mnist)")
    evaluate.add_argument("--json", action="store_true", help="one JSON object")
    evaluate.set_defaults(run=_evaluate)

    export_ = commands.add_parser("export", help="write a model in a form in which others run it, and verify it")
    export_.add_argument("--model", help="name of the model (see the command models)")
    export_.add_argument("--format", required=True, choices=export.FORMATS, help="what to write")
    export_.add_argument("--out", required=True, type=Path, metavar="PATH", help="file, or folder for saved_model")
    export_.add_argument("--json", action="store_true", help="one JSON object")
    export_.set_defaults(run=_export)

    models = commands.add_parser("models", help="list the models")
    models.add_argument("--json", action="store_true", help="one JSON object a model, on a line of its own")
    models.set_defaults(run=_models)
    return parser


# ---- predict


def _predict(options: argparse.Namespace) -> int:
    cv2.setNumThreads(1)  # pictures are read side by side instead
    recognizer = Recognizer.load(options.model)
    files = [file for path in options.paths for file in find_pictures(path)]
    failed = 0
    bar = tqdm(total=len(files), unit="picture", disable=options.json or not sys.stderr.isatty())
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool, bar:
        for file, answer in zip(files, pool.map(lambda f: answer_for(f, recognizer), files), strict=True):
            failed += answer["error"] is not None
            bar.update()
            with bar.external_write_mode():
                print(json.dumps(answer) if options.json else _for_people(file, answer), flush=options.json)
    if not files:
        print("There are no pictures there.", file=sys.stderr)
    return int(failed > 0 or not files)


def find_pictures(path: Path) -> Iterator[Path]:
    """The file itself, or every picture by its suffix in a folder and below, sorted."""
    if os.path.isdir(path):
        yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in images.SUFFIXES and p.is_file())
    else:
        yield path


def answer_for(file: Path, recognizer: Recognizer) -> dict:
    """What is known about one picture, as plain values; `error` is a sentence, or None if all went well."""
    try:
        reading = recognizer.read(images.read_file(file))
    except UnreadableImageError as error:
        log.info("%s", file, exc_info=True)
        return {"file": str(file), "text": "", "lines": [], "digits": [], "error": str(error)}
    return {"file": str(file), **reading_as_dict(reading), "error": None}


def reading_as_dict(reading: Reading) -> dict:
    """The contract's form of a reading: text, lines, and digit, confidence, trusted, box of each mark."""
    return {
        "text": reading.text,
        "lines": reading.lines,
        "digits": [
            {
                "digit": digit.value,
                "confidence": round(digit.confidence, 4),
                "trusted": digit.trusted,
                "box": list(digit.box),
            }
            for digit in reading.digits
        ],
    }


def _for_people(file: Path, answer: dict) -> str:
    if answer["error"]:
        return f"{file}: {answer['error']}"
    if not answer["digits"]:
        return f"{file}: no digits found"
    least = min(digit["confidence"] for digit in answer["digits"])
    return f"{file}: {answer['text']}  ({least:.0%} sure)"


# ---- train


def _train(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if options.resume and not options.name:
        print("Which training is to go on? Name it with --name.", file=sys.stderr)
        return 2
    print("Starting TensorFlow ...", file=sys.stderr)
    from digit_core import checkpoints, distribution, training  # seconds, and only this command needs them

    try:
        if options.resume:
            checkpoint = _checkpoint(options.name)
            settings = training.TrainingSettings(**checkpoints.load(checkpoint).about["settings"])
        else:
            settings = training.settings_from(options.preset, **_given(options, training.TrainingSettings))
            name = options.name or _new_name(settings.architecture, options.into)
            checkpoint = _checkpoint(name)
            checkpoint.unlink(missing_ok=True)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    name = checkpoint.stem
    model_store.check_target(name, options.into)
    datasets.load(settings.data, progress=True)  # fetch it with a bar before the training's own begins
    try:
        with _TrainingBar() as bar, _asked_to_stop() as asked:
            trained = training.train(settings, bar.show, asked.is_set, checkpoint)
    except distribution.DistributionError as error:
        print(error, file=sys.stderr)
        return 1
    except training.StoppedEarlyError as error:
        print(error, file=sys.stderr)
        return 130
    if not distribution.is_chief(distribution.strategy()):
        return 0  # worker 0 stores the model
    digits = trained.dataset.validation.images
    stored = model_store.save(trained.model, name, training.describe(trained), digits, options.into)
    if options.into:  # a model to be shipped tells how each of its exports compares with it
        _record_all_exports(stored, trained.model, digits)
    metrics = stored.card["metrics"]
    print(f"{name}: {metrics['validation_accuracy']:.2%} validation, {metrics['test_accuracy']:.2%} test")
    print(f"Stored in {stored.folder}")
    if trained.stopped:
        print(f"Stopped in epoch {len(trained.history) + 1}. To go on: train --resume --name {name}", file=sys.stderr)
        return 130
    checkpoint.unlink(missing_ok=True)
    return 0


def _record_all_exports(stored: model_store.StoredModel, model, digits: np.ndarray) -> None:
    for form in export.FORMATS:
        try:
            with tempfile.TemporaryDirectory() as folder:
                verification = export.export(model, form, Path(folder) / "export", digits)
        except ExportError as error:
            print(f"{form}: {error}", file=sys.stderr)
            continue
        stored = model_store.record_export(stored, form, verification)


def _given(options: argparse.Namespace, settings: type) -> dict:
    """The settings that were given on the command line."""
    fields = (field.name for field in dataclasses.fields(settings))
    return {field: getattr(options, field) for field in fields if getattr(options, field) is not None}


def _new_name(architecture: str, into: Path | None) -> str:
    return architecture if into else f"{architecture}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def _checkpoint(name: str) -> Path:
    """Where a training keeps its state until it has ended; the name is checked before it becomes a path."""
    model_store.check_name(name)
    return paths.home() / "checkpoints" / f"{name}.npz"


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; a second Ctrl-C breaks off at once."""
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number, frame):
        print("Stopping after this step ...", file=sys.stderr)
        asked.set()
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _TrainingBar:
    """Shows training events: a bar that grows by the batch, a line an epoch."""

    def __enter__(self):
        self.bar = tqdm(unit="batch", file=sys.stderr, mininterval=0.5)
        return self

    def __exit__(self, *exception):
        self.bar.close()

    def show(self, event) -> None:
        if hasattr(event, "step"):
            self.bar.total = event.epochs * event.steps
            self.bar.update()
            self.bar.set_postfix_str(f"loss {event.loss:.4f}, accuracy {event.accuracy:.2%}", refresh=False)
        else:
            self.bar.write(
                f"epoch {event.epoch}/{event.epochs}: training {event.accuracy:.2%}, "
                f"validation {event.validation_accuracy:.2%} (loss {event.validation_loss:.4f})",
                file=sys.stderr,
            )


# ---- evaluate


def _evaluate(options: argparse.Namespace) -> int:
    recognizer = Recognizer.load(options.model)
    dataset = datasets.load(options.data, progress=True)
    result = evaluation.evaluate(recognizer.classify(dataset.test.images), dataset.test.labels)
    if options.json:
        print(json.dumps({"model": recognizer.name, "data": dataset.name, **_evaluation_as_dict(result)}))
        return 0
    print(f"{recognizer.name} on the {result.digits:,} test digits of {dataset.name}:")
    print(f"{result.accuracy:.2%} right, {result.errors} wrong, cross-entropy {result.log_loss:.4f}")
    print("digit   " + "".join(f"{digit:8d}" for digit in range(10)))
    print("recall  " + "".join(f"{share:8.2%}" for share in result.recall))
    print("precise " + "".join(f"{share:8.2%}" for share in result.precision))
    for true, predicted, count in result.confusions()[:5]:
        print(f"{count} x {true} read as {predicted}")
    return 0


def _evaluation_as_dict(result: evaluation.Evaluation) -> dict:
    return {
        "digits": result.digits,
        "accuracy": round(result.accuracy, 6),
        "errors": result.errors,
        "log_loss": round(result.log_loss, 6),
        "recall": [_rounded(share) for share in result.recall],
        "precision": [_rounded(share) for share in result.precision],
        "confusion": result.confusion.tolist(),
    }


def _rounded(share: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(share) else round(float(share), 6)


# ---- export


def _export(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    stored = model_store.find(options.model)
    print("Starting TensorFlow ...", file=sys.stderr)
    verification = export.export(stored.load_keras(), options.format, options.out, _digits_to_verify_on())
    if not stored.is_shipped:  # shipped models are read-only; their cards hold the figures of the day they were made
        model_store.record_export(stored, options.format, verification)
    about = {"model": stored.name, "format": options.format, "out": str(options.out), **asdict(verification)}
    if options.json:
        print(json.dumps(about))
    else:
        print(
            f"{options.out}: {about['bytes'] / 1e6:.2f} MB; on {about['digits']:,} digits it names the same digit as "
            f"{stored.name} in {about['agreement']:.2%}, largest difference {about['largest_difference']:.2g}"
        )
    return 0


def _digits_to_verify_on() -> np.ndarray:
    """MNIST's validation digits, or the built-in ones where MNIST is not to be had."""
    try:
        return datasets.load("mnist", progress=True).validation.images
    except DatasetError as error:
        print(f"{error}\nGoing on with the built-in digits.", file=sys.stderr)
        return datasets.load("builtin").train.images


# ---- models


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
    """What the list says about a model: its card's main numbers, and where its files lie."""
    card = model.card
    return {
        "name": model.name,
        "default": model.is_default,
        "folder": str(model.folder),
        "litert": str(model.litert_file),
        "litert_bytes": card["files"]["model.tflite"]["bytes"],
        "architecture": card["settings"]["architecture"],
        "parameters": card["parameters"],
        "data": card["data"]["name"],
        "accuracy": card["metrics"]["test_accuracy"],
        "created": card["created"],
    }
