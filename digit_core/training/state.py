"""The state of a training while it runs: its batches, events, best weights and checkpoints, and its clock."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from digit_core.data.augmentation import DISTORTIONS, distort
from digit_core.data.datasets import Dataset, Split
from digit_core.frameworks import keras
from digit_core.models.store import StoredModel
from digit_core.pictures.normalization import batch
from digit_core.training import checkpoints, distribution
from digit_core.training.architectures import CLASSES
from digit_core.training.checkpoints import Checkpoint
from digit_core.training.events import BatchEnd, DivergedError, EpochEnd, Glimpse, OnEvent, Started
from digit_core.training.settings import TrainingSettings

PARTS = ("train", "validation", "test")
WATCH_EVERY = 1.0  # seconds between two readings of the probe digits


class StopTrainingError(Exception):
    """Ends `fit` at once."""


class TrainingState(keras.callbacks.Callback):
    """The callback that emits events, keeps the best weights and writes checkpoints.

    Must precede Keras' `SwapEMAWeights`: at the end of a validation the model still holds the
    validated weights, at the end of an epoch those that training continues with.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        dataset: Dataset,
        on_event: OnEvent,
        should_stop: Callable[[], bool],
        checkpoint: Path | None,
    ):
        super().__init__()
        self.settings, self.dataset, self.batches = settings, dataset, Batches(dataset.train, settings)
        self.digests = {part: getattr(dataset, part).digest() for part in PARTS}
        self.on_event, self.should_stop, self.checkpoint = on_event, should_stop, checkpoint
        self.history: list[EpochEnd] = []
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] = []
        self.start: StoredModel | None = None
        self.first_weights: list[np.ndarray] | None = None  # of `start`
        self.validated: list[np.ndarray] = []
        self.seconds_before = 0.0  # that trainings before this one took, where it goes on from a checkpoint
        self.stopped = False
        self.clock = Clock()
        self.watched = dataset.validation.one_of_each()
        self.looked = 0.0  # when the network last read the watched digits

    def started(self) -> Started:
        digits = {part: len(getattr(self.dataset, part)) for part in PARTS}
        return Started(digits, self.watched.images, self.watched.labels)

    def finished(self) -> bool:
        """Whether the last epoch is done, or patience is at its end."""
        epochs, patience = len(self.history), self.settings.patience
        return epochs >= self.settings.epochs or bool(patience and epochs - self.best_epoch >= patience)

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.begin(epoch + 1)
        self.clock.begin_epoch()

    def on_train_batch_end(self, step, logs=None):
        rate, left = self.clock.step(step + 1, self.params["steps"], self.settings.epochs - len(self.history) - 1)
        self.on_event(
            BatchEnd(
                epoch=len(self.history) + 1,
                epochs=self.settings.epochs,
                step=step + 1,
                steps=self.params["steps"],
                loss=float(logs["loss"]),
                accuracy=float(logs["accuracy"]),
                images_per_second=rate and rate * self.settings.batch_size,
                seconds_left=left,
            )
        )
        if not math.isfinite(logs["loss"]):
            raise DivergedError("The loss is no longer a number. Try a smaller learning rate.")
        self._glimpse(step + 1)
        self._stop_if_asked()

    def on_test_batch_end(self, step, logs=None):
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            self.stopped = True
            if not self.history:
                self.best_weights = self.model.get_weights()
            raise StopTrainingError

    def _glimpse(self, step: int) -> None:
        """Report current predictions for the watched digits, every second or so."""
        if time.monotonic() - self.looked >= WATCH_EVERY and not distribution.has_many(self.model):
            probabilities = np.asarray(self.model(batch(self.watched.images), training=False))
            self.on_event(Glimpse(len(self.history) + 1, step, probabilities, first_filters(self.model)))
            self.looked = time.monotonic()

    def on_test_end(self, logs=None):
        self.validated = self.model.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        seconds = self.clock.end_epoch()
        event = EpochEnd(
            epoch=len(self.history) + 1,
            epochs=self.settings.epochs,
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            validation_loss=float(logs["val_loss"]),
            validation_accuracy=float(logs["val_accuracy"]),
            seconds=seconds,
            seconds_left=seconds * (self.settings.epochs - len(self.history) - 1),
        )
        if not self.history or event.validation_loss < self.history[self.best_epoch - 1].validation_loss:
            self.best_epoch, self.best_weights = event.epoch, self.validated
        self.history.append(event)
        if self.checkpoint:
            checkpoints.save(self._state(), self.checkpoint)
        self.on_event(event)
        self.model.stop_training = self.finished()

    def _state(self) -> Checkpoint:
        about = {
            "settings": asdict(self.settings),
            "data": self.digests,
            "started_from": reference(self.start),
            "history": [asdict(event) for event in self.history],
            "best_epoch": self.best_epoch,
            "seconds": self.seconds_before + self.clock.total(),
        }
        model = [variable.numpy() for variable in self.model.variables]
        optimizer = [variable.numpy() for variable in self.model.optimizer.variables]
        return Checkpoint(about, model, optimizer, self.best_weights)


class Clock:
    """Steps a second and the time left, from the time that steps and validations took so far."""

    def __init__(self):
        self.created = time.monotonic()
        self.between = 0.0  # seconds from an epoch's last step to its end
        self.rate: float | None = None  # steps a second

    def begin_epoch(self) -> None:
        self.began = self.first = self.last = time.monotonic()

    def step(self, step: int, steps: int, epochs_after: int) -> tuple[float | None, float | None]:
        """(steps per second, seconds left); ignores the first step of an epoch, which includes setup."""
        self.last = time.monotonic()
        if step == 1:
            self.first = self.last
        elif self.last > self.first:
            self.rate = (step - 1) / (self.last - self.first)
        if not self.rate:
            return None, None
        return self.rate, (steps - step + epochs_after * steps) / self.rate + (epochs_after + 1) * self.between

    def end_epoch(self) -> float:
        """Seconds that the epoch took."""
        now = time.monotonic()
        self.between = now - self.last
        return now - self.began

    def total(self) -> float:
        return time.monotonic() - self.created


class Batches(keras.utils.PyDataset):
    """The training part, shuffled and distorted anew every epoch; a last batch that is not full is left out.

    Order and distortion follow from the seed, the epoch and the batch's number alone.
    """

    def __init__(self, split: Split, settings: TrainingSettings):
        super().__init__()
        self.images, self.labels = split.images, split.labels
        self.targets = targets(split, settings)
        self.settings = settings
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Go to the beginning of an epoch, from 1 (0 for the batches from which Keras takes shapes)."""
        self.epoch = epoch
        self.order = np.random.default_rng((self.settings.seed, epoch)).permutation(len(self.images))

    def __len__(self) -> int:
        return steps_of(len(self.images), self.settings)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        size = self.settings.batch_size
        chosen = self.order[index * size : (index + 1) * size]
        rng = np.random.default_rng((self.settings.seed, self.epoch, index))
        distortion = DISTORTIONS[self.settings.augmentation]
        images = distort(self.images[chosen], self.labels[chosen], distortion, rng)
        return batch(images), self.targets[chosen]


def targets(split: Split, settings: TrainingSettings) -> np.ndarray:
    if settings.loss == "one_hot":
        return np.eye(CLASSES, dtype=np.float32)[split.labels]  # (n, 10)
    return split.labels  # (n,)


def reference(start: StoredModel | None) -> dict | None:
    """What the card of a model says about the one that it started from."""
    return start and {
        "name": start.name,
        "sha256": start.card["files"]["model.keras"]["sha256"],
        "data": start.card["data"]["name"],
    }


def steps_of(digits: int, settings: TrainingSettings) -> int:
    """Steps an epoch."""
    return max(1, digits // settings.batch_size)


def first_filters(model: keras.Model) -> np.ndarray | None:
    """What the first convolution looks for, float32 (side, side, n); None where there is none."""
    first = next((layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)), None)
    return None if first is None else np.asarray(first.kernel, np.float32)[:, :, 0]
