"""A run's curves for TensorBoard: `tensorboard --logdir $DIGIT_HOME/runs`. Loads TensorFlow."""

from pathlib import Path

from digit_core.frameworks import tf
from digit_core.training.events import BatchEnd, EpochEnd, Event

EVERY = 10  # steps between two points


class Board:
    """Writes the curves of training and validation as event files."""

    def __init__(self, folder: Path):
        self._train = tf.summary.create_file_writer(str(folder / "train"))
        self._validation = tf.summary.create_file_writer(str(folder / "validation"))
        self._steps = 0  # an epoch

    def __call__(self, event: Event) -> None:
        if isinstance(event, BatchEnd):
            self._steps = event.steps
            step = (event.epoch - 1) * event.steps + event.step
            if step % EVERY == 0 or event.step == event.steps:
                self._write(self._train, step, event.loss, event.accuracy)
        elif isinstance(event, EpochEnd):
            step = event.epoch * self._steps
            self._write(self._validation, step, event.validation_loss, event.validation_accuracy)
            self._train.flush()
            self._validation.flush()

    def close(self) -> None:
        self._train.close()
        self._validation.close()

    @staticmethod
    def _write(writer, step: int, loss: float, accuracy: float) -> None:
        with writer.as_default():
            tf.summary.scalar("loss", loss, step=step)
            tf.summary.scalar("accuracy", accuracy, step=step)
