"""The path from digit to answer: which outputs of a network are shown, and the exact sum behind one of their values.

A station is a convolution or pooling layer with the layers that follow it until the next station: normalisation,
residual addition and activation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from digit_core.explanation.network import ACTIVATIONS, Layer, Network, Values, patches

BEGINS = ("Conv2D", "MaxPooling2D", "AveragePooling2D")
FOLLOWS = ("BatchNormalization", "Add", "ReLU")


@dataclass(frozen=True)
class Station:
    """Layers that are shown as one; `maps` is the name of the last, whose output is shown."""

    layers: tuple[Layer, ...]

    @property
    def name(self) -> str:
        return self.layers[0].name

    @property
    def maps(self) -> str:
        return self.layers[-1].name

    @property
    def is_convolution(self) -> bool:
        return self.layers[0].kind == "Conv2D"

    @property
    def in_words(self) -> str:
        """What happens here: "3×3 convolution, normalised, ReLU"."""
        first = self.layers[0]
        words = [POOLINGS.get(first.kind) or "{0}×{0} convolution".format(first.kernel.shape[0])]
        words += [THEN[layer.kind] for layer in self.layers[1:]]
        if first.activation != "linear":
            words.append(first.activation.replace("relu", "ReLU"))
        return ", ".join(words)


POOLINGS = {"MaxPooling2D": "largest of each 2×2", "AveragePooling2D": "mean of each 2×2"}
THEN = {"BatchNormalization": "normalised", "Add": "added to what came in", "ReLU": "ReLU"}


@dataclass(frozen=True)
class Step:
    """One step of a sum: what is done, in words, and the value after it."""

    said: str
    value: float


@dataclass(frozen=True)
class Sum:
    """How one value of a station is computed.

    Attributes:
        patch: float32 (height, width, maps), the patch of the input maps.
        kernel: of the same shape, the factors of the patch; None if the patch is pooled.
        steps: from the products' sum to the value.
    """

    patch: np.ndarray
    kernel: np.ndarray | None
    steps: tuple[Step, ...]

    @property
    def value(self) -> float:
        return self.steps[-1].value

    @property
    def products(self) -> np.ndarray:
        return self.patch if self.kernel is None else self.patch * self.kernel

    def strongest(self) -> np.ndarray:
        """The contribution of each input map, float (maps,); the one of largest magnitude matters most."""
        return self.products.sum((0, 1))


def stations(network: Network) -> list[Station]:
    """The stations of a network, in order, up to its last maps."""
    readers: dict[str, list[Layer]] = {}
    for layer in network.layers:
        for name in layer.inputs:
            readers.setdefault(name, []).append(layer)
    found = []
    for layer in network.layers:
        if layer.kind in BEGINS:
            chain = [layer]
            while len(then := readers.get(chain[-1].name, [])) == 1 and then[0].kind in FOLLOWS:
                chain.append(then[0])
            found.append(Station(tuple(chain)))
    return found


def explain(station: Station, values: Values, row: int, column: int, channel: int) -> Sum:
    """The sum behind one value of a station's maps.

    Args:
        values: what `network.run` answered.
        row, column, channel: where in `values[station.maps]`.

    Raises:
        IndexError: there is no such place.
    """
    height, width, count = values[station.maps].shape
    if not (0 <= row < height and 0 <= column < width and 0 <= channel < count):
        raise IndexError((row, column, channel))
    first, read = station.layers[0], values[station.layers[0].inputs[0]]
    if first.kind == "Conv2D":
        patch = patches(read, first.kernel.shape[0], first.config["padding"])[row, column]
        kernel = first.kernel[..., channel]
    else:
        patch, kernel = read[2 * row : 2 * row + 2, 2 * column : 2 * column + 2, channel, np.newaxis], None
    steps = tuple(_steps(station, values, (row, column, channel), patch, kernel))
    return Sum(patch, kernel, steps)


def _steps(
    station: Station, values: Values, place: tuple[int, int, int], patch: np.ndarray, kernel: np.ndarray | None
) -> Iterator[Step]:
    """Compute the value from the patch, step by step; only the residual input is taken from `values`."""
    first, channel = station.layers[0], place[2]
    if kernel is None:
        largest = first.kind == "MaxPooling2D"
        value = float(patch.max() if largest else patch.mean())
        yield Step("the largest of the four" if largest else "the mean of the four", value)
    else:
        value = float((patch * kernel).sum())
        yield Step(f"{kernel.size} products, added up", value)
        if len(first.weights) > 1:
            value += float(first.bias[channel])
            yield Step(f"plus the bias {written(first.bias[channel])}", value)
        if first.activation != "linear":
            value = float(ACTIVATIONS[first.activation](np.float32(value)))
            yield Step(ACTIVATED[first.activation], value)
    for layer in station.layers[1:]:
        if layer.kind == "BatchNormalization":
            scale, shift = (float(own[channel]) for own in layer.scale_and_shift())
            value = value * scale + shift
            yield Step(f"normalised: times {written(scale)}, plus {written(shift)}", value)
        elif layer.kind == "Add":
            came = float(values[layer.inputs[0]][place])
            value += came
            yield Step(f"plus what came in, {written(came)}", value)
        else:
            value = max(value, 0.0)
            yield Step(ACTIVATED["relu"], value)


ACTIVATED = {"relu": "ReLU: what is below 0 becomes 0", "tanh": "tanh: squeezed between −1 and 1"}


def written(value: float) -> str:
    """A value as the page writes it, with three decimals and a true minus."""
    return f"{round(float(value), 3) + 0.0:.3f}".replace("-", "−")
