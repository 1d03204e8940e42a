"""Fit a network: `train(settings, on_event)` -> a trained model and what it reached.

The validation part decides which epoch is kept; the test part is read once, at
the end. The core never draws: progress goes out as events. Loads TensorFlow,
so the app's own process never imports this module.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import keras
import numpy as np

from digit_core import datasets
from digit_core.architectures import ARCHITECTURES, CLASSES
from digit_core.augmentation import DISTORTIONS, distort
from digit_core.datasets import Dataset, Split

LOSSES = {
    "sparse": keras.losses.SparseCategoricalCrossentropy,  # labels 0..9
    "one_hot": keras.losses.CategoricalCrossentropy,  # labels as ten zeros and ones
}


@dataclass(frozen=True)
class TrainingSettings:
    """All that decides a training.

    Attributes:
        architecture: a name in `ARCHITECTURES`.
        data: a name for `datasets.load`.
        epochs: passes over the training part, at least 1.
        batch_size: digits a step.
        learning_rate: Adam's first step size; it falls to 0 along a cosine.
        augmentation: a name in `DISTORTIONS`; training digits are distorted anew every epoch.
        loss: "sparse" or "one_hot", the form of the labels.
        seed: for weights, shuffling and dropout.
    """

    architecture: str = "simple_cnn"
    data: str = "mnist"
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 2e-3
    augmentation: str = "gentle"
    loss: str = "sparse"
    seed: int = 1

    def __post_init__(self) -> None:
        choices = {"architecture": ARCHITECTURES, "augmentation": DISTORTIONS, "loss": LOSSES}
        for setting, known in choices.items():
            if getattr(self, setting) not in known:
                raise ValueError(f"There is no {setting} called {getattr(self, setting)!r}: {', '.join(known)}.")
        if self.epochs < 1 or self.batch_size < 1 or not self.learning_rate > 0:
            raise ValueError("Epochs, batch size and learning rate must be greater than zero.")
        if not 0 <= self.seed < 2**32:
            raise ValueError("The seed must be a whole number from 0 to 4294967295.")


@dataclass(frozen=True)
class BatchEnd:
    """After a step: `step` of `steps` in this `epoch` of `epochs` (all from 1), running means."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class EpochEnd:
    """After an epoch: means over the training part, and over the validation part."""

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


OnEvent = Callable[[BatchEnd | EpochEnd], None]


@dataclass(frozen=True)
class Trained:
    """A trained network with what is worth knowing about it.

    `history` holds one `EpochEnd` an epoch; the weights are those of `best_epoch` (from 1),
    the one with the lowest validation loss.
    """

    model: keras.Model
    settings: TrainingSettings
    dataset: Dataset
    history: tuple[EpochEnd, ...]
    best_epoch: int
    test_loss: float
    test_accuracy: float
    seconds: float


def train(settings: TrainingSettings, on_event: OnEvent = lambda event: None) -> Trained:
    """Train one network from scratch.

    Raises:
        DatasetError: the data cannot be had.
    """
    started = time.monotonic()
    keras.utils.set_random_seed(settings.seed)
    dataset = datasets.load(settings.data)
    model = ARCHITECTURES[settings.architecture]()
    _compile(model, settings, len(dataset.train))
    reporter = _Reporter(settings.epochs, on_event)
    model.fit(
        _Batches(dataset.train, settings),
        epochs=settings.epochs,
        validation_data=(batch(dataset.validation.images), _targets(dataset.validation, settings)),
        callbacks=[reporter],
        verbose=0,
    )
    model.set_weights(reporter.best_weights)
    test_loss, test_accuracy = model.evaluate(
        batch(dataset.test.images), _targets(dataset.test, settings), batch_size=500, verbose=0
    )
    return Trained(
        model=model,
        settings=settings,
        dataset=dataset,
        history=tuple(reporter.history),
        best_epoch=reporter.best_epoch,
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        seconds=time.monotonic() - started,
    )


def describe(trained: Trained) -> dict:
    """What the model's card says about its training: plain values only."""
    best = trained.history[trained.best_epoch - 1]
    parts = ("train", "validation", "test")
    splits = {part: getattr(trained.dataset, part) for part in parts}
    return {
        "settings": asdict(trained.settings),
        "data": {
            "name": trained.dataset.name,
            **{part: {"digits": len(split), "sha256": split.digest()} for part, split in splits.items()},
        },
        "parameters": trained.model.count_params(),
        "training": {
            "epochs": len(trained.history),
            "best_epoch": trained.best_epoch,
            "seconds": round(trained.seconds, 1),
        },
        "metrics": {
            "validation_loss": round(best.validation_loss, 5),
            "validation_accuracy": round(best.validation_accuracy, 5),
            "test_loss": round(trained.test_loss, 5),
            "test_accuracy": round(trained.test_accuracy, 5),
        },
    }


def batch(images: np.ndarray) -> np.ndarray:
    """uint8 (n, 28, 28), 0..255 -> the network's input, float32 (n, 28, 28, 1), 0..1."""
    return images[..., np.newaxis].astype(np.float32) / 255


def _targets(split: Split, settings: TrainingSettings) -> np.ndarray:
    if settings.loss == "one_hot":
        return np.eye(CLASSES, dtype=np.float32)[split.labels]  # (n, 10)
    return split.labels  # (n,)


class _Batches(keras.utils.PyDataset):
    """The training part, shuffled and distorted anew every epoch.

    Order and distortion follow from the seed, the epoch and the batch's number alone.
    """

    def __init__(self, split: Split, settings: TrainingSettings):
        super().__init__()
        self.images, self.labels = split.images, split.labels
        self.targets = _targets(split, settings)
        self.settings = settings
        self.epoch = 0
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self.images) // self.settings.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        size = self.settings.batch_size
        chosen = self.order[index * size : (index + 1) * size]
        rng = np.random.default_rng((self.settings.seed, self.epoch, index))
        distortion = DISTORTIONS[self.settings.augmentation]
        images = distort(self.images[chosen], self.labels[chosen], distortion, rng)
        return batch(images), self.targets[chosen]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng((self.settings.seed, self.epoch)).permutation(len(self.images))


def _compile(model: keras.Model, settings: TrainingSettings, digits: int) -> None:
    steps = settings.epochs * -(-digits // settings.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    model.compile(keras.optimizers.Adam(rate), LOSSES[settings.loss](), metrics=["accuracy"])


class _Reporter(keras.callbacks.Callback):
    """Turns Keras' hooks into events, and remembers the best epoch's weights."""

    def __init__(self, epochs: int, on_event: OnEvent):
        super().__init__()
        self.epochs = epochs
        self.on_event = on_event
        self.epoch = 0
        self.history: list[EpochEnd] = []
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, step, logs=None):
        self.on_event(BatchEnd(self.epoch, self.epochs, step + 1, self.params["steps"], logs["loss"], logs["accuracy"]))

    def on_epoch_end(self, epoch, logs=None):
        event = EpochEnd(
            self.epoch, self.epochs, logs["loss"], logs["accuracy"], logs["val_loss"], logs["val_accuracy"]
        )
        if not self.history or event.validation_loss < min(e.validation_loss for e in self.history):
            self.best_epoch, self.best_weights = self.epoch, self.model.get_weights()
        self.history.append(event)
        self.on_event(event)
