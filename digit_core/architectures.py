"""The networks: each one function, each one entry in `ARCHITECTURES`.

Every network takes a batch `float32 (n, 28, 28, 1)` in 0..1 and answers ten
probabilities a digit, `float32 (n, 10)`. Augmentation stays outside, so that
what is exported is what reads.
"""

import keras
from keras import layers

INPUT_SHAPE = (28, 28, 1)
CLASSES = 10


def build_lenet5() -> keras.Model:
    """LeNet-5 after LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning (1998), figure 2.

    Trainable sub-sampling is plain average pooling and the RBF output a softmax, as
    everyone does since; 32x32 input is 28x28 with padding.
    """
    return _sequential(
        "lenet5",
        layers.Conv2D(6, 5, padding="same", activation="tanh", name="c1"),
        layers.AveragePooling2D(2, name="s2"),
        layers.Conv2D(16, 5, activation="tanh", name="c3"),
        layers.AveragePooling2D(2, name="s4"),
        layers.Flatten(name="flatten"),
        layers.Dense(120, activation="tanh", name="c5"),
        layers.Dense(84, activation="tanh", name="f6"),
    )


def build_simple_cnn() -> keras.Model:
    """Two convolutions, two poolings, one hidden layer: the network of most first courses."""
    return _sequential(
        "simple_cnn",
        layers.Conv2D(32, 3, activation="relu", name="conv1"),
        layers.MaxPooling2D(2, name="pool1"),
        layers.Conv2D(64, 3, activation="relu", name="conv2"),
        layers.MaxPooling2D(2, name="pool2"),
        layers.Flatten(name="flatten"),
        layers.Dropout(0.4, name="dropout1"),
        layers.Dense(64, activation="relu", name="dense"),
        layers.Dropout(0.2, name="dropout2"),
    )


ARCHITECTURES = {"lenet5": build_lenet5, "simple_cnn": build_simple_cnn}


def _sequential(name: str, *body: keras.Layer) -> keras.Model:
    """A network from its layers between input and the ten probabilities."""
    last = layers.Dense(CLASSES, activation="softmax", name="probabilities")
    return keras.Sequential([keras.Input(INPUT_SHAPE, name="digit"), *body, last], name=name)
