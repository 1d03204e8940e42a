"""Imported networks: valid ones work; a file with code or without a network is rejected with a clear message."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from digit_core import Recognizer
from digit_core.cli import main as cli
from digit_core.data import datasets
from digit_core.models import guests
from digit_core.models import store as model_store
from digit_core.models.store import ModelError

LENET = model_store.find("lenet5")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))


def packed(config: object, weights: bytes | None = None, **more: bytes) -> bytes:
    """A `.keras` file with this configuration."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", weights if weights is not None else hdf5())
        for name, content in more.items():
            archive.writestr(name, content)
    return out.getvalue()


def hdf5(change=lambda file: None) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        change(file)
    return out.getvalue()


def layer(name: str, module: str = "keras.layers", **config: object) -> dict:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def test_keras_own_layers_are_let_in():
    with zipfile.ZipFile(io.BytesIO(LENET.keras_bytes())) as archive:
        weights = archive.read("model.weights.h5")
    guests.check_keras(packed(layer("Sequential", "keras", layers=[layer("Dense", activation="relu")]), weights))


@pytest.mark.parametrize(
    "config",
    [
        layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEAAA=="}}),
        layer("Dense", activation={"class_name": "function", "config": "os.system", "module": "builtins"}),
        layer("Dense", activation="my_code"),
        layer("Dense", "os"),
        layer("TorchModuleWrapper"),
        layer("TFSMLayer", filepath="/etc"),
        {**layer("Dense"), "registered_name": "custom>Dense"},
        {"deep": [[[layer("Lambda")]]]},
        {"deep": {"compile_config": layer("Lambda")}},
        layer("__lambda__", "keras.initializers"),
        layer("function", "keras.initializers"),
        layer("Dense", units=10**9),
        {**layer("Dense"), "class_name": ["Dense"]},
    ],
    ids=lambda config: str(config)[:60],
)
def test_what_may_hold_code_is_refused(config):
    with pytest.raises(ModelError, match=r"not allowed|not one of|units|cannot be read"):
        guests.check_keras(packed(config))


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")),
        lambda file: file.__setitem__("x", h5py.SoftLink("/y")),
        lambda file: file.create_dataset("x", (10,), "u1", external=[("/etc/passwd", 0, 10)]),
        lambda file: file.create_group("a").__setitem__("itself", file["a"]),
    ],
    ids=["external link", "soft link", "external data", "a circle"],
)
def test_weights_that_point_elsewhere_are_refused(change):
    with pytest.raises(ModelError, match=r"somewhere else|tangled"):
        guests.check_keras(packed(layer("Dense"), hdf5(change)))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"x" * 1000, packed("[" * 100_000), packed("{}", b"no hdf5"), packed({}, **{"run.py": b"x"})],
    ids=["empty", "cut", "noise", "nested", "no weights", "more files"],
)
def test_what_is_no_network_is_refused(content):
    with pytest.raises(ModelError, match=r"network|file"):
        guests.check_keras(content)


@pytest.mark.parametrize("content", [b"", b"1234TFL3" + b"\xff" * 200, LENET.litert_bytes()[:3000]], ids=len)
def test_what_is_no_litert_file_is_refused(content):
    with pytest.raises(ModelError, match=r"network|file"):
        guests.check_litert(content)


def test_a_litert_file_is_brought_and_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DIGIT_DATA_DIR", raising=False)
    path = tmp_path / "mine.tflite"
    path.write_bytes(LENET.litert_bytes())
    assert cli.main(["bring", str(path), "--name", "mine", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    model = model_store.find("mine")
    assert said["accuracy"] == model.card["metrics"]["test_accuracy"] > 0.8
    digits = datasets.load("builtin").test.images[:50]
    np.testing.assert_allclose(Recognizer.load("mine").classify(digits), Recognizer.load("lenet5").classify(digits))
    with pytest.raises(ModelError, match="Keras file"):
        model.keras_bytes()
    assert cli.main(["bring", str(path), "--name", "mine"]) == 1
    assert "already" in capsys.readouterr().err
    assert cli.main(["report", "--model", "mine", "--data", "builtin", "--out", str(tmp_path / "r.html")]) == 0
    assert "what it was trained on is not recorded" in (tmp_path / "r.html").read_text()
    assert cli.main(["bring", str(tmp_path / "absent.tflite"), "--name", "other"]) == 1


@pytest.mark.slow
def test_a_keras_file_is_brought_whatever_pixels_it_wants(tmp_path, monkeypatch, capsys):
    import keras

    monkeypatch.delenv("DIGIT_DATA_DIR", raising=False)
    digits = datasets.load("builtin").train
    keras.utils.set_random_seed(0)
    theirs = keras.Sequential([
        keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(32, "relu"), keras.layers.Dense(10),
    ])  # fmt: skip
    theirs.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    theirs.fit(digits.images.astype("float32"), digits.labels, epochs=12, verbose=0)
    path = tmp_path / "theirs.keras"
    theirs.save(path)
    assert cli.main(["bring", str(path), "--name", "theirs"]) == 0
    assert model_store.find("theirs").card["brought"]["pixels"] == "0 to 255"
    probabilities = Recognizer.load("theirs").classify(digits.images[:200])
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-4)
    assert np.mean(probabilities.argmax(1) == digits.labels[:200]) > 0.9
    capsys.readouterr()
    keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]).save(path)
    assert cli.main(["bring", str(path), "--name", "untaught"]) == 1
    assert "was trained for something else" in capsys.readouterr().err
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(10)]).save(path)
    assert cli.main(["bring", str(path), "--name", "small"]) == 1
    assert "28x28" in capsys.readouterr().err
    assert not Path(model_store.paths.home() / "models" / "small").exists()


def _chain(*last) -> list:
    from keras import layers

    return [layers.Conv2D(4, 3, activation="relu", name="digit"), layers.MaxPooling2D(), layers.Flatten(), *last]


def _networks() -> dict:
    """Networks as courses write them, untrained."""
    import keras
    from keras import layers

    softmax, logits = layers.Dense(10, activation="softmax"), layers.Dense(10)
    first = keras.Input((28, 28, 1))
    beside = layers.Conv2D(4, 3, padding="same")(first)
    added = layers.Add()([beside, layers.Conv2D(4, 3, padding="same")(beside)])
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(layers.BatchNormalization()(added)))
    return {
        "a chain": keras.Sequential([keras.Input((28, 28, 1)), *_chain(softmax)]),
        "logits": keras.Sequential([keras.Input((28, 28, 1)), *_chain(layers.Dense(9), layers.ReLU(), logits)]),
        "a softmax layer": keras.Sequential([keras.Input((28, 28, 1)), *_chain(layers.Dense(10), layers.Softmax())]),
        "a graph": keras.Model(first, layers.Dense(10, activation="softmax")(x)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a chain", "logits", "a softmax layer", "a graph"])
def test_the_usual_networks_are_taken_apart_and_answer_as_before(name, rng, tmp_path, monkeypatch):
    import keras

    from digit_core.explanation import gradients, network, stations
    from digit_core.training.guests import _unpacked

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    theirs = _networks()[name]
    ours = _unpacked(theirs, 255.0, 0.0)
    digits = rng.integers(0, 256, (300, 28, 28), dtype=np.uint8)
    answers = theirs(digits[..., None].astype(np.float32))
    if name == "logits":
        answers = keras.ops.softmax(answers)
    np.testing.assert_allclose(ours(digits[..., None] / np.float32(255)), answers, atol=1e-4)
    about = {"settings": {"architecture": "brought"}, "data": {"name": "unknown"}, "parameters": 1}
    stored = model_store.save(ours, "theirs", {**about, "metrics": {"test_accuracy": 0.5}}, digits)
    own = network.network_of(stored)
    assert stations.stations(own)
    assert gradients.grad_cam(own, own.run(digits[0])).shape[0] == 10


@pytest.mark.slow
def test_a_chain_that_was_brought_can_be_looked_into(tmp_path, monkeypatch):
    import keras

    from digit_core.explanation import network

    monkeypatch.delenv("DIGIT_DATA_DIR", raising=False)
    digits = datasets.load("builtin").train
    keras.utils.set_random_seed(0)
    theirs = keras.Sequential([keras.Input((28, 28, 1)), *_chain(keras.layers.Dense(10, activation="softmax"))])
    theirs.compile("adam", "sparse_categorical_crossentropy")
    theirs.fit(digits.images[..., None].astype("float32"), digits.labels, epochs=3, verbose=0)
    theirs.save(tmp_path / "theirs.keras")
    assert cli.main(["bring", str(tmp_path / "theirs.keras"), "--name", "theirs"]) == 0
    own = network.network_of(model_store.find("theirs"))
    shares = Recognizer.load("theirs").classify(digits.images[:5])
    np.testing.assert_allclose([own.probabilities(digit) for digit in digits.images[:5]], shares, atol=1e-4)


@pytest.mark.slow
def test_networks_whose_layers_work_otherwise_than_shown_are_not_looked_into(rng, tmp_path, monkeypatch):
    import keras
    from keras import layers

    from digit_core.explanation import network

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    digits = rng.integers(0, 256, (300, 28, 28), dtype=np.uint8)
    about = {"settings": {"architecture": "brought"}, "data": {"name": "unknown"}, "parameters": 1}
    softmax = [layers.Flatten(), layers.Dense(10, activation="softmax")]
    pools = [layers.MaxPooling2D(2, padding="same") for _ in range(3)]
    others = [
        [layers.Conv2D(4, 3, padding="same"), *pools, layers.GlobalAveragePooling2D(), softmax[-1]],
        [layers.Conv2D(4, 3), layers.ReLU(negative_slope=0.3), *softmax],
        [layers.Conv2D(4, (3, 5)), *softmax],
        [layers.Conv2D(4, 3, activation="softmax"), *softmax],
        [layers.Conv2D(10, 3, activation="softmax"), layers.GlobalAveragePooling2D()],
    ]
    for chain in others:
        x = first = keras.Input((28, 28, 1))
        for layer in chain:
            x = type(layer).from_config(layer.get_config())(x)
        model = keras.Model(first, x)
        stored = model_store.save(model, "other", {**about, "metrics": {"test_accuracy": 0.5}}, digits)
        with pytest.raises(ModelError, match="looked into"):
            network.network_of(stored)
