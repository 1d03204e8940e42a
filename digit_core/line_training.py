"""Fit the line reader (`lines`) on rows made from single digits. Loads TensorFlow.

The test rows are made from digits that neither trained nor chose, and are read once, at the end.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from digit_core import architectures, lines
from digit_core.datasets import Dataset
from digit_core.lines import BLOCK, CLASSES, HEIGHT, NOTHING
from digit_core.synthetic_lines import Row, Stock
from digit_core.training import computing_in

BATCH = 64  # rows
CHUNK = 16  # batches of rows that are made, and sorted by width, at a time
CHUNKS = 50  # an epoch
RATE, WARMUP = 6e-3, 300  # highest step size, and the steps until it is reached
AVERAGING = 0.998  # momentum of the average of the weights that is kept
MEASURED = 1000  # rows to validate and to test on


@dataclass(frozen=True)
class Lines:
    """A fitted line reader.

    Attributes:
        model: rows float32 (n, 32, width, 1), 0..1 -> answers before the softmax (n, width / 2, 12).
        exact: for "validation" and "test", the share of made rows of digits read without a mistake, 0..1.
        seconds: what it took.
    """

    model: keras.Model
    exact: dict[str, float]
    seconds: float


def fit(
    data: Sequence[Dataset],
    symbols: Dataset | None,
    epochs: int = 8,
    precision: str = "float32",
    say: Callable[[str], None] = lambda text: None,
    seed: int = 1,
) -> Lines:
    """Fit a line reader; the arguments are those of `trust.fit`."""
    started = time.monotonic()
    keras.utils.set_random_seed(seed)
    say("Sorting digits by their pens ...")
    stocks = {part: _stock(data, symbols, part, seed) for part in ("train", "validation", "test")}
    with computing_in(precision):
        model = build()
    steps = epochs * CHUNKS * CHUNK
    warmup = min(WARMUP, steps // 4)
    rate = keras.optimizers.schedules.CosineDecay(RATE / 60, steps - warmup, warmup_target=RATE, warmup_steps=warmup)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=0.02, use_ema=True, ema_momentum=AVERAGING, global_clipnorm=5.0
    )
    model.compile(optimizer, _loss)

    def tell(epoch: int, logs: dict) -> None:
        say(f"Epoch {epoch + 1} of {epochs}: loss {logs['loss']:.3f} a row, {time.monotonic() - started:.0f} s.")

    told = keras.callbacks.LambdaCallback(on_epoch_end=tell)
    batches = _batches(stocks["train"], seed)
    model.fit(batches, epochs=epochs, steps_per_epoch=CHUNKS * CHUNK, shuffle=False, verbose=0, callbacks=[told])
    reader = build()  # in float32, whatever it was trained in
    reader.set_weights(model.get_weights())
    rng = np.random.default_rng(seed)
    exact = {part: _exact(reader, stocks[part].rows(MEASURED, rng, distorted=False)) for part in ("validation", "test")}
    return Lines(reader, exact, time.monotonic() - started)


def build() -> keras.Model:
    """Convolutions over the row, then along it; pooling leaves 4 steps of height and half of the width."""
    row = x = keras.Input((HEIGHT, None, 1), name="row")
    x = layers.MaxPooling2D(2)(architectures.convolution(x, 24, "stem", size=5))  # (n, 16, w / 2, 24)
    x = layers.MaxPooling2D((2, 1))(architectures.convolution(x, 40, "widen1"))  # (n, 8, w / 2, 40)
    x = architectures.residual(x, "block1")
    x = layers.MaxPooling2D((2, 1))(architectures.convolution(x, 56, "widen2"))  # (n, 4, w / 2, 56)
    x = architectures.residual(x, "block2")
    x = layers.Reshape((-1, 4 * 56))(layers.Permute((2, 1, 3))(x))  # (n, w / 2, 224)
    x = _along(x, 96, "along1")
    x = layers.Dropout(0.2)(layers.Add()([x, _along(x, 96, "along2")]))
    return keras.Model(row, layers.Dense(CLASSES, dtype="float32", name="answers")(x), name="lines")


def _along(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    x = layers.Conv1D(filters, 7, padding="same", use_bias=False, name=name)(x)
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_norm")(x))


def _loss(marks: tf.Tensor, answers: tf.Tensor) -> tf.Tensor:
    """The negative logarithm of the probability of a row's marks, by whatever steps; -1 fills short rows."""
    marks = tf.cast(marks, tf.int32)
    places = tf.where(marks >= 0)
    sparse = tf.SparseTensor(places, tf.gather_nd(marks, places), tf.shape(marks, out_type=tf.int64))
    steps = tf.fill([tf.shape(answers)[0]], tf.shape(answers)[1])
    return tf.nn.ctc_loss(
        sparse, tf.cast(answers, tf.float32), None, steps, logits_time_major=False, blank_index=NOTHING
    )


def _batches(stock: Stock, seed: int) -> tf.data.Dataset:
    """New rows without end, made beside the training; a batch holds rows of about one width."""

    def made() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for chunk in itertools.count():
            rng = np.random.default_rng((seed, chunk))
            rows = sorted(stock.rows(BATCH * CHUNK, rng), key=lambda row: row.picture.shape[1])
            for place in rng.permutation(CHUNK):
                yield _batch(rows[place * BATCH : (place + 1) * BATCH])

    shapes = tf.TensorSpec((None, HEIGHT, None, 1), tf.float32), tf.TensorSpec((None, None), tf.int32)
    return tf.data.Dataset.from_generator(made, output_signature=shapes).prefetch(4)


def _stock(data: Sequence[Dataset], symbols: Dataset | None, part: str, seed: int) -> Stock:
    return Stock([getattr(d, part) for d in data], getattr(symbols, part).images if symbols else None, seed)


def _batch(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """(rows float32 (n, 32, width, 1), marks int32 (n, most), -1 where a row has fewer)."""
    width = -(-max(row.picture.shape[1] for row in rows) // BLOCK) * BLOCK
    pictures = np.zeros((len(rows), HEIGHT, width, 1), np.float32)
    marks = np.full((len(rows), max(len(row.marks) for row in rows)), -1, np.int32)
    for place, row in enumerate(rows):
        pictures[place, :, : row.picture.shape[1], 0] = row.picture / 255
        marks[place, : len(row.marks)] = row.marks
    return pictures, marks


def _exact(model: keras.Model, rows: Sequence[Row]) -> float:
    """The share of the rows of digits alone that are read without a mistake."""
    only_digits = [row for row in rows if lines.SYMBOL not in row.marks]
    right = 0
    for start in range(0, len(only_digits), BATCH):
        some = only_digits[start : start + BATCH]
        answers = model.predict_on_batch(_batch(some)[0])
        right += sum(
            [mark.value for mark in lines.marks_in(answer, row.picture.shape[1])] == row.marks.tolist()
            for answer, row in zip(answers, some, strict=True)
        )
    return right / max(len(only_digits), 1)
