"""The page network: a fully convolutional U-shape that answers for every cell of a page; see `models.page_format`.

About 0.66 million parameters and 7.7 thousand multiply-adds a pixel. Convolutions work at strides 4, 8 and 16; the
features of coarser strides are brought back by sub-pixel convolution (Shi et al. 2016) and added to the finer ones.
"""

from digit_core.frameworks import keras, layers, tf
from digit_core.models.page_format import CHANNELS, SLOT_CHANNELS, SLOTS, STRIDE

WIDTHS = (32, 64, 96)  # channels at strides 4, 8 and 16
NECK = 48  # channels of the last features, at stride 4


@keras.saving.register_keras_serializable("inkling")
class BatchNorm(layers.Layer):
    """Batch normalisation by TensorFlow's fused operation, which trains faster on CPUs than Keras' own layer."""

    def __init__(self, momentum: float = 0.98, epsilon: float = 1e-3, **options):
        super().__init__(autocast=False, **options)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, shape):
        def add(name: str, value: str, trainable: bool):
            return self.add_weight(name=name, shape=(shape[-1],), initializer=value, trainable=trainable)

        self.gamma, self.beta = add("gamma", "ones", True), add("beta", "zeros", True)
        self.mean, self.variance = add("mean", "zeros", False), add("variance", "ones", False)

    def call(self, x, training: bool = False):
        moving = () if training else (self.mean, self.variance)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x, self.gamma, self.beta, *moving, epsilon=self.epsilon, is_training=training
        )
        if training:
            self.mean.assign(self.mean * self.momentum + mean * (1 - self.momentum))
            self.variance.assign(self.variance * self.momentum + variance * (1 - self.momentum))
        return y


@keras.saving.register_keras_serializable("inkling")
class DepthToSpace(layers.Layer):
    """(n, h, w, 4 c) -> (n, 2 h, 2 w, c)."""

    def call(self, x):
        return tf.nn.depth_to_space(x, 2)


def build() -> keras.Model:
    """An untrained network for inputs of any height and width that are multiples of 16."""
    fine, middle, coarse = WIDTHS
    page = layers.Input((None, None, 1))
    at_4 = _convolution(_convolution(page, fine, kernel=7, stride=4), fine)
    at_8 = _residual(_convolution(at_4, middle, stride=2), middle)
    x = _convolution(at_8, coarse, stride=2)
    x = _residual(_residual(x, coarse), coarse, dilation=2)
    x = _residual(_merged(x, at_8, middle), middle)
    x = _residual(_merged(x, at_4, NECK), NECK)
    rare = keras.initializers.Constant([*([-4.0] + [0.0] * (SLOT_CHANNELS - 1)) * SLOTS, *[-2.0] * STRIDE**2])
    output = layers.Conv2D(CHANNELS, 1, bias_initializer=rare, dtype="float32", name="answer")(x)
    return keras.Model(page, output, name="page")


def _convolution(x, channels: int, kernel: int = 3, stride: int = 1, dilation: int = 1, activated: bool = True):
    x = layers.Conv2D(channels, kernel, stride, "same", dilation_rate=dilation, use_bias=False)(x)
    x = BatchNorm()(x)
    return layers.ReLU()(x) if activated else x


def _residual(x, channels: int, dilation: int = 1):
    y = _convolution(x, channels, dilation=dilation)
    y = _convolution(y, channels, dilation=dilation, activated=False)
    return layers.ReLU()(layers.Add()([x, y]))


def _merged(coarse, fine, channels: int):
    """Coarse features at twice their resolution, added to the finer ones."""
    up = DepthToSpace()(_convolution(coarse, 4 * channels, kernel=1, activated=False))
    return layers.ReLU()(layers.Add()([up, _convolution(fine, channels, kernel=1, activated=False)]))
