"""Grad-CAM compiled into a classifier's LiteRT file, so that it needs no TensorFlow where the network is used.

Beside `classify`, digits -> probabilities, such a file has the signature `grad_cam`, digits -> ten maps each, as
`explanation.gradients` defines them. Both share the weights. `signatures` loads TensorFlow; `Compiled` does not.
"""

import threading
from typing import TYPE_CHECKING

import numpy as np

from digit_core.pictures import normalization

if TYPE_CHECKING:
    from digit_core.frameworks import keras, tf

CLASSIFY, GRAD_CAM = "classify", "grad_cam"
FLATTENING = ("Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D")  # the first layer after the last feature maps
SHAPE = (28, 28, 1)
CLASSES = 10
ACTIVATIONS = ("linear", "relu", "tanh")  # of the layers between the last maps and the logits


class Compiled:
    """The Grad-CAM in a LiteRT file, for any number of threads.

    Raises:
        ValueError: the file has none.
    """

    def __init__(self, content: bytes):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=content, num_threads=1)
        if GRAD_CAM not in interpreter.get_signature_list():
            raise ValueError("There is no Grad-CAM in this file.")
        self._run, self._lock = interpreter.get_signature_runner(GRAD_CAM), threading.Lock()

    def __call__(self, digit: np.ndarray) -> np.ndarray:
        """A map per digit, float32 (10, height, width), for a digit uint8 (28, 28)."""
        with self._lock:  # an interpreter is not thread-safe
            [maps] = self._run(digit=normalization.batch(digit[np.newaxis])).values()
        return maps[0]


def signatures(model: "keras.Model") -> dict | None:
    """Both functions of a Keras classifier, frozen, by their signature; None if its last layers are unknown here."""
    from digit_core.frameworks import convert_variables_to_constants_v2, tf

    head = _head(model)
    if head is None:
        return None
    digits = tf.TensorSpec((None, *SHAPE), tf.float32, name="digit")
    functions = {
        CLASSIFY: lambda digit: model(digit, training=False),
        GRAD_CAM: lambda digit: _grad_cam(model, head, digit),
    }
    return {
        name: convert_variables_to_constants_v2(tf.function(function).get_concrete_function(digits))
        for name, function in functions.items()
    }


def _head(model: "keras.Model") -> list | None:
    """The layers after the last feature maps, if they are a chain of supported ones that ends in a softmax."""
    kinds = [type(layer).__name__ for layer in model.layers]
    begins = next((place for place, kind in enumerate(kinds) if kind in FLATTENING), None)
    if begins is None or tuple(model.inputs[0].shape[1:]) != SHAPE or model.output_shape != (None, CLASSES):
        return None
    if None in model.layers[begins].input.shape[1:] or len(model.layers[begins].input.shape) != 4:
        return None
    head = [layer for layer in model.layers[begins:] if type(layer).__name__ != "Dropout"]
    if len(head) < 2 or any(type(layer).__name__ != "Dense" for layer in head[1:]):
        return None
    *hidden, last = (layer.activation.__name__ for layer in head[1:])
    return head if last == "softmax" and set(hidden) <= set(ACTIVATIONS) else None


def _grad_cam(model: "keras.Model", head: list, digits: "tf.Tensor") -> "tf.Tensor":
    """The maps of Grad-CAM, float32 (n, 10, height, width). Each digit's last maps are repeated for the ten logits, so
    that one pass gives the gradients of them all."""
    from digit_core.frameworks import keras, tf

    maps = keras.Model(model.inputs, head[0].input)(digits, training=False)  # (n, height, width, maps)
    _, height, width, count = maps.shape
    repeated = tf.repeat(maps, CLASSES, axis=0)
    with tf.GradientTape() as tape:
        tape.watch(repeated)
        logits = _logits(head, repeated)
    each = tf.tile(tf.eye(CLASSES), (tf.shape(maps)[0], 1))
    slopes = tape.gradient(logits, repeated, output_gradients=each)
    weights = tf.reshape(tf.reduce_mean(slopes, (1, 2)), (-1, CLASSES, count))
    flat = tf.reshape(maps, (-1, height * width, count))
    return tf.reshape(tf.matmul(weights, flat, transpose_b=True), (-1, CLASSES, height, width))


def _logits(head: list, maps: "tf.Tensor") -> "tf.Tensor":
    """The inputs of the softmax, from operations whose gradients LiteRT has."""
    from digit_core.frameworks import tf

    @tf.custom_gradient
    def relu(z):  # LiteRT has no gradient of TensorFlow's own
        return tf.nn.relu(z), lambda slope: slope * tf.cast(z > 0, slope.dtype)

    activate = {"linear": tf.identity, "relu": relu, "tanh": tf.tanh, "softmax": tf.identity}
    x = head[0](maps)
    for layer in head[1:]:
        x = x @ layer.kernel if layer.bias is None else tf.nn.bias_add(x @ layer.kernel, layer.bias)
        x = activate[layer.activation.__name__](x)
    return x
