"""What the page network is trained for: its losses on made-up pages. `endless` trains it."""

from digit_core.data.page_targets import Targets
from digit_core.frameworks import tf
from digit_core.models.page_format import CLASSES, SLOT_CHANNELS, SLOTS, STRIDE
from digit_core.training import page_architecture
from digit_core.training.endless import Task


def page_losses(answer: tf.Tensor, targets: Targets) -> tuple[tf.Tensor, tf.Tensor]:
    """The losses that `TASK` names, float32 (5,), and the accuracy of classes near centres.

    Centres: focal loss against heat (Zhou et al. 2019, "Objects as Points"); classes: cross-entropy; sizes and
    offsets: absolute error; ink: cross-entropy that counts ink four times.
    """
    shape = tf.shape(answer)
    slots = tf.reshape(answer[..., : SLOTS * SLOT_CHANNELS], (shape[0], shape[1], shape[2] * SLOTS, SLOT_CHANNELS))
    heat, weight = tf.cast(targets.heat, tf.float32), tf.cast(targets.weight, tf.float32)
    centre = tf.clip_by_value(tf.sigmoid(slots[..., 0]), 1e-5, 1 - 1e-5)
    is_centre = tf.cast(heat > 0.9995, tf.float32) * weight
    found = -is_centre * (1 - centre) ** 2 * tf.math.log(centre)
    invented = -weight * (1 - is_centre) * (1 - heat) ** 4 * centre**2 * tf.math.log(1 - centre)
    centre_loss = tf.reduce_sum(found + invented) / (tf.reduce_sum(is_centre) + 4.0)

    label = tf.cast(targets.label, tf.int32)
    has_label = tf.cast(label >= 0, tf.float32)
    labelled = tf.reduce_sum(has_label) + 1.0
    logits = slots[..., 1 : 1 + CLASSES]
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(label, 0), logits)
    class_loss = tf.reduce_sum(entropy * has_label) / labelled
    right = tf.cast(tf.argmax(logits, -1, tf.int32) == label, tf.float32)

    size = tf.transpose(tf.cast(targets.size, tf.float32), (0, 2, 3, 1))
    size_error = tf.abs(slots[..., -4:-2] - size) * has_label[..., tf.newaxis]
    offset = tf.transpose(tf.cast(targets.offset, tf.float32), (0, 2, 3, 1))
    has_offset = tf.cast(targets.has_offset, tf.float32)
    offset_error = tf.abs(slots[..., -2:] - offset) * has_offset[..., tf.newaxis]

    ink = tf.nn.space_to_depth(tf.cast(targets.ink, tf.float32)[..., tf.newaxis] / 255, STRIDE)
    missed = tf.nn.sigmoid_cross_entropy_with_logits(ink, answer[..., SLOTS * SLOT_CHANNELS :])
    losses = tf.stack([
        centre_loss,
        class_loss,
        tf.reduce_sum(size_error) / labelled,
        tf.reduce_sum(offset_error) / (tf.reduce_sum(has_offset) + 1.0),
        tf.reduce_mean(missed * (1 + 3 * ink)),
    ])  # fmt: skip
    return losses, tf.reduce_sum(right * has_label) / labelled


TASK = Task(page_architecture.build, page_losses, {"centre": 1.0, "class": 1.0, "size": 0.3, "offset": 0.3, "ink": 2.0})
