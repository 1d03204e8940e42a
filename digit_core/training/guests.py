"""Wrap a user's network to behave like ours: same input format, ten probabilities as output.

Call `models.guests.check_keras` first, and run this in a separate process.
"""

from pathlib import Path
from typing import Any

import numpy as np

from digit_core.data.datasets import Split
from digit_core.evaluation.metrics import evaluate
from digit_core.frameworks import keras, layers
from digit_core.models.guests import MOST_PARAMETERS
from digit_core.models.store import ModelError
from digit_core.pictures.normalization import batch

OURS = "inkling"  # begins the names of the layers that are put around a network
WAYS = {"0 to 1": (1.0, 0.0), "0 to 255": (255.0, 0.0), "-1 to 1": (2.0, -1.0), "black on white": (-1.0, 1.0)}


def brought(path: Path, digits: Split) -> tuple[keras.Model, str]:
    """Load the network of a `.keras` file for inputs float32 (n, 28, 28, 1), 0..1; also return its pixel format.

    Of the usual pixel formats, the one with the lowest cross-entropy on these digits is built in.

    Raises:
        ModelError: it cannot be loaded, is too large, or has another input or output shape.
    """
    try:
        inner = keras.models.load_model(path, compile=False, safe_mode=True)
        parameters = inner.count_params()
    except Exception as error:  # Keras raises whatever it likes over damaged files
        raise ModelError("This network cannot be loaded.") from error
    if parameters > MOST_PARAMETERS:
        raise ModelError(f"The network has more than {MOST_PARAMETERS:,} parameters.")
    if not hasattr(inner, "input_shape") or not hasattr(inner, "output_shape"):
        raise ModelError("The network must have one input and one output.")
    shape, answers = inner.input_shape, inner.output_shape
    if shape not in ((None, 28, 28, 1), (None, 28, 28), (None, 784)) or answers != (None, 10):
        raise ModelError(f"The network takes {shape} and gives {answers}: digits of 28x28 and ten classes are needed.")
    networks = {way: _wrapped(inner, *numbers) for way, numbers in WAYS.items()}
    losses = {way: _loss(network, digits) for way, network in networks.items()}
    way = min(losses, key=losses.get)
    again = keras.models.load_model(path, compile=False, safe_mode=True)  # whose layers have been called once only
    return _unpacked(again, *WAYS[way]) or networks[way], way


def _wrapped(inner: keras.Model, scale: float, offset: float) -> keras.Model:
    """The network behind its pixel format, with ten probabilities as its output."""
    digit, x = _input(inner, scale, offset)
    last = "linear" if _gives_probabilities(inner) else "softmax"
    return keras.Model(digit, layers.Activation(last, name=f"{OURS}_probabilities")(inner(x)))


def _unpacked(inner: keras.Model, scale: float, offset: float) -> keras.Model | None:
    """The same, with copies of its layers one by one, so that each can be looked into; None if they cannot be taken
    apart, as where one is used twice."""
    digit, x = _input(inner, scale, offset)
    parts = [layer for layer in inner.layers if not isinstance(layer, layers.InputLayer)]
    is_probability = _gives_probabilities(inner)
    if len(parts) > 1 and _is_softmax(parts[-1]) and _is_linear(parts[-2]):
        parts, is_probability = parts[:-1], False  # the softmax becomes the last layer's own
    is_chain, made = isinstance(inner, keras.Sequential), {id(inner.inputs[0]): x}
    try:
        for layer in parts:
            config = layer.get_config()
            if layer is parts[-1] and not is_probability and _is_linear(layer):
                config["activation"], is_probability = "softmax", True
            own = layers.ReLU(name=layer.name) if _is_relu(layer) else type(layer).from_config(config)
            x = own(x if is_chain else _read(layer, made))
            own.set_weights(layer.get_weights())
            made[id(layer.output)] = x
        return keras.Model(digit, x if is_probability else layers.Softmax(name=f"{OURS}_probabilities")(x))
    except (AttributeError, KeyError, ValueError):
        return None


def _read(layer: keras.Layer, made: dict[int, keras.KerasTensor]) -> Any:
    """What a layer of a graph reads, from the copies made so far."""
    return [made[id(one)] for one in layer.input] if isinstance(layer.input, list) else made[id(layer.input)]


def _is_linear(layer: keras.Layer) -> bool:
    return isinstance(layer, layers.Dense) and layer.activation is keras.activations.linear


def _is_softmax(layer: keras.Layer) -> bool:
    of_last = isinstance(layer, layers.Softmax) and layer.axis == -1
    return of_last or (isinstance(layer, layers.Activation) and layer.activation is keras.activations.softmax)


def _is_relu(layer: keras.Layer) -> bool:
    return isinstance(layer, layers.Activation) and layer.activation is keras.activations.relu


def _input(inner: keras.Model, scale: float, offset: float) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """A digit in 0..1, and the same as the network takes it."""
    digit = x = keras.Input((28, 28, 1), name=f"{OURS}_digit")
    if (scale, offset) != (1.0, 0.0):
        x = layers.Rescaling(scale, offset, name=f"{OURS}_scale")(x)
    if inner.input_shape != (None, 28, 28, 1):
        x = layers.Reshape(inner.input_shape[1:], name=f"{OURS}_shape")(x)
    return digit, x


def _gives_probabilities(inner: keras.Model) -> bool:
    noise = np.random.default_rng(0).random((8, *inner.input_shape[1:]), np.float32)
    answers = np.asarray(inner(noise, training=False))
    return bool((answers >= 0).all() and np.allclose(answers.sum(1), 1, atol=1e-3))


def _loss(network: keras.Model, digits: Split) -> float:
    return evaluate(network.predict(batch(digits.images), verbose=0), digits.labels).log_loss
