"""Grad-CAM: where a network's last feature maps are evidence for a digit.

R. R. Selvaraju et al.: Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2017.
The gradient is backpropagated layer by layer, from the ten logits to the last feature maps. For a stored model,
`models.grad_cam` compiles the same into its LiteRT file; here it also works for networks that are nowhere stored, as
those with shuffled weights.
"""

import cv2
import numpy as np

from digit_core.explanation.network import Layer, Network, Values

SIDE = 28


def gradients(network: Network, values: Values) -> np.ndarray:
    """The gradient of each logit with respect to each value of the last feature maps.

    Args:
        values: the result of `network.run`.

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
    """A map per digit of the evidence for it (above 0) and against it, float32 (10, height, width), at the resolution
    of the last maps; Selvaraju et al. keep only values above 0."""
    weights = gradients(network, values).mean((1, 2))  # (10, maps)
    return np.einsum("dc,hwc->dhw", weights, values[network.last_maps()])


def enlarged(cam: np.ndarray) -> np.ndarray:
    """A coarse map upsampled to the digit's pixels, float32 (28, 28)."""
    return cv2.resize(cam, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def _before(layer: Layer, slope: np.ndarray, values: Values) -> np.ndarray:
    """The gradient with respect to a layer's input, given the one with respect to its output."""
    read, answered = values[layer.inputs[0]], values[layer.name]
    if layer.kind == "Dropout":
        return slope
    if layer.kind == "BatchNormalization":
        return slope * layer.scale_and_shift()[0]
    if layer.kind == "ReLU":
        return slope * SLOPES["relu"](answered)
    if layer.kind == "Dense":
        return (slope * SLOPES[layer.activation](answered)) @ layer.kernel.T
    if layer.kind == "Flatten":
        return slope.reshape(-1, *read.shape)
    if layer.kind == "GlobalAveragePooling2D":
        return np.broadcast_to(slope[:, np.newaxis, np.newaxis] / read[..., 0].size, (len(slope), *read.shape))
    if layer.kind == "GlobalMaxPooling2D":
        strongest = read == answered
        return slope[:, np.newaxis, np.newaxis] * (strongest / strongest.sum((0, 1)))
    raise ValueError(f"{layer.kind} is not supported after the last maps.")


SLOPES = {  # derivative of an activation, from its output
    "linear": np.ones_like,
    "relu": lambda answered: (answered > 0).astype(np.float32),
    "tanh": lambda answered: 1 - answered**2,
}
