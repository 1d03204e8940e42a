"""The mark network and what it is trained for: which digit a mark is, or none. `endless` trains it."""

from digit_core.frameworks import keras, layers, tf
from digit_core.models.mark_format import CLASSES, SIDE
from digit_core.training.endless import Task
from digit_core.training.page_architecture import BatchNorm

WIDTHS = (24, 48, 80)  # channels at 22, 11 and 6 pixels
DENSE = 96
SMOOTHING = 0.02  # of the labels: made-up pages hold marks that nobody could tell


def build() -> keras.Model:
    """Three stages, each half as large as the one before, of a convolution and a residual one; then two that
    see the whole mark. About 0.4 million parameters."""
    view = x = keras.Input((SIDE, SIDE, 2), name="view")
    for number, width in enumerate(WIDTHS):
        x = _convolution(x, width, kernel=3 if number else 5, strides=2)
        x = layers.ReLU()(layers.Add()([x, _convolution(x, width)]))
    x = layers.Conv2D(DENSE, x.shape[1], activation="relu")(x)  # (n, 1, 1, DENSE)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(view, layers.Dense(CLASSES, dtype="float32", name="answer")(x), name="mark")


def _convolution(x, width: int, kernel: int = 3, strides: int = 1):
    x = layers.Conv2D(width, kernel, strides=strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(BatchNorm()(x))


def mark_losses(answer: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The mean cross-entropy, float32 (1,), and the fraction of the marks that are told right.

    Args:
        answer: (n, 11) logits.
        labels: int32 (n,).
    """
    targets = tf.one_hot(labels, CLASSES) * (1 - SMOOTHING) + SMOOTHING / CLASSES
    loss = tf.nn.softmax_cross_entropy_with_logits(targets, answer)
    is_right = tf.equal(tf.argmax(answer, 1, output_type=tf.int32), labels)
    return tf.reduce_mean(loss)[tf.newaxis], tf.reduce_mean(tf.cast(is_right, tf.float32))


TASK = Task(build, mark_losses, {"mark": 1.0})
