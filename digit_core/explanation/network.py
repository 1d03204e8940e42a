"""A network read from its Keras file and run in NumPy, so that every intermediate value can be inspected.

    network = network_of(store.find("inkling"))
    values = network.run(digit)       # the output of each layer, by its name
    values["stem1_relu"]              # float32 (28, 28, 32)

A `.keras` file is a zip of `config.json`, the layers and their connections, and `model.weights.h5`, their weights.
Uses NumPy and h5py only; TensorFlow is not loaded. Supports the layer types that `training.architectures` uses, and
those of most first networks that people bring.
"""

import io
import json
import math
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import threadpoolctl
from numpy.lib.stride_tricks import sliding_window_view

from digit_core.models.grad_cam import FLATTENING
from digit_core.models.litert import Network as LiteRTNetwork
from digit_core.models.store import ModelError, StoredModel

# A digit's matrices are small: on a busy machine, several BLAS threads wait for each other thirty times longer than
# one thread needs for the work.
threadpoolctl.threadpool_limits(limits=1, user_api="blas")

Values = dict[str, np.ndarray]

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "softmax": lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(),
}
USUAL = {  # the only supported layer settings
    "dilation_rate": [1, 1],
    "groups": 1,
    "pool_size": [2, 2],
    "data_format": "channels_last",
}
STRIDES = {"Conv2D": [1, 1], "MaxPooling2D": [2, 2], "AveragePooling2D": [2, 2]}
TRIED, TOLERANCE = 3, 1e-3  # random digits on which a stored network must answer as its LiteRT file does
SNAKE = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization", "Dense": "dense"}  # names in the weights file


@dataclass(frozen=True)
class Layer:
    """One layer: its name, Keras class name, input layers, weights in Keras' order, and config."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    weights: tuple[np.ndarray, ...]
    config: Mapping

    @property
    def activation(self) -> str:
        return "relu" if self.kind == "ReLU" else self.config.get("activation", "linear")

    @property
    def kernel(self) -> np.ndarray:
        """The kernel, float32: (height, width, input maps, output maps) or, if dense, (inputs, outputs)."""
        return self.weights[0]

    @property
    def bias(self) -> np.ndarray:
        return self.weights[1] if len(self.weights) > 1 else np.zeros(self.kernel.shape[-1], np.float32)

    def scale_and_shift(self) -> tuple[np.ndarray, np.ndarray]:
        """The factor and offset that batch normalisation applies to each map at inference."""
        gamma, beta, mean, variance = self.weights
        scale = gamma / np.sqrt(variance + self.config["epsilon"])
        return scale, beta - mean * scale


@dataclass(frozen=True)
class Network:
    """The layers in the order in which they run; the first is the digit itself."""

    layers: tuple[Layer, ...]

    def __getitem__(self, name: str) -> Layer:
        return next(layer for layer in self.layers if layer.name == name)

    def run(self, digit: np.ndarray) -> Values:
        """The output of each layer for a digit, uint8 (28, 28), white on black.

        Returns:
            float32 by layer name: (height, width, maps), or (units,) after the last maps. "logits" are the ten
            inputs of the softmax.
        """
        values: Values = {self.layers[0].name: digit[..., np.newaxis].astype(np.float32) / 255}
        for layer in self.layers[1:]:
            read = [values[name] for name in layer.inputs]
            if layer is self.layers[-1]:
                values["logits"] = read[0] @ layer.kernel + layer.bias
            values[layer.name] = _answer(layer, read)
        return values

    def probabilities(self, digit: np.ndarray) -> np.ndarray:
        """The ten probabilities of a digit, float32 (10,)."""
        return self.run(digit)[self.layers[-1].name]

    def features(self, digit: np.ndarray) -> np.ndarray:
        """The feature vector of a digit: the input of the last layer."""
        return self.run(digit)[self.layers[-1].inputs[0]]

    def last_maps(self) -> str:
        """The name of the last layer whose output is feature maps."""
        return next(layer.inputs[0] for layer in self.layers if layer.kind in FLATTENING)

    def shuffled(self, seed: int) -> "Network":
        """A copy of the network with each kernel's weights shuffled, so that nothing it learned remains."""
        rng = np.random.default_rng(seed)

        def forget(layer: Layer) -> Layer:
            if layer.kind not in ("Conv2D", "Dense"):
                return layer
            return replace(layer, weights=(rng.permuted(layer.kernel.ravel()).reshape(layer.kernel.shape), layer.bias))

        return Network(tuple(map(forget, self.layers)))

    def untrained(self, seed: int) -> "Network":
        """A copy of the network before training: kernels initialised after Glorot and Bengio (2010), zero biases."""
        rng = np.random.default_rng(seed)

        def begin(layer: Layer) -> Layer:
            if layer.kind == "BatchNormalization":
                ones, zeros = np.ones_like(layer.weights[0]), np.zeros_like(layer.weights[0])
                return replace(layer, weights=(ones, zeros, zeros, ones))
            if layer.kind not in ("Conv2D", "Dense"):
                return layer
            shape = layer.kernel.shape
            limit = math.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
            return replace(layer, weights=(rng.uniform(-limit, limit, shape).astype(np.float32), 0 * layer.bias))

        return Network(tuple(map(begin, self.layers)))


def network_of(model: StoredModel) -> Network:
    """The network of a stored model.

    Raises:
        ModelError: its file is missing, is not the one that was saved, or holds unsupported layers or settings.
    """
    network = read(model.keras_bytes())
    digits = np.random.default_rng(0).integers(0, 256, (TRIED, 28, 28), np.uint8)
    try:
        answers = np.stack([network.probabilities(digit) for digit in digits])
    except (ValueError, IndexError, KeyError) as error:  # a layer whose settings are unknown here
        raise ModelError("This network cannot be looked into.") from error
    if not np.allclose(answers, LiteRTNetwork(model.litert_bytes()).run(digits)[0], atol=TOLERANCE):
        raise ModelError("This network cannot be looked into: some of its layers work in another way than shown here.")
    return network


def read(content: bytes) -> Network:
    """The network in a `.keras` file.

    Raises:
        ModelError: it is not a `.keras` file, or holds unsupported layers.
    """
    import h5py

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            described = json.loads(parts.read("config.json"))["config"]["layers"]
            weights = h5py.File(io.BytesIO(parts.read("model.weights.h5")))
        network = Network(tuple(_layers(described, weights)))
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError("This network cannot be looked into.") from error
    for layer in network.layers[1:]:
        strides = layer.config.get("strides", STRIDES.get(layer.kind))
        usual = strides == STRIDES.get(layer.kind) and all(layer.config.get(n, v) == v for n, v in USUAL.items())
        is_normal = layer.kind != "BatchNormalization" or len(layer.weights) == 4
        is_hidden = layer is not network.layers[-1]
        can_activate = layer.activation in ACTIVATIONS and not (is_hidden and layer.activation == "softmax")
        if layer.kind not in KINDS or not (can_activate and usual and is_normal):
            raise ModelError(f"Layers like {layer.name!r} ({layer.kind}) cannot be looked into.")
    kinds = [layer.kind for layer in network.layers]
    if "Conv2D" not in kinds or not set(kinds) & set(FLATTENING) or network.layers[-1].activation != "softmax":
        raise ModelError("Only networks of convolutions that end in a softmax layer can be looked into.")
    return network


def _layers(described: list[dict], file) -> Iterator[Layer]:
    count: Counter[str] = Counter()
    for about in described:
        kind, weights = about["class_name"], ()
        if kind in SNAKE:  # Keras numbers the layers of a kind: dense, dense_1, ...
            place = f"{SNAKE[kind]}_{count[kind]}" if count[kind] else SNAKE[kind]
            own = file[f"layers/{place}/vars"]
            weights = tuple(np.asarray(own[str(i)], np.float32) for i in range(len(own)))
            count[kind] += 1
        inputs = tuple(_sources(about["inbound_nodes"]))
        yield Layer(about["name"], kind, inputs, weights, about["config"])


def _sources(node) -> Iterator[str]:
    """The names of the layers that a node of `config.json` reads."""
    if isinstance(node, dict):
        if "keras_history" in node:
            yield node["keras_history"][0]
        else:
            for part in node.values():
                yield from _sources(part)
    elif isinstance(node, list):
        for part in node:
            yield from _sources(part)


# ---- what each kind of layer does


def patches(maps: np.ndarray, size: int, padding: str) -> np.ndarray:
    """The patch under a `size` x `size` kernel at each position of maps (h, w, c): (rows, columns, size, size, c)."""
    if padding == "same":
        before = (size - 1) // 2
        around = (before, size - 1 - before)
        maps = np.pad(maps, (around, around, (0, 0)))
    return sliding_window_view(maps, (size, size), (0, 1)).transpose(0, 1, 3, 4, 2)


def _convolve(layer: Layer, maps: np.ndarray) -> np.ndarray:
    size, _, read, made = layer.kernel.shape
    seen = patches(maps, size, layer.config["padding"])
    rows, columns = seen.shape[:2]
    flat = seen.reshape(rows * columns, size * size * read) @ layer.kernel.reshape(-1, made)
    return ACTIVATIONS[layer.activation](flat.reshape(rows, columns, made) + layer.bias)


def _dense(layer: Layer, x: np.ndarray) -> np.ndarray:
    return ACTIVATIONS[layer.activation](x @ layer.kernel + layer.bias)


def _normalise(layer: Layer, maps: np.ndarray) -> np.ndarray:
    scale, shift = layer.scale_and_shift()
    return maps * scale + shift


def _fours(maps: np.ndarray) -> np.ndarray:
    """The 2 x 2 blocks of maps (h, w, c): (h // 2, 2, w // 2, 2, c)."""
    rows, columns, count = maps.shape[0] // 2, maps.shape[1] // 2, maps.shape[2]
    return maps[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, count)


KINDS = {
    "Conv2D": lambda layer, read: _convolve(layer, read[0]),
    "Dense": lambda layer, read: _dense(layer, read[0]),
    "BatchNormalization": lambda layer, read: _normalise(layer, read[0]),
    "ReLU": lambda layer, read: np.maximum(read[0], 0),
    "Rescaling": lambda layer, read: read[0] * np.float32(layer.config["scale"]) + np.float32(layer.config["offset"]),
    "Add": lambda layer, read: read[0] + read[1],
    "MaxPooling2D": lambda layer, read: _fours(read[0]).max((1, 3)),
    "AveragePooling2D": lambda layer, read: _fours(read[0]).mean((1, 3)),
    "GlobalAveragePooling2D": lambda layer, read: read[0].mean((0, 1)),
    "GlobalMaxPooling2D": lambda layer, read: read[0].max((0, 1)),
    "Flatten": lambda layer, read: read[0].ravel(),
    "Dropout": lambda layer, read: read[0],  # only while training
}


def _answer(layer: Layer, read: list[np.ndarray]) -> np.ndarray:
    return KINDS[layer.kind](layer, read)
