import importlib.util
import json

import numpy as np
import pytest

from digit_core.cli import main as cli
from digit_core.models import export
from digit_core.models import store as model_store
from digit_core.models.export import ExportError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    """An untrained network with batch normalisation, its last kernel scaled up to make its answers confident."""
    import keras

    from digit_core.training.architectures import build_resnet

    keras.utils.set_random_seed(3)
    network = build_resnet()
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([20 * kernel, bias])
    return network


@pytest.fixture(scope="module")
def digits():
    from digit_core.data import datasets

    return datasets.load("builtin").train.images[:300]


@pytest.mark.parametrize("form", export.FORMATS)
def test_an_export_answers_as_the_model_does(model, digits, tmp_path, form):
    if form == "onnx" and importlib.util.find_spec("tf2onnx") is None:
        pytest.skip("tf2onnx is not installed")
    out = tmp_path / "exported"
    verification = export.export(model, form, out, digits)
    assert verification.digits == 300
    assert verification.agreement >= (0.98 if form == "litert-int8" else 1)
    assert verification.largest_difference < (0.3 if form == "litert-int8" else 1e-4)
    assert out.is_dir() == (form == "saved_model")
    assert verification.bytes > 50_000
    assert list(tmp_path.iterdir()) == [out]  # no files left over
    again = export.export(model, form, out, digits)  # replaces the existing file
    assert again.agreement == verification.agreement


def test_int8_is_whole_numbers_from_end_to_end_and_a_third_of_the_size(model, digits, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    small = export.export(model, "litert-int8", tmp_path / "a", digits)
    large = export.export(model, "litert", tmp_path / "b", digits)
    assert small.bytes < large.bytes / 2
    interpreter = Interpreter(model_path=str(tmp_path / "a"))
    details = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    assert {entry["dtype"] for entry in details} == {np.int8}


def test_an_export_that_answers_nonsense_is_not_kept(model, digits, tmp_path, monkeypatch):
    nonsense = (
        lambda model, out, digits: out.write_text("x"),
        lambda path, batch: np.roll(np.asarray(model(batch)), 1, 1),
    )
    monkeypatch.setitem(export.FORMATS, "litert", nonsense)
    (tmp_path / "out").write_text("before")
    with pytest.raises(ExportError, match="answers otherwise"):
        export.export(model, "litert", tmp_path / "out", digits)
    assert (tmp_path / "out").read_text() == "before"


def test_what_cannot_be_exported_is_said_plainly(model, digits, tmp_path, monkeypatch):
    with pytest.raises(ExportError, match="no export format called 'gif'"):
        export.export(model, "gif", tmp_path / "a", digits)
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        export.export(model, "litert", tmp_path / "file" / "a", digits)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ExportError, match="is a folder that is there already"):
        export.export(model, "saved_model", tmp_path / "folder", digits)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match="needs onnx and tf2onnx and onnxruntime: pip install"):
        export.export(model, "onnx", tmp_path / "a", digits)
    assert not (tmp_path / "a").exists()


def test_the_command_exports_a_shipped_model_and_leaves_its_card_alone(tmp_path, capsys):
    card = (model_store.find("lenet5").folder / "card.json").read_bytes()
    out = tmp_path / "lenet5.tflite"
    assert cli.main(["export", "--model", "lenet5", "--format", "litert", "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["model"], answer["format"], answer["digits"], answer["agreement"]) == ("lenet5", "litert", 1000, 1.0)
    assert (model_store.find("lenet5").folder / "card.json").read_bytes() == card
    assert cli.main(["export", "--model", "none", "--format", "litert", "--out", str(out)]) == 1


def test_a_litert_file_answers_by_name_too_and_explains_its_answers(model, digits, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    from digit_core.explanation import gradients, network
    from digit_core.models.grad_cam import Compiled

    export.export(model, "litert", tmp_path / "model.tflite", digits)
    model.save(tmp_path / "model.keras")
    batch = digits[:3, ..., np.newaxis].astype(np.float32) / 255
    classify = Interpreter(model_path=str(tmp_path / "model.tflite")).get_signature_runner("classify")
    [answers] = classify(digit=batch).values()
    np.testing.assert_allclose(answers, export.run_litert(tmp_path / "model.tflite", batch), atol=1e-6)
    explain = Compiled((tmp_path / "model.tflite").read_bytes())
    own = network.read((tmp_path / "model.keras").read_bytes())
    for digit in digits[:3]:
        np.testing.assert_allclose(explain(digit), gradients.grad_cam(own, own.run(digit)), atol=1e-4)


def test_a_network_with_other_last_layers_becomes_a_file_without_grad_cam(digits, tmp_path):
    import keras

    from digit_core.models.grad_cam import Compiled

    layers = keras.layers
    others = {
        "separate softmax": [layers.Flatten(), layers.Dense(10), layers.Softmax()],
        "no maps": [layers.Reshape((784,)), layers.Flatten(), layers.Dense(10, activation="softmax")],
        "another activation": [layers.Flatten(), layers.Dense(9, "gelu"), layers.Dense(10, activation="softmax")],
    }
    for name, last in others.items():
        other = keras.Sequential([layers.Input((28, 28, 1)), *last])
        assert export.export(other, "litert", tmp_path / name, digits).agreement == 1
        with pytest.raises(ValueError, match="no Grad-CAM"):
            Compiled((tmp_path / name).read_bytes())


@pytest.mark.parametrize("pooling", ["Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"])
def test_grad_cam_of_each_way_to_end_a_network(digits, tmp_path, pooling):
    import keras

    from digit_core.explanation import gradients, network
    from digit_core.models.grad_cam import Compiled

    layers = keras.layers
    keras.utils.set_random_seed(1)
    chain = keras.Sequential([
        layers.Input((28, 28, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(),
        getattr(layers, pooling)(), layers.Dense(12, "relu"), layers.Dropout(0.5), layers.Dense(8, "tanh"),
        layers.Dense(10, "softmax"),
    ])  # fmt: skip
    model = keras.Model(chain.inputs, chain.outputs)
    export.export(model, "litert", tmp_path / "model.tflite", digits)
    model.save(tmp_path / "model.keras")
    own = network.read((tmp_path / "model.keras").read_bytes())
    explained = Compiled((tmp_path / "model.tflite").read_bytes())(digits[0])
    assert np.abs(explained).max() > 1e-5
    np.testing.assert_allclose(explained, gradients.grad_cam(own, own.run(digits[0])), atol=1e-5)
