"""Validate user-supplied networks before anything runs them: a `.keras` file's layers, a `.tflite` file's ops.

A `.keras` file is a zip whose `config.json` names the classes of its layers; those that can contain code, and all that
are not Keras' own, are rejected. A `.tflite` file holds operations and no code; LiteRT does not run unknown operations.
Loads no TensorFlow.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from digit_core.models.store import ModelError

LARGEST = 50_000_000  # bytes of a file
LARGEST_CONFIG = 2_000_000  # bytes of `config.json`
MOST_GROUPS = 3000  # of a file of weights
MOST_LAYERS, MOST_UNITS = 120, 8192  # units or filters per layer
MOST_UNPACKED = 400_000_000  # bytes
MOST_PARAMETERS = 20_000_000
LITERT_MARK = b"TFL3"  # bytes 4 to 8 of such a file
MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
LAYERS = {
    "Sequential", "Functional", "Model", "InputLayer", "Dense", "Conv2D", "DepthwiseConv2D", "SeparableConv2D",
    "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten", "Reshape", "Dropout",
    "SpatialDropout2D", "GaussianNoise", "BatchNormalization", "LayerNormalization", "Activation", "ReLU", "LeakyReLU",
    "PReLU", "ELU", "Softmax", "Add", "Multiply", "Concatenate", "ZeroPadding2D", "Cropping2D", "Rescaling", "Permute",
}  # fmt: skip
HARMLESS = ("keras.initializers", "keras.regularizers", "keras.constraints")  # modules of what layers name
UNUSED = {"compile_config"}  # losses and optimizers: a network is loaded without them
KNOWN_ELSEWHERE = {"DTypePolicy", "__keras_tensor__"}
ACTIVATIONS = {
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "tanh", "sigmoid", "hard_sigmoid",
    "softmax", "softplus", "softsign", "mish",
}  # fmt: skip


def check_keras(content: bytes) -> None:
    """Raises ModelError if a `.keras` file holds anything but Keras' own layers, or is too large."""
    if len(content) > LARGEST:
        raise ModelError(f"The file is larger than {LARGEST // 1_000_000} MB.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if {member.filename for member in members} - MEMBERS:
                raise ModelError("The file holds more than a network's layers and weights.")
            if sum(member.file_size for member in members) > MOST_UNPACKED:
                raise ModelError("The network is too large.")
            if archive.getinfo("config.json").file_size > LARGEST_CONFIG:
                raise ModelError("The network's description is too long.")
            config = json.loads(archive.read("config.json"))
            _check_weights(archive.read("model.weights.h5"))
    except ModelError:
        raise
    except Exception as error:  # damaged files can raise any exception
        raise ModelError("This is no network of Keras 3 (a .keras file).") from error
    if not isinstance(config, dict):
        raise ModelError("This is no network of Keras 3 (a .keras file).")
    objects = list(_objects({name: value for name, value in config.items() if name not in UNUSED}))
    for value in objects:
        _check_object(value)
    if sum("class_name" in value and value["class_name"] in LAYERS for value in objects) > MOST_LAYERS:
        raise ModelError(f"The network has more than {MOST_LAYERS} layers.")


def _check_weights(content: bytes) -> None:
    """Raises ModelError if a file of weights points to other files."""
    with h5py.File(io.BytesIO(content)) as file:
        waiting: list[h5py.Group] = [file]
        seen: set[int] = set()  # addresses of visited groups: cycles are possible
        while waiting:
            group = waiting.pop()
            if (address := h5py.h5o.get_info(group.id).addr) in seen or len(seen) > MOST_GROUPS:
                raise ModelError("The network's weights are tangled.")
            seen.add(address)
            for name in group:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise ModelError("The network's weights point to somewhere else.")
                value = group[name]
                if isinstance(value, h5py.Group):
                    waiting.append(value)
                elif value.external or value.is_virtual:
                    raise ModelError("The network's weights point to somewhere else.")


def _objects(config: Any) -> Iterator[dict]:
    """Every object of a description; iterative, because nesting is unlimited."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _check_object(value: dict) -> None:
    """Raises ModelError if an object of a description names a class outside Keras' harmless ones."""
    if any(value.get(name) for name in UNUSED):
        raise ModelError("The network's description holds something that is not allowed here.")
    if any(isinstance(value.get(name), int) and value[name] > MOST_UNITS for name in ("units", "filters")):
        raise ModelError(f"A layer of the network has more than {MOST_UNITS:,} units.")
    activation = value.get("activation")
    if activation is not None and not (isinstance(activation, str) and activation in ACTIVATIONS):
        raise ModelError("The network uses an activation that is not allowed here.")
    if "class_name" not in value:
        return
    name, module = value["class_name"], value.get("module")
    if not isinstance(name, str):
        raise ModelError("The network's description cannot be read.")
    if value.get("registered_name") not in (None, name):
        raise ModelError(f"The network uses {name[:40]!r}, which is not one of Keras' own layers.")
    if module in HARMLESS and name != "function" and not name.startswith("__"):
        return
    is_own = module in ("keras.layers", "keras", "keras.models", "keras.src.models.functional",
                        "keras.src.models.sequential", "keras.src.models.model")  # fmt: skip
    if name in KNOWN_ELSEWHERE or (name in LAYERS and is_own):
        return
    raise ModelError(f"The network uses {name[:40]!r}, which is not allowed here.")


def check_litert(content: bytes) -> None:
    """Raises ModelError unless a `.tflite` file is a network that takes digits and gives ten probabilities.

    The network is run on noise: call this in a separate process, since a damaged file can crash LiteRT.
    """
    if len(content) > LARGEST:
        raise ModelError(f"The file is larger than {LARGEST // 1_000_000} MB.")
    if content[4:8] != LITERT_MARK:
        raise ModelError("This is no LiteRT file (.tflite).")
    from digit_core.models.litert import Network

    rng, blank = np.random.default_rng(0), np.zeros((1, 28, 28), np.uint8)
    tried = blank, blank + 255, *(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8) for count in (3, 250))
    try:
        network = Network(content)
        answers = np.concatenate([network.run(digits)[0] for digits in tried])
    except Exception as error:  # LiteRT raises ValueError and RuntimeError of many kinds
        raise ModelError(
            "This network does not take digits as Inkling gives them: float32 (n, 28, 28, 1), 0 to 1, white on black."
        ) from error
    if answers.shape != (255, 10) or not np.allclose(answers.sum(1), 1, atol=1e-3) or not (answers >= 0).all():
        raise ModelError("This network does not give ten probabilities for each digit.")
