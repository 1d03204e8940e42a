"""The network architectures: one function and one entry in `ARCHITECTURES` each.

Every network takes a batch `float32 (n, 28, 28, 1)` in 0..1 and returns ten
probabilities per digit, `float32 (n, 10)`. Augmentation is separate, so that the
exported network is the one that reads. `dropout` is the fraction of activations dropped
before dense layers during training.
"""

from digit_core.frameworks import keras, layers
from digit_core.training.settings import DROPOUT

INPUT_SHAPE = (28, 28, 1)
CLASSES = 10


def build_lenet5(dropout: float = DROPOUT["lenet5"]) -> keras.Model:
    """LeNet-5 after LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning (1998), figure 2.

    Trainable sub-sampling is plain average pooling and the RBF output a softmax, as
    everyone does since; 32x32 input is 28x28 with padding.
    """
    digit = x = _input()
    x = layers.Conv2D(6, 5, padding="same", activation="tanh", name="c1")(x)  # (n, 28, 28, 6)
    x = layers.AveragePooling2D(2, name="s2")(x)
    x = layers.Conv2D(16, 5, activation="tanh", name="c3")(x)  # (n, 10, 10, 16)
    x = layers.AveragePooling2D(2, name="s4")(x)
    x = layers.Flatten(name="flatten")(x)  # (n, 400)
    x = layers.Dense(120, activation="tanh", name="c5")(x)
    x = layers.Dense(84, activation="tanh", name="f6")(x)
    x = _dropped(x, dropout)
    return keras.Model(digit, _probabilities(x), name="lenet5")


def build_simple_cnn(dropout: float = DROPOUT["simple_cnn"]) -> keras.Model:
    """Two convolutions, two poolings, one hidden layer: the network of most first courses."""
    digit = x = _input()
    x = layers.Conv2D(32, 3, activation="relu", name="conv1")(x)  # (n, 26, 26, 32)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(64, 3, activation="relu", name="conv2")(x)  # (n, 11, 11, 64)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)  # (n, 1600)
    x = layers.Dropout(dropout, name="dropout1")(x)
    x = layers.Dense(64, activation="relu", name="dense")(x)
    x = layers.Dropout(dropout / 2, name="dropout2")(x)
    return keras.Model(digit, _probabilities(x), name="simple_cnn")


def build_resnet(dropout: float = DROPOUT["resnet"]) -> keras.Model:
    """A small residual network after He, Zhang, Ren, Sun: Deep Residual Learning (2015); it learns fastest.

    Feature maps are pooled before normalisation, which then costs a quarter; global max pooling
    keeps the strongest response of each map.
    """
    digit = x = _input()
    x = layers.MaxPooling2D(2, name="pool1")(_filter(x, 16, "stem", size=5))  # (n, 14, 14, 16)
    x = _activated(x, "stem")
    x = layers.MaxPooling2D(2, name="pool2")(_filter(x, 32, "widen1"))  # (n, 7, 7, 32)
    x = _activated(x, "widen1")
    x = residual(residual(x, "block1"), "block2")
    x = convolution(x, 64, "widen2")  # (n, 7, 7, 64)
    x = layers.GlobalMaxPooling2D(name="strongest")(x)
    x = _dropped(x, dropout)
    return keras.Model(digit, _probabilities(x), name="resnet")


def build_inkling(dropout: float = DROPOUT["inkling"]) -> keras.Model:
    """Our own: under 500,000 parameters, well under a millisecond a digit on a phone's core.

    Two thin layers see the strokes at full size, where layers cost most; each halving of the
    size doubles the maps and adds a residual step. The mean over the last maps and one dense
    layer make the evidence for a digit a weighted sum of maps.
    """
    digit = x = _input()
    x = convolution(convolution(x, 32, "stem1"), 32, "stem2")  # (n, 28, 28, 32)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = residual(convolution(x, 64, "widen1"), "block1")  # (n, 14, 14, 64)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = residual(convolution(x, 128, "widen2"), "block2")  # (n, 7, 7, 128)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = _dropped(x, dropout)
    return keras.Model(digit, _probabilities(x), name="inkling")


ARCHITECTURES = {
    "lenet5": build_lenet5,
    "simple_cnn": build_simple_cnn,
    "resnet": build_resnet,
    "inkling": build_inkling,
}


def multiply_adds(model: keras.Model) -> int:
    """Multiplications with additions that one digit takes in convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            _, height, width, _ = layer.output.shape
            total += height * width * layer.kernel.shape.num_elements()
        elif isinstance(layer, layers.Dense):
            total += layer.kernel.shape.num_elements()
    return total


def outline(model: keras.Model) -> list[dict]:
    """Its layers in order, in plain values: name, kind, the shape of what comes out, parameters."""
    return [
        {
            "name": layer.name,
            "kind": type(layer).__name__,
            "shape": list(layer.output.shape[1:]),
            "parameters": layer.count_params(),
        }
        for layer in model.layers
    ]


def _input() -> keras.KerasTensor:
    return keras.Input(INPUT_SHAPE, name="digit")


def _dropped(x: keras.KerasTensor, share: float) -> keras.KerasTensor:
    return layers.Dropout(share, name="dropout")(x) if share else x


def _probabilities(x: keras.KerasTensor) -> keras.KerasTensor:
    """The ten probabilities, in float32 whatever the precision before."""
    return layers.Dense(CLASSES, activation="softmax", dtype="float32", name="probabilities")(x)


def convolution(x: keras.KerasTensor, filters: int, name: str, size: int = 3) -> keras.KerasTensor:
    return _activated(_filter(x, filters, name, size), name)


def residual(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """What comes in, plus what one convolution adds to it."""
    added = _normalised(_filter(x, x.shape[-1], name), name)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, added]))


def _filter(x: keras.KerasTensor, filters: int, name: str, size: int = 3) -> keras.KerasTensor:
    return layers.Conv2D(filters, size, padding="same", use_bias=False, name=name)(x)


def _normalised(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Batch normalisation (Ioffe, Szegedy 2015)."""
    return layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)


def _activated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(name=f"{name}_relu")(_normalised(x, name))
