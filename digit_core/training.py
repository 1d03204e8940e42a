"""Fit a network: `train(settings, on_event)` -> a trained model and what it reached.

The validation part decides which epoch is kept; the test part is read once, at
the end. The core never draws: progress goes out as events. Loads TensorFlow,
so the app's own process never imports this module.

The same settings give the same training: weights, dropout, order and distortion follow from
the seed, and `checkpoint` lets a training that was broken off go on at its last whole epoch.
"""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np

from digit_core import checkpoints, datasets, distribution, model_store
from digit_core.architectures import ARCHITECTURES, CLASSES, multiply_adds
from digit_core.augmentation import DISTORTIONS, distort
from digit_core.calibration import fit_temperature
from digit_core.checkpoints import Checkpoint, CheckpointError
from digit_core.datasets import Dataset, Split
from digit_core.evaluation import Evaluation, evaluate
from digit_core.model_store import ModelError, StoredModel
from digit_core.normalization import batch
from digit_core.progress import BatchEnd, EpochEnd, Glimpse, OnEvent, Started
from digit_core.settings import TrainingSettings

LOSSES = {
    "sparse": keras.losses.SparseCategoricalCrossentropy,  # labels 0..9
    "one_hot": keras.losses.CategoricalCrossentropy,  # labels as ten zeros and ones
}
OPTIMIZERS = {
    "adamw": keras.optimizers.AdamW,  # Loshchilov, Hutter: Decoupled Weight Decay Regularization (2019)
    "adam": keras.optimizers.Adam,  # Kingma, Ba (2015)
    "sgd": lambda rate, **options: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **options),
}
PARTS = ("train", "validation", "test")
WATCH_EVERY = 1.0  # seconds between glimpses at the watched digits
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # -> Keras' name of the policy


@dataclass(frozen=True)
class Trained:
    """A trained network with what is worth knowing about it.

    `history` holds one `EpochEnd` an epoch; the weights are those of `best_epoch` (from 1),
    the one with the lowest validation loss, or 0 where training was stopped in its first epoch.
    `start` is the model whose weights came first. `stopped` tells that it was asked to end early.
    `temperature` is what its last layer was divided by to make its confidence honest.
    `validation` and `test` are of the network that is kept.
    """

    model: keras.Model
    settings: TrainingSettings
    start: StoredModel | None
    dataset: Dataset
    history: tuple[EpochEnd, ...]
    best_epoch: int
    stopped: bool
    temperature: float
    validation: Evaluation
    test: Evaluation
    seconds: float


class TrainingError(Exception):
    """A training cannot go on; the text says why, in words for people."""


class DivergedError(TrainingError):
    """The loss is no longer a number."""


def train(
    settings: TrainingSettings,
    on_event: OnEvent = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> Trained:
    """Train one network, on all GPUs of this machine or with the workers that `TF_CONFIG` names.

    Args:
        on_event: told of everything in `progress`, in this thread.
        should_stop: asked after every step, also of validation; once it says True, training ends with the
            best epoch so far, in the first epoch with what was learnt up to then.
        checkpoint: file that holds the state after every epoch. If it is there already, training goes
            on from it and ends as it would have without the break.
        progress: show a bar on stderr while data are downloaded.

    Raises:
        DatasetError: the data cannot be had.
        ModelError: the model to start from cannot be had, or is another kind of network.
        CheckpointError: the checkpoint belongs to another training, or cannot be read or written.
        DivergedError: the loss is no longer a number.
        DistributionError: the workers do not come together, or one of them has gone.
    """
    started = time.monotonic()
    keras.utils.set_random_seed(settings.seed)
    distribution.make_repeatable()
    strategy = distribution.strategy()
    start = _start(settings)
    dataset = datasets.load(settings.data, progress, settings.validation_share)
    with strategy.scope(), computing_in(settings.precision):
        model = distribution.fit_for(strategy, build(settings))
        first_weights = _copied_weights(start, model) if start else None
        _compile(model, settings, len(dataset.train))
    course = _Course(settings, dataset, on_event, should_stop, checkpoint if distribution.is_chief(strategy) else None)
    course.start, course.first_weights = start, first_weights
    if checkpoint and os.path.exists(checkpoint):
        _restore(model, course, checkpoints.load(checkpoint))
    distribution.check_in_step(strategy, len(course.history))
    if not course.finished():
        _fit(model, course)
    trained = _result(course, time.monotonic() - started)
    read = trained.model.predict_on_batch(batch(course.watched.images))
    on_event(Glimpse(max(trained.best_epoch, 1), 0, np.asarray(read)))
    return trained


def build(settings: TrainingSettings) -> keras.Model:
    """The network that the settings name, with random weights."""
    options = {} if settings.dropout is None else {"dropout": settings.dropout}
    return ARCHITECTURES[settings.architecture](**options)


def settings_of(checkpoint: Path) -> TrainingSettings:
    """The settings of the training that left this checkpoint.

    Raises:
        CheckpointError: it cannot be read, or another version of the program wrote it.
    """
    return _settings_in(checkpoints.load(checkpoint))


def _settings_in(state: Checkpoint) -> TrainingSettings:
    """Settings that the checkpoint's version of the program did not know yet are as by default."""
    try:
        return TrainingSettings(**state.about["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError("The checkpoint is of another version of the program.") from error


def describe(trained: Trained) -> dict:
    """What the model's card says about its training: plain values only."""
    splits = {part: getattr(trained.dataset, part) for part in PARTS}
    earlier = trained.start.card["data"].get("sources", ()) if trained.start else ()
    return {
        "settings": asdict(replace(trained.settings, data=trained.dataset.name)),
        "data": {
            "name": trained.dataset.name,
            "sources": list(dict.fromkeys([*trained.dataset.sources, *earlier])),
            **{part: {"digits": len(split), "sha256": split.digest()} for part, split in splits.items()},
        },
        "started_from": _reference(trained.start),
        "parameters": trained.model.count_params(),
        "multiply_adds": multiply_adds(trained.model),
        "training": {
            "epochs": len(trained.history),
            "best_epoch": trained.best_epoch,
            "temperature": round(trained.temperature, 4),
            "seconds": round(trained.seconds, 1),
        },
        "metrics": {
            f"{part}_{figure}": round(value, 5)
            for part, result in (("validation", trained.validation), ("test", trained.test))
            for figure, value in (
                ("loss", result.log_loss),
                ("accuracy", result.accuracy),
                ("calibration_error", result.calibration_error),
            )
        },
        "reliability": {"validation": trained.validation.reliability(), "test": trained.test.reliability()},
    }


def _start(settings: TrainingSettings) -> StoredModel | None:
    """The model whose weights come first.

    Raises:
        ModelError: it cannot be had, or is another kind of network.
    """
    if not settings.start_from:
        return None
    start = model_store.find(settings.start_from)
    if (architecture := start.card["settings"]["architecture"]) != settings.architecture:
        raise ModelError(f"{start.name!r} is a {architecture}: a {settings.architecture} cannot start from it.")
    return start


def _copied_weights(start: StoredModel, model: keras.Model) -> list[np.ndarray]:
    """Raises ModelError if the stored model is of another version of the network."""
    weights = start.load_keras().get_weights()
    try:
        model.set_weights(weights)
    except ValueError as error:
        raise ModelError(f"{start.name!r} is of another version of the network: nothing can start from it.") from error
    return weights


def _reference(start: StoredModel | None) -> dict | None:
    """What the card of a model says about the one that it started from."""
    return start and {
        "name": start.name,
        "sha256": start.card["files"]["model.keras"]["sha256"],
        "data": start.card["data"]["name"],
    }


def calibrate(model: keras.Model, validation: Split) -> float:
    """Divide the last layer by the temperature that suits these digits best, and give that temperature."""
    probabilities = model.predict(batch(validation.images), batch_size=500, verbose=0)
    temperature = fit_temperature(probabilities, validation.labels)
    last = model.get_layer("probabilities")
    last.set_weights([weights / temperature for weights in last.get_weights()])
    return temperature


def _one_of_each(split: Split) -> Split:
    """The first of every digit that there is, from 0 to 9."""
    digits, places = np.unique(split.labels, return_index=True)
    return Split(split.images[places], digits)


def _arrays(split: Split, settings: TrainingSettings) -> tuple[np.ndarray, np.ndarray]:
    return batch(split.images), _targets(split, settings)


def _targets(split: Split, settings: TrainingSettings) -> np.ndarray:
    if settings.loss == "one_hot":
        return np.eye(CLASSES, dtype=np.float32)[split.labels]  # (n, 10)
    return split.labels  # (n,)


class _Batches(keras.utils.PyDataset):
    """The training part, shuffled and distorted anew every epoch; a last batch that is not full is left out.

    Order and distortion follow from the seed, the epoch and the batch's number alone.
    """

    def __init__(self, split: Split, settings: TrainingSettings):
        super().__init__()
        self.images, self.labels = split.images, split.labels
        self.targets = _targets(split, settings)
        self.settings = settings
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Go to the beginning of an epoch, from 1 (0 for the batches from which Keras takes shapes)."""
        self.epoch = epoch
        self.order = np.random.default_rng((self.settings.seed, epoch)).permutation(len(self.images))

    def __len__(self) -> int:
        return _steps(len(self.images), self.settings)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        size = self.settings.batch_size
        chosen = self.order[index * size : (index + 1) * size]
        rng = np.random.default_rng((self.settings.seed, self.epoch, index))
        distortion = DISTORTIONS[self.settings.augmentation]
        images = distort(self.images[chosen], self.labels[chosen], distortion, rng)
        return batch(images), self.targets[chosen]


def _steps(digits: int, settings: TrainingSettings) -> int:
    """Steps an epoch."""
    return max(1, digits // settings.batch_size)


@contextlib.contextmanager
def computing_in(name: str) -> Iterator[None]:
    """Build layers that compute in this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(PRECISIONS[name])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _compile(model: keras.Model, settings: TrainingSettings, digits: int) -> None:
    options = {"use_ema": True, "ema_momentum": settings.averaging} if settings.averaging else {}
    optimizer = OPTIMIZERS[settings.optimizer](
        _learning_rate(settings, _steps(digits, settings)), weight_decay=settings.weight_decay, **options
    )
    smoothing = {"label_smoothing": settings.label_smoothing} if settings.loss == "one_hot" else {}
    model.compile(optimizer, LOSSES[settings.loss](**smoothing), metrics=["accuracy"])
    optimizer.build(model.trainable_variables)


def _learning_rate(settings: TrainingSettings, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The step size as a function of the step; `steps` an epoch."""
    warmup = round(min(settings.warmup, settings.epochs / 2) * steps)
    if settings.schedule == "constant" and not warmup:
        return settings.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else settings.learning_rate,
        decay_steps=max(1, settings.epochs * steps - warmup),
        alpha=1.0 if settings.schedule == "constant" else 0.0,
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def _fit(model: keras.Model, course: "_Course") -> None:
    """Train up to the last epoch, the end of patience, or the wish to stop."""
    averaging = [keras.callbacks.SwapEMAWeights()] if course.settings.averaging else []
    course.on_event(course.started())
    with distribution.noticing_lost_workers(), contextlib.suppress(_StopError):
        model.fit(
            course.batches,
            epochs=course.settings.epochs,
            initial_epoch=len(course.history),
            validation_data=_arrays(course.dataset.validation, course.settings),
            validation_batch_size=500,
            callbacks=[course, *averaging],
            shuffle=False,  # the batches are shuffled already, in an order that can be repeated
            verbose=0,
        )


class _StopError(Exception):
    """Ends `fit` at once."""


class _Course(keras.callbacks.Callback):
    """The course of a training: its events, its best weights, its checkpoints.

    Comes before Keras' swapping of averaged weights: at the end of a validation the model still
    holds the weights that were validated, at the end of an epoch those with which training goes on.
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
        self.settings, self.dataset, self.batches = settings, dataset, _Batches(dataset.train, settings)
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
        self.clock = _Clock()
        self.watched = _one_of_each(dataset.validation)
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
            raise _StopError

    def _glimpse(self, step: int) -> None:
        """Let the network, as it is now, read the watched digits; every second or so."""
        if time.monotonic() - self.looked >= WATCH_EVERY and not distribution.has_many(self.model):
            probabilities = np.asarray(self.model(batch(self.watched.images), training=False))
            self.on_event(Glimpse(len(self.history) + 1, step, probabilities))
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
            "started_from": _reference(self.start),
            "history": [asdict(event) for event in self.history],
            "best_epoch": self.best_epoch,
            "seconds": self.seconds_before + self.clock.total(),
        }
        model = [variable.numpy() for variable in self.model.variables]
        optimizer = [variable.numpy() for variable in self.model.optimizer.variables]
        return Checkpoint(about, model, optimizer, self.best_weights)


class _Clock:
    """Steps a second and the time left, from the time that steps and validations took so far."""

    def __init__(self):
        self.created = time.monotonic()
        self.between = 0.0  # seconds from an epoch's last step to its end
        self.rate: float | None = None  # steps a second

    def begin_epoch(self) -> None:
        self.began = self.first = self.last = time.monotonic()

    def step(self, step: int, steps: int, epochs_after: int) -> tuple[float | None, float | None]:
        """(steps a second, seconds left); the first step of an epoch, which builds things, does not count."""
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


def _restore(model: keras.Model, course: _Course, state: Checkpoint) -> None:
    """Bring model, optimizer and course to the state of a checkpoint.

    Raises:
        CheckpointError: it belongs to other settings, other data or another version of the network.
    """
    if _settings_in(state) != course.settings:
        raise CheckpointError("The checkpoint belongs to a training with other settings.")
    if state.about.get("started_from") != _reference(course.start):
        raise CheckpointError(
            f"The model {course.settings.start_from!r} is no longer the one that training began from."
        )
    if state.about.get("data") != course.digests:
        raise CheckpointError("The checkpoint belongs to a training on other data, or the data have changed since.")
    variables = [*model.variables, *model.optimizer.variables]
    values = [*state.model, *state.optimizer]
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise CheckpointError("The checkpoint belongs to another version of the network.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    course.history = [EpochEnd(**event) for event in state.about["history"]]
    course.best_epoch, course.best_weights = state.about["best_epoch"], state.best
    course.seconds_before = state.about["seconds"]


def _result(course: _Course, seconds: float) -> Trained:
    """The best epoch's network, in float32, and its one reading of the test part."""
    settings, dataset = course.settings, course.dataset
    model = build(settings)
    model.set_weights(course.best_weights)
    if settings.blend:
        pairs = zip(course.first_weights, course.best_weights, strict=True)
        model.set_weights([settings.blend * first + (1 - settings.blend) * last for first, last in pairs])
    temperature = calibrate(model, dataset.validation)
    return Trained(
        model=model,
        settings=settings,
        start=course.start,
        dataset=dataset,
        history=tuple(course.history),
        best_epoch=course.best_epoch,
        stopped=course.stopped,
        temperature=temperature,
        validation=_evaluate(model, dataset.validation),
        test=_evaluate(model, dataset.test),
        seconds=course.seconds_before + seconds,
    )


def _evaluate(model: keras.Model, split: Split) -> Evaluation:
    return evaluate(model.predict(batch(split.images), batch_size=500, verbose=0), split.labels)
