"""Events that a training emits while it runs. Loads no TensorFlow."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Started:
    """Before the first step: how many digits each part holds, and ten validation digits to watch.

    Attributes:
        digits: for "train", "validation" and "test", how many.
        watched: uint8 (10, 28, 28), one of each digit from 0 to 9; fewer where some are missing.
        labels: uint8, what they are.
    """

    digits: dict[str, int]
    watched: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class BatchEnd:
    """After a step: `step` of `steps` in this `epoch` of `epochs` (all from 1), running means.

    `seconds_left` counts to the end of the last epoch; it and `images_per_second` are None until known.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class EpochEnd:
    """After an epoch: means over the training part, and over the validation part; what it took."""

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float = 0.0
    seconds_left: float = 0.0


@dataclass(frozen=True)
class Glimpse:
    """During training: the network's current `probabilities` for the watched digits, float32 (10, 10), and the
    `filters` of its first layer, float32 (side, side, n).

    The last one, with step 0, is of the final network.
    """

    epoch: int
    step: int
    probabilities: np.ndarray
    filters: np.ndarray | None = None


Event = Started | BatchEnd | EpochEnd | Glimpse
OnEvent = Callable[[Event], None]


class TrainingError(Exception):
    """A training cannot continue; the message tells the user why."""


class DivergedError(TrainingError):
    """The loss is no longer a number."""
