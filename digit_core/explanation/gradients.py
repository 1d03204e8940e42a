"""Grad-CAM: where the last maps of a network speak for a digit.

R. R. Selvaraju et al.: Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2017.
The gradient is worked out layer by layer, from the ten sums before the softmax down to the last maps.
"""

import cv2
import numpy as np

from digit_core.explanation.network import Layer, Network, Values

SIDE = 28


def gradients(network: Network, values: Values) -> np.ndarray:
    """How much each sum before the softmax changes with each value of the last maps.

    Args:
        values: what `network.run` answers.

    Returns:
        float32 (10, height, width, maps).
    """
    last = network.layers[-1]
    slope, name = last.kernel.T, last.inputs[0]  # (10, inputs)
    maps = network.last_maps()
    while name != maps:
        layer = network[name]
        slope, name = _before(layer, slope, values), layer.inputs[0]
    return slope


def grad_cam(network: Network, values: Values) -> np.ndarray:
    """For each digit a map of what speaks for it (above 0) and against it, float32 (10, height, width), as coarse
    as the last maps; Selvaraju et al. keep what is above 0."""
    weights = gradients(network, values).mean((1, 2))  # (10, maps)
    return np.einsum("dc,hwc->dhw", weights, values[network.last_maps()])


def enlarged(cam: np.ndarray) -> np.ndarray:
    """A coarse map on the digit's own pixels, float32 (28, 28)."""
    return cv2.resize(cam, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def _before(layer: Layer, slope: np.ndarray, values: Values) -> np.ndarray:
    """The gradient with respect to what a layer reads, given that with respect to what it answers."""
    read, answered = values[layer.inputs[0]], values[layer.name]
    if layer.kind == "Dropout":
        return slope
    if layer.kind == "Dense":
        return (slope * SLOPES[layer.activation](answered)) @ layer.kernel.T
    if layer.kind == "Flatten":
        return slope.reshape(-1, *read.shape)
    if layer.kind == "GlobalAveragePooling2D":
        return np.broadcast_to(slope[:, np.newaxis, np.newaxis] / read[..., 0].size, (len(slope), *read.shape))
    if layer.kind == "GlobalMaxPooling2D":
        strongest = read == answered
        return slope[:, np.newaxis, np.newaxis] * (strongest / strongest.sum((0, 1)))
    raise ValueError(f"{layer.kind} does not stand behind the last maps.")


SLOPES = {  # of an activation, from what it answers
    "linear": np.ones_like,
    "relu": lambda answered: (answered > 0).astype(np.float32),
    "tanh": lambda answered: 1 - answered**2,
}
