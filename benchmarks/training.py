"""Measure how fast the presets learn and what progress reports cost. Prints the tables that docs/training.md quotes.

    python benchmarks/training.py                # all three tables, about twenty minutes on two cores
    python benchmarks/training.py speed          # only the first: seconds to 99 % on MNIST's test digits
    python benchmarks/training.py cost threads   # the others

Compare times only within one run. The test digits are used to measure, never to choose anything.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, median, stdev

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from digit_core.training.events import BatchEnd, EpochEnd
from digit_core.training.settings import PRESETS, TrainingSettings, settings_from

TARGET = 0.99
EVERY = 50  # steps between accuracy checks
USUAL = {  # the recipe of most tutorials
    "architecture": "simple_cnn",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "warmup": 0.0,
    "weight_decay": 0.0,
    "augmentation": "none",
    "loss": "sparse",
    "epochs": 12,
    "batch_size": 128,
}
RECIPES = {"usual recipe": TrainingSettings(**USUAL), "preset quick": PRESETS["quick"]}


def main() -> None:
    tables = {"speed": speed, "cost": cost, "threads": threads}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(tables))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--part", default="test", choices=("test", "validation"), help="digits for the first table")
    parser.add_argument("--to-target", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--images-per-second", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.images_per_second:
        print(images_per_second())
        return
    if options.to_target:
        name, seed = options.to_target
        print(*seconds_to_target(replace(RECIPES[name], seed=int(seed)), options.part))
        return
    for table in options.tables or tables:
        tables[table](options)


# ---- seconds to 99 %


def speed(options: argparse.Namespace) -> None:
    """Alternate both recipes, seed by seed, each in a separate process; accuracy checks pause the clock."""
    seconds: dict[str, list[float]] = {name: [] for name in RECIPES}
    final: dict[str, list[float]] = {name: [] for name in RECIPES}
    for seed in range(1, options.seeds + 1):
        for name in RECIPES:
            taken, reached = map(float, _own_process("--to-target", name, str(seed), "--part", options.part))
            print(f"{name}, seed {seed}: {taken:.1f} s, then {reached:.2%}", file=sys.stderr, flush=True)
            seconds[name].append(taken)
            final[name].append(reached)
    measured = f"seconds to {TARGET:.1%} ({options.part}), {options.seeds} seeds"
    print(f"\n| recipe | {measured}: median, range | share of the medians | accuracy there |\n|---|---|---|---|")
    for name, taken in seconds.items():
        if math.inf in taken:
            print(f"| {name} | not reached with {taken.count(math.inf)} of the seeds | | |")
            continue
        share = median(taken) / median(seconds["usual recipe"])
        accuracy = _spread([100 * a for a in final[name]], ".2f")
        print(f"| {name} | {median(taken):.1f}, {min(taken):.1f} to {max(taken):.1f} | {share:.0%} | {accuracy} % |")


def seconds_to_target(settings: TrainingSettings, part: str) -> tuple[float, float]:
    """Return (training seconds until the accuracy first reaches the target, or infinity; the last accuracy seen)."""
    import keras
    import numpy as np
    import tensorflow as tf

    from digit_core.data import datasets
    from digit_core.training import state, training

    keras.utils.set_random_seed(settings.seed)
    dataset = datasets.load(settings.data)
    split = getattr(dataset, part)
    chunks = np.array_split(training.batch(split.images), max(1, len(split) // 500))
    started = time.monotonic()
    model = training.ARCHITECTURES[settings.architecture]()
    training._compile(model, settings, len(dataset.train))
    answer = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)

    class Watch(keras.callbacks.Callback):
        paused = 0.0
        reached = math.inf
        accuracy = 0.0

        def on_train_batch_end(self, step, logs=None):
            if (step + 1) % EVERY:
                return
            now = time.monotonic()
            predicted = np.concatenate([answer(chunk).numpy().argmax(1) for chunk in chunks])
            self.accuracy = float((predicted == split.labels).mean())
            if self.accuracy >= TARGET:
                self.reached = now - started - self.paused
                self.model.stop_training = True
            self.paused += time.monotonic() - now

    watch = Watch()
    batches = state.Batches(dataset.train, settings)
    model.fit(batches, epochs=settings.epochs, callbacks=[watch], shuffle=False, verbose=0)
    return watch.reached, watch.accuracy


# ---- what events and checkpoints cost


def cost(options: argparse.Namespace) -> None:
    """Time one epoch of the simplest network, where overhead matters most: bare `fit` against `train`."""
    bare, ours = [], []
    for seed in range(1, options.seeds + 1):
        bare.append(_epoch_by_fit(seed))
        ours.append(_epoch_by_train(seed))
        print(f"seed {seed}: {bare[-1]:.2f} s, {ours[-1]:.2f} s", file=sys.stderr, flush=True)
    print("\n| an epoch of `standard` on MNIST | seconds | share |\n|---|---|---|")
    print(f"| Keras `fit` on the same batches, nothing else | {_spread(bare, '.2f')} | 100 % |")
    print(f"| `train`: events, stop, checkpoints | {_spread(ours, '.2f')} | {mean(ours) / mean(bare):.1%} |")


def _epoch_by_fit(seed: int) -> float:
    """Return the seconds of the second of two epochs, including validation."""
    import keras

    from digit_core.data import datasets
    from digit_core.training import state, training

    settings = settings_from("standard", epochs=2, seed=seed)
    dataset = datasets.load(settings.data)
    keras.utils.set_random_seed(seed)
    model = training.ARCHITECTURES[settings.architecture]()
    training._compile(model, settings, len(dataset.train))
    times = []
    model.fit(
        state.Batches(dataset.train, settings),
        epochs=2,
        validation_data=training._arrays(dataset.validation, settings),
        validation_batch_size=500,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: times.append(time.monotonic()))],
    )
    return times[1] - times[0]


def _epoch_by_train(seed: int) -> float:
    """The same, but write an event per step as a JSON line and a checkpoint per epoch."""
    import json
    from dataclasses import asdict

    from digit_core.training import training

    times = []
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "events", "w") as events:

        def note(event):
            if isinstance(event, BatchEnd | EpochEnd):
                events.write(json.dumps(asdict(event)) + "\n")
            if isinstance(event, EpochEnd):
                times.append(time.monotonic())

        settings = settings_from("standard", epochs=2, seed=seed)
        training.train(settings, note, lambda: False, Path(folder) / "state.npz")
    return times[1] - times[0]


# ---- images a second against threads


def threads(options: argparse.Namespace) -> None:
    """Use a separate process for each count: TensorFlow reads its number of threads only once."""
    counts = sorted({1, 2, os.cpu_count() or 1})
    print("\n| threads | images a second, `best` | share |\n|---|---|---|")
    first = None
    for count in counts:
        environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(count), "OMP_NUM_THREADS": str(count)}
        [rate] = map(float, _own_process("--images-per-second", environment=environment))
        first = first or rate
        print(f"| {count} | {rate:.0f} | {rate / first:.0%} |", flush=True)


def images_per_second(steps: int = 60) -> float:
    """Return the flagship's training speed, including distortion, after ten warm-up steps."""
    from digit_core.training import training

    times = []

    def note(event):
        if isinstance(event, BatchEnd):
            times.append(time.monotonic())
        if len(times) > steps + 10:
            raise _EnoughError

    settings = settings_from("best", epochs=1)
    try:
        training.train(settings, note)
    except _EnoughError:
        return steps * settings.batch_size / (times[steps + 10] - times[10])
    raise AssertionError("it was to end in its first epoch")


class _EnoughError(Exception):
    """Ends a training that is only timed."""


def _own_process(*arguments: str, environment: dict[str, str] | None = None) -> list[str]:
    """Run this script with those arguments; return the words of its last output line."""
    words = [sys.executable, __file__, *arguments]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def _spread(values: list[float], form: str) -> str:
    return f"{mean(values):{form}}" + (f" ± {stdev(values):{form}}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
