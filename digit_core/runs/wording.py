"""What is known about a run, in words for people."""

import datetime
from collections.abc import Sequence
from pathlib import Path

from digit_core.runs.store import Run
from digit_core.training.events import BatchEnd, EpochEnd
from digit_core.training.settings import TrainingSettings

NETWORKS = {"lenet5": "LeNet-5", "simple_cnn": "Simple CNN", "resnet": "Small ResNet", "inkling": "Inkling"}
FIRST_STEPS = ("Start TensorFlow", "Load the digits", "Build the network", "First steps")
OWN = "an uploaded file"
DATA = {"mnist": "MNIST", "builtin": "the built-in set"}


def title(run: Run, zone: datetime.tzinfo | None = None) -> str:
    """A run's title; without one, its network and start time, in `zone` or the machine's time zone."""
    return run.title or f"{NETWORKS[run.settings.architecture]}, {run.created.astimezone(zone):%d %b %H:%M}"


def settings(chosen: TrainingSettings, digits: str | None = None) -> str:
    """The most important settings in one line; `digits` names the training data."""
    epochs = "1 epoch" if chosen.epochs == 1 else f"{chosen.epochs} epochs"
    said = [
        f"{NETWORKS[chosen.architecture]} on {digits or data(chosen)}, {epochs}, batches of {chosen.batch_size}, "
        f"{chosen.optimizer} at {chosen.learning_rate:g}, distortion: {chosen.augmentation}, seed {chosen.seed}"
    ]
    if chosen.schedule == "constant":
        said.append("constant steps")
    if chosen.dropout is not None:
        said.append(f"dropout {chosen.dropout:g}")
    if chosen.validation_share is not None:
        said.append(f"{chosen.validation_share:.0%} to validate")
    if chosen.patience:
        said.append(f"ends after {chosen.patience} epochs without gain")
    return ", ".join(said)


def data(chosen: TrainingSettings) -> str:
    return data_set(chosen.data)


def data_set(name: str) -> str:
    """Display name of a data set, or of several joined by "+"."""
    parts = [part.rpartition("*")[2] for part in name.split("+")]
    known = [DATA.get(part) or (OWN if "/" in part else Path(part).name.removesuffix(".jsonl.gz")) for part in parts]
    return " and ".join(filter(None, (", ".join(known[:-1]), known[-1])))


def state(run: Run, last: BatchEnd | None, digits: dict[str, int] | None) -> str:
    """The progress of a run, in one or two sentences."""
    if run.state == "starting":
        return run.message or "Starting."
    if run.state == "training":
        return _training(last, digits)
    if run.state == "storing":
        return "Stopped. Storing what was learnt." if run.status.get("stopped") else "Trained. Measuring and storing."
    if run.state == "finished":
        return f"Finished in {duration(run.status.get('seconds', 0))}."
    begin = {"stopped": "Stopped.", "failed": "This training failed.", "interrupted": "Interrupted."}[run.state]
    return f"{begin} {run.message}".strip()


def _training(last: BatchEnd | None, digits: dict[str, int] | None) -> str:
    if last is None:
        return "Building the network." if digits is None else "The first steps take a moment."
    said = f"Epoch {last.epoch} of {last.epochs}"
    if last.images_per_second:
        said += f" · {last.images_per_second:,.0f} digits a second"
    if last.seconds_left is not None:
        said += f" · {duration(last.seconds_left)} left"
    return said


def first_steps(run: Run, digits: dict[str, int] | None) -> tuple[tuple[str, ...], int]:
    """The steps before a run's first batch, and the index of the current one."""
    if run.state == "starting":
        return FIRST_STEPS, min(int(run.status.get("step", 0)), 1)
    return FIRST_STEPS, 2 if digits is None else 3


def share(last: BatchEnd | None) -> float:
    """Completed fraction of the training, 0..1."""
    if last is None:
        return 0.0
    return min((last.epoch - 1 + last.step / last.steps) / last.epochs, 1.0)


def duration(seconds: float) -> str:
    """Format a duration in s, min or h."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def curve(epochs: Sequence[EpochEnd], quantity: str) -> str:
    """Text alternative for the curves."""
    if not epochs:
        return f"Training {quantity} over the epochs; no epoch has ended yet."
    first, last = epochs[0], epochs[-1]
    form = ".2%" if quantity == "accuracy" else ".4f"
    began, now = (format(getattr(event, f"validation_{quantity}"), form) for event in (first, last))
    return f"Validation {quantity} after epoch {first.epoch}: {began}; after epoch {last.epoch}: {now}."
