"""Training settings and presets. Loads no TensorFlow, since the pages show them."""

import math
from dataclasses import dataclass, replace

from digit_core.data.augmentation import DISTORTIONS

ARCHITECTURES = ("lenet5", "simple_cnn", "resnet", "inkling")
DROPOUT = {"lenet5": 0.0, "simple_cnn": 0.4, "resnet": 0.0, "inkling": 0.2}  # each architecture's own
OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("cosine", "constant")
LOSSES = ("sparse", "one_hot")  # the form of the labels: digits, or ten zeros and ones
PRECISIONS = ("float32", "bfloat16")
LEAST_STEPS = 500  # of a training; with fewer, a network reads hardly anything
MOST_EPOCHS_OF_FEW = 200  # more would overfit the few digits
SMALLEST_BATCH = 16  # lower limit when batches are shrunk for few digits
LEARNT = 0.3  # accuracy of a network that has learnt something; chance is 0.1


@dataclass(frozen=True)
class TrainingSettings:
    """All that decides a training.

    Attributes:
        architecture: a name in `ARCHITECTURES`.
        dropout: fraction of activations dropped before dense layers, 0 up to 0.9; None for
            the architecture's default.
        data: a name for `datasets.load`.
        validation_share: fraction of the training digits held out for validation, above 0 up to 0.5; None
            for the data set's default. Where writers are known, the split is fixed.
        epochs: passes over the training part, at least 1.
        batch_size: digits per step.
        optimizer: a name in `OPTIMIZERS`.
        learning_rate: the peak learning rate.
        schedule: "cosine" (cosine decay to 0) or "constant"; either after the warm-up.
        warmup: epochs, possibly fractional, over which the learning rate rises from 0.
        weight_decay: fraction by which weights shrink per step, times the learning rate.
        label_smoothing: fraction of the probability spread over all ten digits, 0..1; needs loss "one_hot".
        averaging: momentum of the exponential moving average of the weights, 0..1; 0 for none.
            The averaged weights are the ones that are validated and kept.
        augmentation: a name in `DISTORTIONS`; training digits are distorted anew every epoch.
        loss: "sparse" or "one_hot", the form of the labels.
        patience: epochs without a lower validation loss after which training ends; 0 for never.
        precision: "float32", or "bfloat16" for half the memory traffic where the processor supports
            it; the stored network is float32 either way.
        seed: for weights, dropout, order and distortion.
        start_from: name of a stored model of the same architecture that provides the initial weights,
            or "" for random ones; used to fine-tune on other data or one's own handwriting.
        blend: fraction of the initial weights in the final ones, 0..1. The mean of a network
            before and after fine-tuning often reads better than either (Wortsman et al.:
            Robust Fine-Tuning of Zero-Shot Models, 2022).
    """

    architecture: str = "simple_cnn"
    data: str = "mnist"
    epochs: int = 12
    batch_size: int = 128
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    warmup: float = 0.5
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    averaging: float = 0.0
    augmentation: str = "gentle"
    loss: str = "one_hot"
    patience: int = 0
    precision: str = "float32"
    seed: int = 1
    start_from: str = ""
    blend: float = 0.0
    dropout: float | None = None
    validation_share: float | None = None

    def __post_init__(self) -> None:
        choices = {
            "architecture": ARCHITECTURES,
            "optimizer": OPTIMIZERS,
            "schedule": SCHEDULES,
            "augmentation": DISTORTIONS,
            "loss": LOSSES,
            "precision": PRECISIONS,
        }
        for setting, known in choices.items():
            if getattr(self, setting) not in known:
                raise ValueError(f"There is no {setting} called {getattr(self, setting)!r}: {', '.join(known)}.")
        if not (self.epochs >= 1 and self.batch_size >= 1 and 0 < self.learning_rate < math.inf):
            raise ValueError("Epochs, batch size and learning rate must be greater than zero.")
        if not (0 <= self.label_smoothing < 1 and 0 <= self.averaging < 1):
            raise ValueError("Label smoothing and averaging must lie between 0 and 1, and below 1.")
        if not (0 <= self.warmup < math.inf and 0 <= self.weight_decay < math.inf and self.patience >= 0):
            raise ValueError("Warm-up, weight decay and patience must not be negative.")
        if self.label_smoothing and self.loss != "one_hot":
            raise ValueError("Label smoothing needs the loss one_hot.")
        if not 0 <= self.blend < 1 or (self.blend and not self.start_from):
            raise ValueError("Blend must lie between 0 and 1, and needs a model to start from.")
        if self.dropout is not None and not 0 <= self.dropout <= 0.9:
            raise ValueError("Dropout must lie between 0 and 0.9.")
        if self.validation_share is not None and not 0 < self.validation_share <= 0.5:
            raise ValueError("The validation share must be above 0 and at most 0.5.")
        if not 0 <= self.seed < 2**32:
            raise ValueError("The seed must be a whole number from 0 to 4294967295.")


PRESETS = {
    "quick": TrainingSettings(architecture="resnet", epochs=2, learning_rate=2e-2, warmup=0.15, augmentation="none"),
    "standard": TrainingSettings(),
    "best": TrainingSettings(
        architecture="inkling",
        epochs=25,
        learning_rate=4e-3,
        weight_decay=0.05,
        label_smoothing=0.05,
        averaging=0.998,
    ),
}


def settings_from(preset: str, **changes) -> TrainingSettings:
    """A preset's settings with some of them changed.

    Raises:
        ValueError: there is no such preset, or a setting cannot be.
    """
    if preset not in PRESETS:
        raise ValueError(f"There is no preset called {preset!r}: {', '.join(PRESETS)}.")
    return replace(PRESETS[preset], **changes)


def with_enough_steps(
    settings: TrainingSettings, digits: int, most_epochs: int = MOST_EPOCHS_OF_FEW
) -> TrainingSettings:
    """The settings, with more epochs where so few training digits make few steps, and smaller batches where
    `most_epochs` of them would not be enough."""

    def epochs() -> int:
        return -(-LEAST_STEPS // max(1, digits // settings.batch_size))

    while epochs() > most_epochs and settings.batch_size >= 2 * SMALLEST_BATCH:
        settings = replace(settings, batch_size=settings.batch_size // 2)
    return replace(settings, epochs=max(settings.epochs, min(epochs(), most_epochs)))
