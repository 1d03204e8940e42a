"""Train a network: `train(settings, on_event)` -> a trained model and its results.

The validation part decides which epoch is kept; the test part is read once, at
the end. Progress is reported as events; there is no user interface. Loads TensorFlow,
so the app's own process never imports this module.

Training is reproducible: weights, dropout, order and distortion follow from the seed, and an
interrupted training resumes from `checkpoint` after its last complete epoch.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from digit_core.data import datasets
from digit_core.data.datasets import Dataset, Split
from digit_core.evaluation.metrics import Evaluation, evaluate
from digit_core.frameworks import keras
from digit_core.models import store as model_store
from digit_core.models.calibration import fit_temperature
from digit_core.models.store import ModelError, StoredModel
from digit_core.pictures.normalization import batch
from digit_core.training import checkpoints, distribution
from digit_core.training.architectures import ARCHITECTURES, CLASSES, multiply_adds
from digit_core.training.checkpoints import Checkpoint, CheckpointError
from digit_core.training.events import EpochEnd, Glimpse, OnEvent
from digit_core.training.settings import TrainingSettings
from digit_core.training.state import (
    PARTS,
    StopTrainingError,
    TrainingState,
    first_filters,
    reference,
    steps_of,
    targets,
)

LOSSES = {
    "sparse": keras.losses.SparseCategoricalCrossentropy,  # labels 0..9
    "one_hot": keras.losses.CategoricalCrossentropy,  # labels as ten zeros and ones
}
OPTIMIZERS = {
    "adamw": keras.optimizers.AdamW,  # Loshchilov, Hutter: Decoupled Weight Decay Regularization (2019)
    "adam": keras.optimizers.Adam,  # Kingma, Ba (2015)
    "sgd": lambda rate, **options: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **options),
}
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # -> Keras' name of the policy


@dataclass(frozen=True)
class Trained:
    """A trained network and its results.

    `history` holds one `EpochEnd` per epoch; the weights are those of `best_epoch` (from 1),
    the one with the lowest validation loss, or 0 if training was stopped in its first epoch.
    `start` is the model that provided the initial weights. `stopped`: asked to end early.
    `temperature` is the divisor of the last layer that calibrates its confidence.
    `validation` and `test` are the final network's results.
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


def train(
    settings: TrainingSettings,
    on_event: OnEvent = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> Trained:
    """Train one network, on all GPUs of this machine or with the workers that `TF_CONFIG` names.

    Args:
        on_event: called with every event (`training.events`), in this thread.
        should_stop: called after every step, also of validation; once it returns True, training ends with
            the best epoch so far, or in the first epoch with the current weights.
        checkpoint: file for the state after every epoch. If it exists, training resumes from it and
            gives the same result as without the interruption.
        progress: show a bar on stderr while data are downloaded.

    Raises:
        DatasetError: the data are not available.
        ModelError: the model to start from is not available, or has another architecture.
        CheckpointError: the checkpoint belongs to another training, or cannot be read or written.
        DivergedError: the loss is no longer a number.
        DistributionError: the workers cannot connect to each other, or one was lost.
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
    state = TrainingState(
        settings, dataset, on_event, should_stop, checkpoint if distribution.is_chief(strategy) else None
    )
    state.start, state.first_weights = start, first_weights
    if checkpoint and os.path.exists(checkpoint):
        _restore(model, state, checkpoints.load(checkpoint))
    distribution.check_in_step(strategy, len(state.history))
    if not state.finished():
        _fit(model, state)
    trained = _result(state, time.monotonic() - started)
    read = trained.model.predict_on_batch(batch(state.watched.images))
    on_event(Glimpse(max(trained.best_epoch, 1), 0, np.asarray(read), first_filters(trained.model)))
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
    """Settings that are newer than the checkpoint get their default values."""
    try:
        return TrainingSettings(**state.about["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError("The checkpoint is of another version of the program.") from error


CURVES = ("loss", "accuracy", "validation_loss", "validation_accuracy")  # of each epoch, in a model's card


def describe(trained: Trained) -> dict:
    """What the model's card says about its training: plain values only."""
    splits = {part: getattr(trained.dataset, part) for part in PARTS}
    earlier = trained.start.card["data"] if trained.start else {}
    files = [*trained.dataset.files, *(trained.start.trained_on if trained.start else ())]
    return {
        "settings": asdict(replace(trained.settings, data=trained.dataset.name)),
        "data": {
            "name": trained.dataset.name,
            "sources": list(dict.fromkeys([*trained.dataset.sources, *earlier.get("sources", ())])),
            "files": list(dict.fromkeys(files)),
            **{part: {"digits": len(split), "sha256": split.digest()} for part, split in splits.items()},
        },
        "started_from": reference(trained.start),
        "parameters": trained.model.count_params(),
        "multiply_adds": multiply_adds(trained.model),
        "training": {
            "epochs": len(trained.history),
            "best_epoch": trained.best_epoch,
            "temperature": round(trained.temperature, 4),
            "seconds": round(trained.seconds, 1),
            "history": {name: [round(getattr(epoch, name), 4) for epoch in trained.history] for name in CURVES},
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


def calibrate(model: keras.Model, validation: Split) -> float:
    """Divide the last layer by the temperature that suits these digits best, and give that temperature."""
    probabilities = model.predict(batch(validation.images), batch_size=500, verbose=0)
    temperature = fit_temperature(probabilities, validation.labels)
    last = model.get_layer("probabilities")
    last.set_weights([weights / temperature for weights in last.get_weights()])
    return temperature


def _arrays(split: Split, settings: TrainingSettings) -> tuple[np.ndarray, np.ndarray]:
    return batch(split.images), targets(split, settings)


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
        _learning_rate(settings, steps_of(digits, settings)), weight_decay=settings.weight_decay, **options
    )
    smoothing = {"label_smoothing": settings.label_smoothing} if settings.loss == "one_hot" else {}
    model.compile(optimizer, LOSSES[settings.loss](**smoothing), metrics=["accuracy"])
    optimizer.build(model.trainable_variables)
    # A step that makes variables is traced twice, which takes seconds: loss and metrics make theirs now.
    one = targets(Split(np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)), settings)
    probabilities = np.full((1, CLASSES), 1 / CLASSES, np.float32)
    model.compute_loss(y=one, y_pred=probabilities)
    model.compute_metrics(x=None, y=one, y_pred=probabilities)
    model.reset_metrics()


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


def _fit(model: keras.Model, state: TrainingState) -> None:
    """Train up to the last epoch, the end of patience, or the wish to stop."""
    averaging = [keras.callbacks.SwapEMAWeights()] if state.settings.averaging else []
    state.on_event(state.started())
    with distribution.noticing_lost_workers(), contextlib.suppress(StopTrainingError):
        model.fit(
            state.batches,
            epochs=state.settings.epochs,
            initial_epoch=len(state.history),
            validation_data=_arrays(state.dataset.validation, state.settings),
            validation_batch_size=500,
            callbacks=[state, *averaging],
            shuffle=False,  # the batches are shuffled already, in an order that can be repeated
            verbose=0,
        )


def _restore(model: keras.Model, state: TrainingState, saved: Checkpoint) -> None:
    """Bring model, optimizer and state to the state of a checkpoint.

    Raises:
        CheckpointError: it belongs to other settings, other data or another version of the network.
    """
    if _settings_in(saved) != state.settings:
        raise CheckpointError("The checkpoint belongs to a training with other settings.")
    if saved.about.get("started_from") != reference(state.start):
        raise CheckpointError(f"The model {state.settings.start_from!r} is no longer the one that training began from.")
    if saved.about.get("data") != state.digests:
        raise CheckpointError("The checkpoint belongs to a training on other data, or the data have changed since.")
    variables = [*model.variables, *model.optimizer.variables]
    values = [*saved.model, *saved.optimizer]
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise CheckpointError("The checkpoint belongs to another version of the network.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    state.history = [EpochEnd(**event) for event in saved.about["history"]]
    state.best_epoch, state.best_weights = saved.about["best_epoch"], saved.best
    state.seconds_before = saved.about["seconds"]


def _result(state: TrainingState, seconds: float) -> Trained:
    """The best epoch's network in float32, and its only evaluation on the test part."""
    settings, dataset = state.settings, state.dataset
    model = build(settings)
    model.set_weights(state.best_weights)
    if settings.blend:
        pairs = zip(state.first_weights, state.best_weights, strict=True)
        model.set_weights([settings.blend * first + (1 - settings.blend) * last for first, last in pairs])
    temperature = calibrate(model, dataset.validation)
    return Trained(
        model=model,
        settings=settings,
        start=state.start,
        dataset=dataset,
        history=tuple(state.history),
        best_epoch=state.best_epoch,
        stopped=state.stopped,
        temperature=temperature,
        validation=_evaluate(model, dataset.validation),
        test=_evaluate(model, dataset.test),
        seconds=state.seconds_before + seconds,
    )


def _evaluate(model: keras.Model, split: Split) -> Evaluation:
    return evaluate(model.predict(batch(split.images), batch_size=500, verbose=0), split.labels)
