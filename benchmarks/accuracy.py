"""Print the table of models: sizes from their cards, accuracy and time measured again.

    python benchmarks/accuracy.py             # the shipped models, a minute
    python benchmarks/accuracy.py --seeds 3   # also retrain the cheap networks with three seeds, half an hour

With `--checkpoints FOLDER`, interrupted trainings resume where they stopped.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median, stdev

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from digit_core import Recognizer
from digit_core.data import datasets
from digit_core.evaluation import metrics
from digit_core.models import export
from digit_core.models import store as model_store
from digit_core.pictures import normalization
from digit_core.training import architectures
from digit_core.training.settings import settings_from

CHEAP = ("lenet5", "simple_cnn", "resnet")
TIMED = 500  # readings of one digit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=0, help="train the cheap networks with so many seeds")
    parser.add_argument("--checkpoints", type=Path, help="folder in which trainings keep their state")
    parser.add_argument("--data", default="mnist", choices=datasets.DATASETS)
    options = parser.parse_args()
    dataset = datasets.load(options.data, progress=True)
    shipped([model for model in model_store.list_models() if model.is_shipped], dataset)
    if options.seeds:
        cheap(range(1, options.seeds + 1), options.data, options.checkpoints)


def shipped(models: list[model_store.StoredModel], dataset: datasets.Dataset) -> None:
    print(f"| model | parameters | multiply-adds | LiteRT | {dataset.name} test | int8 | int8 test | a digit |")
    print("|---|---|---|---|---|---|---|---|")
    for model in models:
        recognizer = Recognizer.load(model.name)
        floating = metrics.evaluate(recognizer.classify(dataset.test.images), dataset.test.labels)
        size, whole = _int8(model, dataset)
        cells = [
            f"`{model.name}`" + (" (default)" if model.is_default else ""),
            f"{model.card['parameters']:,}",
            f"{architectures.multiply_adds(model.load_keras()) / 1e6:.1f} M",
            f"{model.card['files']['model.tflite']['bytes'] / 1e6:.2f} MB",
            f"{floating.accuracy:.2%}",
            f"{size / 1e3:.0f} kB",
            f"{whole.accuracy:.2%}",
            f"{1000 * _seconds_a_digit(recognizer):.2f} ms",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


def cheap(seeds: range, data: str, checkpoints: Path | None) -> None:
    """Train each cheap network with preset `standard`, as `train --architecture NAME --seed N` does."""
    from digit_core.training import training

    print(f"\n| network | {data} test, {len(seeds)} seeds | validation | an epoch, median | epochs |")
    print("|---|---|---|---|---|")
    for architecture in CHEAP:
        results = []
        for seed in seeds:
            settings = settings_from("standard", architecture=architecture, data=data, seed=seed)
            checkpoint = checkpoints and checkpoints / f"{architecture}-{data}-{seed}.npz"
            results.append(training.train(settings, checkpoint=checkpoint))
        tests = [100 * result.test.accuracy for result in results]
        validations = [100 * result.validation.accuracy for result in results]
        epoch = median(event.seconds for result in results for event in result.history)
        print(
            f"| `{architecture}` | {_spread(tests)} % | {_spread(validations)} % | {epoch:.1f} s | {settings.epochs} |",
            flush=True,
        )


def _int8(model: model_store.StoredModel, dataset: datasets.Dataset) -> tuple[int, metrics.Evaluation]:
    """Return the size in bytes and the test evaluation of the int8 export."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "int8.tflite"
        verification = export.export(model.load_keras(), "litert-int8", file, dataset.validation.images)
        batch = normalization.batch(dataset.test.images)
        chunks = np.array_split(batch, max(1, len(batch) // export.CHUNK))
        probabilities = np.concatenate([export.run_litert(file, chunk) for chunk in chunks])
    return verification.bytes, metrics.evaluate(probabilities, dataset.test.labels)


def _seconds_a_digit(recognizer: Recognizer) -> float:
    """Return the median time to classify one digit, with LiteRT on one thread."""
    digit = np.random.default_rng(0).integers(0, 256, (1, 28, 28), np.uint8)
    times = []
    for _ in range(TIMED):
        started = time.perf_counter()
        recognizer.classify(digit)
        times.append(time.perf_counter() - started)
    return median(times)


def _spread(values: list[float]) -> str:
    return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
