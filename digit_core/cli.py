"""The command line: `python -m digit_core predict | train | models`.

People get tables and progress bars, bars on stderr; programs get JSON lines on stdout
with `--json`. Exit status: 0 all well, 1 something could not be done, 2 wrong usage.
"""

import argparse
import concurrent.futures
import datetime
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
from tqdm import tqdm

from digit_core import images, model_store
from digit_core.datasets import DATASETS, DatasetError
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
    except (ModelError, DatasetError) as error:
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
    train.add_argument("--architecture", default="simple_cnn", help="lenet5 or simple_cnn (default)")
    train.add_argument(
        "--data",
        default="mnist",
        help=f"{', '.join(DATASETS)} (default mnist), or the path of your own digits: IDX, NPZ, CSV, pictures, strokes",
    )
    train.add_argument("--name", help="name of the model (default: the architecture and the time)")
    train.add_argument("--epochs", type=int, help="passes over the training digits")
    train.add_argument("--batch-size", type=int, help="digits a step")
    train.add_argument("--learning-rate", type=float, help="first step size; falls to 0 along a cosine")
    train.add_argument("--augmentation", help="none, gentle or strong: how far digits are distorted")
    train.add_argument("--loss", choices=("sparse", "one_hot"), help="the form of the labels")
    train.add_argument("--seed", type=int, help="for weights, order and distortion")
    train.add_argument("--into", type=Path, help="folder of models to write to (default $DIGIT_HOME/models)")
    train.set_defaults(run=_train)

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
    print("Starting TensorFlow ...", file=sys.stderr)
    from digit_core import datasets, training  # seconds, and only this command needs them

    own = f"{options.architecture}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    name = options.name or (options.architecture if options.into else own)
    fields = ("architecture", "data", "epochs", "batch_size", "learning_rate", "augmentation", "loss", "seed")
    given = {field: getattr(options, field) for field in fields if getattr(options, field) is not None}
    try:
        settings = training.TrainingSettings(**given)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    model_store.check_target(name, options.into)
    datasets.load(settings.data, progress=True)  # fetch it with a bar before the training's own begins
    with _TrainingBar() as bar:
        trained = training.train(settings, bar.show)
    stored = model_store.save(trained.model, name, training.describe(trained), options.into)
    metrics = stored.card["metrics"]
    print(f"{name}: {metrics['validation_accuracy']:.2%} validation, {metrics['test_accuracy']:.2%} test")
    print(f"Stored in {stored.folder}")
    return 0


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
