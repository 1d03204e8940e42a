"""The command `train`: settings from options, a progress bar, stopping and resuming.

A training keeps its state under `$DIGIT_HOME/checkpoints/` until it has finished. Ctrl-C
and SIGTERM stop it and save the model; `--resume` continues it, even after a crash.
"""

import argparse
import dataclasses
import datetime
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from digit_core import paths
from digit_core.cli.stopping import asked_to_stop
from digit_core.data import datasets
from digit_core.data.datasets import DATASETS
from digit_core.models import export
from digit_core.models import store as model_store
from digit_core.models.export import ExportError
from digit_core.training import checkpoints
from digit_core.training.checkpoints import CheckpointError
from digit_core.training.events import BatchEnd, EpochEnd, TrainingError
from digit_core.training.settings import LEARNT, TrainingSettings, settings_from, with_enough_steps

CORRECTIONS = "corrections"  # as data set: the corrections saved on this host
STOPPED = 130  # exit status, as a shell gives for Ctrl-C


def add_parser(commands) -> None:
    """Add the command `train` to the commands of the program."""
    train = commands.add_parser("train", help="fit a network and store it as a model")
    train.add_argument("--preset", help="quick, standard (default) or best; other options override it")
    train.add_argument("--architecture", help="lenet5, simple_cnn, resnet or inkling")
    train.add_argument(
        "--data",
        help=f"{', '.join(DATASETS)} (default mnist), or the path of your own digits: IDX, NPZ, CSV, pictures, "
        "strokes; or corrections; several joined by '+' train together, and the first one tests",
    )
    train.add_argument("--epochs", type=int, help="passes over the training digits")
    train.add_argument("--batch-size", type=int, help="digits a step")
    train.add_argument("--optimizer", help="adamw, adam or sgd")
    train.add_argument("--learning-rate", type=float, help="the highest one, after the warm-up")
    train.add_argument("--schedule", choices=("cosine", "constant"), help="learning rate after the warm-up")
    train.add_argument("--warmup", type=float, help="epochs over which the learning rate rises")
    train.add_argument("--weight-decay", type=float, help="fraction by which weights shrink, times the learning rate")
    train.add_argument("--label-smoothing", type=float, help="fraction of the probability spread over all digits")
    train.add_argument("--averaging", type=float, help="momentum of the average of the weights; 0 for none")
    train.add_argument("--augmentation", help="none, slight, gentle or strong: how far digits are distorted")
    train.add_argument("--loss", choices=("sparse", "one_hot"), help="the form of the labels")
    train.add_argument("--patience", type=int, help="stop after so many epochs without improvement; 0 for never")
    train.add_argument("--dropout", type=float, help="fraction of activations dropped before dense layers")
    train.add_argument("--validation-share", type=float, help="fraction of the training digits held back to choose by")
    train.add_argument("--precision", choices=("float32", "bfloat16"), help="bfloat16: faster where supported")
    train.add_argument("--seed", type=int, help="for weights, dropout, order and distortion")
    train.add_argument("--start-from", help="model of the same architecture to start from")
    train.add_argument("--blend", type=float, help="fraction of that model's weights in the result")
    train.add_argument("--name", help="name of the model (default: the architecture and the time)")
    train.add_argument("--into", type=Path, help="folder of models to write to (default $DIGIT_HOME/models)")
    train.add_argument("--resume", action="store_true", help="continue the training of that --name")
    train.add_argument("--run", metavar="ID", dest="run_id", help=argparse.SUPPRESS)  # the app's own workers
    train.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, store and report.

    Raises:
        ModelError, DatasetError, CheckpointError, ExportError: with a sentence for people.
    """
    if options.run_id:
        from digit_core.runs import worker as run_worker

        return run_worker.work(options.run_id)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    print("Starting TensorFlow ...", file=sys.stderr)
    from digit_core.training import distribution, training

    try:
        name, settings = _resumed(options) if options.resume else _new(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    model_store.check_target(name, options.into)
    if not options.resume:
        settings = _with_enough_steps(settings, options.epochs is not None)
    print(f"Training {name} ({settings.architecture}, {settings.epochs} epochs).", file=sys.stderr)
    try:
        with _Bar() as bar, asked_to_stop() as asked:
            trained = training.train(settings, bar.show, asked.is_set, checkpoint_of(name), progress=True)
    except (TrainingError, distribution.DistributionError) as error:
        print(error, file=sys.stderr)
        return 1
    if not distribution.is_chief(distribution.strategy()):
        return 0  # worker 0 stores the model
    _store(trained, name, options.into)
    if trained.stopped and not trained.history:
        print("Stopped in the first epoch: the model is saved, the training cannot be resumed.", file=sys.stderr)
        return STOPPED
    if trained.stopped:
        into = f" --into {options.into}" if options.into else ""
        print(f"Stopped. To go on: python -m digit_core train --resume --name {name}{into}", file=sys.stderr)
        return STOPPED
    checkpoints.remove(checkpoint_of(name))
    if trained.validation.accuracy < LEARNT:
        print("The network has barely learned anything. Try more epochs or more digits.", file=sys.stderr)
        return 1
    return 0


def checkpoint_of(name: str) -> Path:
    """The checkpoint file of the training with this name.

    Raises:
        ModelError: the name is invalid; it is checked before it becomes a path.
    """
    model_store.check_name(name)
    return paths.home() / "checkpoints" / f"{name}.npz"


def _new(options: argparse.Namespace):
    """Name and settings of a new training.

    Raises:
        ValueError: a setting is invalid.
        CheckpointError: a training with that name is unfinished.
        ModelError: a model with that name already exists.
    """
    settings = _with_corrections(settings_from(options.preset or "standard", **_given(options)))
    own = f"{settings.architecture}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    name = options.name or (settings.architecture if options.into else own)
    if os.path.exists(checkpoint_of(name)):
        raise CheckpointError(
            f"There is an unfinished training called {name!r}. Continue it with --resume, choose another --name, "
            f"or remove {checkpoint_of(name)}."
        )
    if not options.into and os.path.exists(paths.home() / "models" / name):
        raise model_store.ModelError(f"There is already a model called {name!r}. Please choose another --name.")
    return name, settings


def _with_corrections(settings: TrainingSettings) -> TrainingSettings:
    """The settings, with "corrections" among the data replaced by a file of those that were saved here.

    Raises:
        DatasetError: there are none, or they cannot be read or written.
    """
    if CORRECTIONS not in (part.rpartition("*")[2] for part in datasets.parts_of(settings.data)):
        return settings
    from digit_core.feedback import exchange  # loads the database's library
    from digit_core.feedback.database import FeedbackError

    try:
        file = exchange.kept_file()
    except FeedbackError as error:
        raise datasets.DatasetError(str(error)) from error
    parts = [part.rpartition("*") for part in datasets.parts_of(settings.data)]
    data = [f"{times}{star}{file if name == CORRECTIONS else name}" for times, star, name in parts]
    return dataclasses.replace(settings, data="+".join(data))


def _with_enough_steps(settings: TrainingSettings, epochs_were_asked_for: bool) -> TrainingSettings:
    """Train small data sets for more epochs in smaller batches; if the epochs were given, only print a warning.

    Raises:
        DatasetError: the data is not available.
    """
    if settings.data == "mnist":  # has enough of them
        return settings
    digits = len(datasets.load(settings.data, validation_share=settings.validation_share).train)
    enough = with_enough_steps(settings, digits)
    if enough == settings:
        return settings
    in_words = f"{enough.epochs} epochs in batches of {enough.batch_size}"
    if epochs_were_asked_for:
        few = f"With only {digits:,} digits, {settings.epochs} epochs are too few"
        print(f"{few}: use about {in_words}.", file=sys.stderr)
        return settings
    print(f"There are only {digits:,} training digits, so training runs for {in_words}.", file=sys.stderr)
    return enough


def _resumed(options: argparse.Namespace):
    """Name and settings of a training to resume.

    Raises:
        ValueError: the name is missing, or settings were given.
        CheckpointError: there is no such training.
    """
    from digit_core.training import training

    if not options.name:
        raise ValueError("Name the training to resume with --name.")
    if options.preset or _given(options):
        raise ValueError("A resumed training keeps its settings: give none with --resume.")
    return options.name, training.settings_of(checkpoint_of(options.name))


def _given(options: argparse.Namespace) -> dict:
    """The settings that were given on the command line."""
    fields = [field.name for field in dataclasses.fields(TrainingSettings)]
    return {field: getattr(options, field) for field in fields if getattr(options, field) is not None}


def _store(trained, name: str, into: Path | None) -> None:
    """Save the model, and print its accuracy and location."""
    from digit_core.training import training

    digits = trained.dataset.validation.images
    stored = model_store.save(trained.model, name, training.describe(trained), digits, into)
    metrics = stored.card["metrics"]
    print(f"{name}: {metrics['validation_accuracy']:.2%} validation, {metrics['test_accuracy']:.2%} test")
    print(f"Stored in {stored.folder}")
    if into:  # the card of a shipped model says how each export compares with it
        _record_all_exports(stored, trained.model, digits)


def _record_all_exports(stored: model_store.StoredModel, model, digits: np.ndarray) -> None:
    for form in export.FORMATS:
        try:
            with tempfile.TemporaryDirectory() as folder:
                verification = export.export(model, form, Path(folder) / "export", digits)
        except ExportError as error:
            print(f"{form}: {error}", file=sys.stderr)
            continue
        model_store.record_export(stored, form, verification)


class _Bar:
    """Shows training events: a bar that advances per batch, and a line per epoch. Appears with the first event."""

    bar: tqdm | None = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.bar is not None:
            self.bar.close()

    def show(self, event) -> None:
        if self.bar is None:
            self.bar = tqdm(unit="batch", file=sys.stderr, mininterval=0.5)
        if isinstance(event, BatchEnd):
            self.bar.total = event.epochs * event.steps
            self.bar.update((event.epoch - 1) * event.steps + event.step - self.bar.n)
            self.bar.set_postfix_str(f"loss {event.loss:.4f}, accuracy {event.accuracy:.2%}", refresh=False)
        elif isinstance(event, EpochEnd):
            self.bar.write(
                f"epoch {event.epoch}/{event.epochs}: training {event.accuracy:.2%}, "
                f"validation {event.validation_accuracy:.2%} (loss {event.validation_loss:.4f})",
                file=sys.stderr,
            )
