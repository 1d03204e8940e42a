"""The command `bring`: imports somebody else's network, a `.keras` or `.tflite` file, to read with it here.

The file is checked before it runs. It runs in this process, which holds nothing else: start one process per file.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from digit_core.data import datasets, mnist
from digit_core.data.datasets import Split
from digit_core.evaluation.metrics import Evaluation, evaluate
from digit_core.models import guests
from digit_core.models import store as model_store
from digit_core.models.litert import Network
from digit_core.models.store import ModelError, StoredModel

LEAST = 0.3  # fraction of the built-in digits it must read correctly: otherwise it expects another input format
BUILTIN_TRIED = 400  # digits


def add_parser(commands) -> None:
    """Add the command `bring` to the commands of the program."""
    bring = commands.add_parser("bring", help="bring a network of your own, .keras or .tflite, to read with it")
    bring.add_argument("file", type=Path, metavar="FILE", help="a .keras or .tflite file")
    bring.add_argument("--name", required=True, help="name of the model")
    bring.add_argument("--most-memory", type=int, metavar="MB", help="memory limit; the process ends if it needs more")
    bring.add_argument("--json", action="store_true", help="one JSON object")
    bring.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, run, measure, store.

    Raises:
        ModelError: with a sentence for people.
    """
    if options.most_memory and os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (1_000_000 * options.most_memory,) * 2)
    model_store.check_new(options.name)
    try:
        if options.file.stat().st_size > guests.LARGEST:
            raise ModelError(f"The file is larger than {guests.LARGEST // 1_000_000} MB.")
        content = options.file.read_bytes()
    except OSError as error:
        raise ModelError(f"The file cannot be read: {error.strerror}.") from error
    form = options.file.suffix.lower()
    if form not in (".keras", ".tflite"):
        print("A .keras or a .tflite file is needed.", file=sys.stderr)
        return 2
    stored = (_keras if form == ".keras" else _litert)(options.file, content, options.name)
    accuracy, data = stored.card["metrics"]["test_accuracy"], stored.card["brought"]["measured_on"]
    if options.json:
        print(json.dumps({"name": stored.name, "accuracy": accuracy, "data": data}))
    else:
        print(f"{stored.name}: {accuracy:.2%} of {data}'s test digits read right\nStored in {stored.folder}")
    return 0


def _keras(path: Path, content: bytes, name: str) -> StoredModel:
    guests.check_keras(content)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from digit_core.pictures.normalization import batch
    from digit_core.training.guests import brought

    tried = _tried()
    network, way = brought(path, tried)
    _check_reads(evaluate(network.predict(batch(tried.images), verbose=0), tried.labels))
    data, test = _test()
    result = evaluate(network.predict(batch(test.images), batch_size=500, verbose=0), test.labels)
    about = _about(data, result, network.count_params(), form="Keras", pixels=way)
    model_store.check_new(name)  # others may have taken it meanwhile
    return model_store.save(network, name, about, test.images[:1000])


def _litert(path: Path, content: bytes, name: str) -> StoredModel:
    guests.check_litert(content)
    network, tried = Network(content), _tried()
    _check_reads(evaluate(network.run(tried.images)[0], tried.labels))
    data, test = _test()
    result = evaluate(network.run(test.images)[0], test.labels)
    model_store.check_new(name)
    return model_store.save_litert(content, name, _about(data, result, 0, form="LiteRT", pixels="0 to 1"))


def _tried() -> Split:
    digits = datasets.load("builtin").train
    return Split(digits.images[:BUILTIN_TRIED], digits.labels[:BUILTIN_TRIED])


def _check_reads(result: Evaluation) -> None:
    if result.accuracy < LEAST:
        raise ModelError(
            f"This network reads {result.accuracy:.0%} of the built-in digits right: it expects another input "
            "format, or was trained for something else. Inkling passes digits as 28x28, white on black."
        )


def _test() -> tuple[str, Split]:
    return datasets.load_test("mnist" if mnist.is_at_hand() else "builtin")


def _about(data: str, result: Evaluation, parameters: int, **brought: str) -> dict:
    """The content of its card; its training is unknown."""
    metrics = {"accuracy": result.accuracy, "loss": result.log_loss, "calibration_error": result.calibration_error}
    return {
        "settings": {"architecture": "brought"},
        "data": {"name": "unknown"},
        "parameters": parameters,
        "metrics": {f"test_{name}": round(value, 5) for name, value in metrics.items()},
        "brought": {**brought, "measured_on": data},
    }
