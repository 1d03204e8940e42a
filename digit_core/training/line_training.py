"""The line network and what it is trained for: the probability of a line's marks. `endless` trains it."""

from digit_core.frameworks import keras, layers, tf
from digit_core.models.line_format import CLASSES, HEIGHT, NOTHING
from digit_core.training.endless import Task
from digit_core.training.page_architecture import BatchNorm

WIDTHS = (24, 40, 64)  # channels at heights of 16, 8 and 4 steps
ALONG = 96  # channels of the features along the line


def build() -> keras.Model:
    """Convolutions over the line, then along it: 4 steps of height are left, and half of the width.

    About 0.41 million parameters. A step of the output sees about 60 pixels of the line, three digits.
    """
    first, second, third = WIDTHS
    line = x = keras.Input((HEIGHT, None, 1), name="line")
    x = layers.MaxPooling2D(2)(_convolution(x, first, 5))
    x = layers.MaxPooling2D((2, 1))(_convolution(x, second))
    x = _residual(x, second)
    x = layers.MaxPooling2D((2, 1))(_convolution(x, third))
    x = _residual(x, third)
    x = layers.Conv2D(ALONG, (4, 3), padding="same", strides=(4, 1), use_bias=False)(x)  # (n, 1, w / 2, ALONG)
    x = layers.ReLU()(BatchNorm()(x))
    for _ in range(3):
        x = layers.Add()([x, _along(x, ALONG)])
    x = layers.Reshape((-1, ALONG))(x)
    return keras.Model(line, layers.Dense(CLASSES, dtype="float32", name="answers")(x), name="lines")


def _convolution(x, channels: int, kernel: int = 3, activated: bool = True):
    x = BatchNorm()(layers.Conv2D(channels, kernel, padding="same", use_bias=False)(x))
    return layers.ReLU()(x) if activated else x


def _residual(x, channels: int):
    y = _convolution(_convolution(x, channels), channels, activated=False)
    return layers.ReLU()(layers.Add()([x, y]))


def _along(x, channels: int):
    y = layers.Conv2D(channels, (1, 7), padding="same", use_bias=False)(x)
    return layers.ReLU()(BatchNorm()(y))


def line_losses(answer: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The mean negative log-probability of the lines' marks, float32 (1,), and their mean probability.

    Args:
        answer: (n, steps, 12) logits.
        labels: int32 (n, most), -1 after each line's last mark.
    """
    places = tf.where(labels >= 0)
    sparse = tf.SparseTensor(places, tf.gather_nd(labels, places), tf.shape(labels, out_type=tf.int64))
    steps = tf.fill([tf.shape(answer)[0]], tf.shape(answer)[1])
    loss = tf.nn.ctc_loss(sparse, answer, None, steps, logits_time_major=False, blank_index=NOTHING)
    loss = tf.minimum(loss, 100.0)  # marks of which nothing is left to be seen
    return tf.reduce_mean(loss)[tf.newaxis], tf.reduce_mean(tf.exp(-loss))


TASK = Task(build, line_losses, {"line": 1.0})
