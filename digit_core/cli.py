"""The command line: `python -m digit_core predict | train | trust | lines | evaluate | export | models`.

People get tables and progress bars, bars on stderr; programs get JSON lines on stdout
with `--json`. Exit status: 0 all well, 1 something could not be done, 2 wrong usage.
"""

import argparse
import concurrent.futures
import json
import logging
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from digit_core import (
    assessment,
    datasets,
    evaluation,
    export,
    images,
    lines,
    model_store,
    paths,
    robustness,
    training_command,
)
from digit_core.checkpoints import CheckpointError
from digit_core.datasets import DatasetError
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

    training_command.add_parser(commands)

    for name, run, purpose in (
        ("trust", _trust, "fit a judge that tells what is no digit, and add it to a model"),
        ("lines", _lines, "fit a line reader, which reads rows of digits that touch, and add it to a model"),
    ):
        companion = commands.add_parser(name, help=purpose)
        companion.add_argument("--model", help="name of the model (see the command models)")
        companion.add_argument("--data", default="mnist", help="digits, as for train; several joined by '+'")
        companion.add_argument("--symbols", type=Path, metavar="PATH", help="pen strokes of no digits, as JSON lines")
        companion.add_argument("--epochs", type=_positive, default=8, help="passes over the examples")
        companion.add_argument(
            "--into", type=Path, help="folder of models that the model lies in (default $DIGIT_HOME/models)"
        )
        companion.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="as for train")
        companion.set_defaults(run=run)

    evaluate = commands.add_parser("evaluate", help="read a data set's test digits and count what is misread")
    evaluate.add_argument("--model", help="name of the model (see the command models)")
    evaluate.add_argument("--data", default="mnist", help="data set or path, as for train (default mnist)")
    evaluate.add_argument("--json", action="store_true", help="one JSON object")
    evaluate.add_argument("--robustness", action="store_true", help="also read the digits under growing distortion")
    evaluate.add_argument("--out", type=Path, metavar="PATH", help="write the figures to this file, as JSON")
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
    trusted = [digit["confidence"] for digit in answer["digits"] if digit["trusted"]]
    if not trusted:
        return f"{file}: {answer['text']}  (doesn't look like a digit)"
    return f"{file}: {answer['text']}  ({min(trusted):.0%} sure)"


# ---- trust, lines


def _trust(options: argparse.Namespace) -> int:
    model, data, symbols = _examples(options)
    from digit_core import trust  # seconds, and only this command needs it

    reader = Recognizer(model.litert_bytes())
    fitted = trust.fit(data, symbols, reader.classify, options.epochs, options.precision, _tell)
    about = {
        "weights": fitted.weights,
        "threshold": fitted.threshold,
        "trusted": fitted.rates,
        "parameters": fitted.judge.count_params(),
        "sources": _sources(data, symbols),
        "seconds": round(fitted.seconds, 1),
    }
    litert, verification = export.verified_litert(fitted.judge, data[0].validation.images)
    model_store.add_companion(model, model_store.JUDGE_FILE, litert, {**about, "export": asdict(verification)})
    for part, rates in fitted.rates.items():
        for kind, rate in rates.items():
            print(f"{part:11}{rate:8.2%} trusted of {kind}")
    print(f"Stored in {model.folder}")
    return 0


def _lines(options: argparse.Namespace) -> int:
    model, data, symbols = _examples(options)
    from digit_core import line_training  # seconds, and only this command needs it

    fitted = line_training.fit(data, symbols, options.epochs, options.precision, _tell)
    about = {
        "exact": fitted.exact,
        "parameters": fitted.model.count_params(),
        "sources": _sources(data, symbols),
        "seconds": round(fitted.seconds, 1),
    }
    rows = np.random.default_rng(1).random((4, lines.HEIGHT, 5 * lines.BLOCK, 1), np.float32)
    litert = export.litert_of_rows(fitted.model, rows)
    model_store.add_companion(model, model_store.LINES_FILE, litert, about)
    for part, share in fitted.exact.items():
        print(f"{part:11}{share:8.2%} of the made rows of digits read without a mistake")
    print(f"Stored in {model.folder}")
    return 0


def _examples(options: argparse.Namespace) -> tuple[model_store.StoredModel, list, datasets.Dataset | None]:
    """The model that gets a companion, and the digits and symbols to fit it on.

    Raises:
        ModelError, DatasetError: one of them cannot be had, or the model lies elsewhere.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    model = model_store.find(options.model)
    target = model_store.check_target(model.name, options.into or paths.home() / "models")
    if target.resolve() != model.folder.resolve():
        raise ModelError(f"{model.name!r} lies in {model.folder.parent}: name that folder with --into.")
    data = [datasets.load(name, progress=True) for name in _names(options.data)]
    symbols = datasets.load_symbols(options.symbols) if options.symbols else None
    _tell("Starting TensorFlow ...")
    return model, data, symbols


def _sources(data: list, symbols: datasets.Dataset | None) -> list[str]:
    """Whose work the examples are, each once."""
    return list(dict.fromkeys(s for dataset in (*data, *([symbols] if symbols else [])) for s in dataset.sources))


def _names(data: str) -> list[str]:
    return [data] if os.path.exists(data) else data.split("+")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# ---- evaluate


def _evaluate(options: argparse.Namespace) -> int:
    name = model_store.find(options.model).name
    data, test = datasets.load_test(options.data, progress=True)
    with tqdm(total=1.0, unit="", disable=options.json or not sys.stderr.isatty(), leave=False) as bar:

        def tell(share: float) -> None:
            bar.update(share - bar.n)

        result = assessment.assess(name, test, tell)
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


def _print_evaluation(model: str, data: str, result: evaluation.Evaluation) -> None:
    low, high = result.interval
    print(f"{model} on the {result.digits:,} test digits of {data}:")
    print(f"{result.accuracy:.2%} right ({low:.2%} to {high:.2%} in 95 of 100 cases), {result.errors} wrong")
    print(f"{result.top2:.2%} among the first two guesses, cross-entropy {result.log_loss:.4f}")
    print(f"Confidence is off by {result.calibration_error:.2%} on average (expected calibration error).")
    if result.rejected is not None:
        print(f"{result.rejected:.2%} would be called no digit.")
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


def _evaluation_as_dict(result: evaluation.Evaluation) -> dict:
    return {
        "digits": result.digits,
        "accuracy": round(result.accuracy, 6),
        "interval": [round(end, 6) for end in result.interval],
        "errors": result.errors,
        "top2": round(result.top2, 6),
        "log_loss": round(result.log_loss, 6),
        "calibration_error": round(result.calibration_error, 6),
        "rejected": None if result.rejected is None else round(result.rejected, 6),
        "recall": [_rounded(share) for share in result.recall],
        "precision": [_rounded(share) for share in result.precision],
        "f1": [_rounded(share) for share in result.f1],
        "confusion": result.confusion.tolist(),
        "confusions": [list(pair) for pair in result.confusions()],
        "reliability": result.reliability(),
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
    about = {"model": stored.name, "format": options.format, "out": str(options.out), **asdict(verification)}
    if options.json:
        print(json.dumps(about))
    else:
        print(
            f"{options.out}: {about['bytes'] / 1e6:.2f} MB; on {about['digits']:,} digits it names the same digit as "
            f"{stored.name} in {about['agreement']:.2%}, largest difference {about['largest_difference']:.2g}"
        )
    if not stored.is_shipped:  # shipped models are read-only; their cards hold the figures of the day they were made
        model_store.record_export(stored, options.format, verification)
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
