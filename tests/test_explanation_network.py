"""A network run in NumPy: hand-computed answers on tiny layers, and agreement with Keras and LiteRT."""

import io
import zipfile

import numpy as np
import pytest

from digit_core import Recognizer
from digit_core.explanation import gradients, network, stations
from digit_core.explanation.network import Layer, Network
from digit_core.models import store
from digit_core.models.grad_cam import Compiled
from digit_core.models.store import ModelError

SHIPPED = ["inkling", "inkling-mnist", "lenet5", "resnet", "simple_cnn"]


def layer(name, kind, inputs=(), weights=(), **config) -> Layer:
    return Layer(name, kind, tuple(inputs), tuple(np.asarray(own, np.float32) for own in weights), config)


def tiny(padding="valid") -> Network:
    """One filter that detects a left-to-right step, batch normalisation, ReLU, global average pooling, two digits."""
    kernel = np.array([[-1, 1], [-1, 1]], float).reshape(2, 2, 1, 1)
    return Network((
        layer("digit", "InputLayer"),
        layer("look", "Conv2D", ["digit"], [kernel], padding=padding, activation="linear"),
        layer("norm", "BatchNormalization", ["look"], [[2], [1], [0.5], [0.25 - 0.001]], epsilon=0.001),
        layer("relu", "ReLU", ["norm"]),
        layer("mean", "GlobalAveragePooling2D", ["relu"]),
        layer("answer", "Dense", ["mean"], [[[1, -1]], [0, 0.5]], activation="softmax"),
    ))  # fmt: skip


BAR = np.array([[0, 255, 0], [0, 255, 0], [0, 255, 0]], np.uint8)


def test_a_filter_a_normalisation_and_a_mean_by_hand():
    values = tiny().run(BAR)
    np.testing.assert_allclose(values["look"][..., 0], [[2, -2], [2, -2]])
    np.testing.assert_allclose(values["norm"][..., 0], [[7, -9], [7, -9]], rtol=1e-5)  # 2 / 0.5 * (v - 0.5) + 1
    np.testing.assert_allclose(values["relu"][..., 0], [[7, 0], [7, 0]], rtol=1e-5)
    np.testing.assert_allclose(values["mean"], [3.5], rtol=1e-5)
    np.testing.assert_allclose(values["logits"], [3.5, -3], rtol=1e-5)
    np.testing.assert_allclose(values["answer"], [1 / (1 + np.exp(-6.5)), 1 / (1 + np.exp(6.5))], rtol=1e-4)


def test_same_padding_keeps_the_size():
    assert tiny("same").run(BAR)["look"].shape == (3, 3, 1)


def test_grad_cam_by_hand():
    """With average pooling over four places, each place gets a quarter of the weight."""
    own = tiny()
    values = own.run(BAR)
    slopes = gradients.gradients(own, values)
    assert slopes.shape == (2, 2, 2, 1)
    np.testing.assert_allclose(slopes[0], 0.25)
    np.testing.assert_allclose(gradients.grad_cam(own, values)[1], [[-1.75, 0], [-1.75, 0]], rtol=1e-5)


def test_the_sum_behind_a_pixel_by_hand():
    own = tiny()
    [station] = stations.stations(own)
    found = stations.explain(station, own.run(BAR), 1, 0, 0)
    np.testing.assert_allclose(found.products[..., 0], [[0, 1], [0, 1]])
    assert [round(step.value, 3) for step in found.steps] == [2, 7, 7]
    with pytest.raises(IndexError):
        stations.explain(station, own.run(BAR), 2, 0, 0)


@pytest.mark.parametrize("name", SHIPPED)
def test_it_answers_as_the_network_that_reads(name, rng):
    own, reads = network.network_of(store.find(name)), Recognizer.load(name)
    digits = rng.integers(0, 256, (10, 28, 28), np.uint8)
    answers = np.stack([own.probabilities(digit) for digit in digits])
    np.testing.assert_allclose(answers, reads.classify(digits), atol=1e-4)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_pixel_is_its_printed_sum(name, rng):
    own = network.network_of(store.find(name))
    values = own.run(rng.integers(0, 256, (28, 28), np.uint8))
    for station in stations.stations(own):
        maps = values[station.maps]
        for _ in range(5):
            place = tuple(int(rng.integers(size)) for size in maps.shape)
            assert stations.explain(station, values, *place).value == pytest.approx(float(maps[place]), abs=1e-4)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_model_has_grad_cam_in_its_litert_file(name, rng):
    found, digit = store.find(name), rng.integers(0, 256, (28, 28), np.uint8)
    own = network.network_of(found)
    np.testing.assert_allclose(
        Compiled(found.litert_bytes())(digit), gradients.grad_cam(own, own.run(digit)), atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inkling", "lenet5", "resnet", "simple_cnn"])
def test_activations_and_gradients_are_those_of_keras(name, rng):
    import keras
    import tensorflow as tf

    found = store.find(name)
    own, theirs = network.network_of(found), found.load_keras()
    digit = rng.integers(0, 256, (28, 28), np.uint8)
    values = own.run(digit)
    batch = tf.constant(digit[np.newaxis, ..., np.newaxis].astype(np.float32) / 255)
    outputs = {part.name: part.output for part in theirs.layers[1:]}
    for part, answer in keras.Model(theirs.inputs, outputs)(batch, training=False).items():
        np.testing.assert_allclose(values[part], answer[0], atol=1e-3, err_msg=part)

    after = next(part for part in theirs.layers if part.name == own.last_maps())
    to_maps = keras.Model(theirs.inputs, after.output)
    head = theirs.layers[theirs.layers.index(after) + 1 :]
    with tf.GradientTape() as tape:
        maps = to_maps(batch, training=False)
        tape.watch(maps)
        x = maps
        for part in head[:-1]:
            x = part(x, training=False) if isinstance(part, keras.layers.Dropout) else part(x)
        logits = x @ head[-1].kernel + head[-1].bias
    slopes = tape.jacobian(logits, maps)[0, :, 0]
    np.testing.assert_allclose(gradients.gradients(own, values), slopes, atol=1e-3)
    cams = np.einsum("dhwc,ijc->dij", slopes / (maps.shape[1] * maps.shape[2]), maps[0])
    np.testing.assert_allclose(Compiled(found.litert_bytes())(digit), cams, atol=1e-3)


def test_a_shuffled_and_an_untrained_network_have_forgotten(rng):
    own = network.network_of(store.find("simple_cnn"))
    for forgot in (own.shuffled(1), own.untrained(1)):
        assert [part.kernel.shape for part in forgot.layers if part.weights] == [
            part.kernel.shape for part in own.layers if part.weights
        ]
        digit = rng.integers(0, 256, (28, 28), np.uint8)
        assert np.abs(forgot.probabilities(digit) - own.probabilities(digit)).max() > 0.01
    shuffled = own.shuffled(1)
    np.testing.assert_allclose(np.sort(shuffled["conv1"].kernel.ravel()), np.sort(own["conv1"].kernel.ravel()))


def test_layers_that_are_not_known_are_told():
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(store.find("lenet5").keras_bytes())) as parts, zipfile.ZipFile(content, "w") as out:
        out.writestr("config.json", parts.read("config.json").replace(b'"AveragePooling2D"', b'"UpSampling2D"'))
        out.writestr("model.weights.h5", parts.read("model.weights.h5"))
    with pytest.raises(ModelError, match="UpSampling2D"):
        network.read(content.getvalue())
