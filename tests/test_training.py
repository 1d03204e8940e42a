"""Training for real, on the built-in digits: small, but the whole way."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained():
    from digit_core.training import TrainingSettings, train

    events = []
    settings = TrainingSettings(architecture="lenet5", data="builtin", epochs=6, batch_size=32, augmentation="none")
    return train(settings, events.append), events


def test_a_network_learns(trained):
    result, _ = trained
    assert result.test_accuracy > 0.85
    assert result.history[-1].loss < result.history[0].loss / 2


def test_events_tell_every_batch_and_every_epoch(trained):
    from digit_core.training import BatchEnd, EpochEnd

    result, events = trained
    batches = [event for event in events if isinstance(event, BatchEnd)]
    steps = -(-len(result.dataset.train) // 32)
    assert [(e.epoch, e.step) for e in batches] == [(e, s) for e in range(1, 7) for s in range(1, steps + 1)]
    assert [e for e in events if isinstance(e, EpochEnd)] == list(result.history)
    assert {e.epochs for e in events} == {6}


def test_the_epoch_with_the_lowest_validation_loss_is_kept(trained):
    from digit_core.training import batch

    result, _ = trained
    losses = [event.validation_loss for event in result.history]
    assert result.best_epoch == int(np.argmin(losses)) + 1
    validation = result.dataset.validation
    loss, _ = result.model.evaluate(batch(validation.images), validation.labels, verbose=0)
    assert loss == pytest.approx(min(losses), abs=1e-4)


def test_what_the_card_says_is_plain_and_complete(trained):
    from digit_core.training import describe

    result, _ = trained
    about = json.loads(json.dumps(describe(result)))
    assert about["settings"]["architecture"] == "lenet5"
    assert about["parameters"] == 61_706
    assert about["data"]["test"]["digits"] == len(result.dataset.test)
    assert about["data"]["train"]["sha256"] == result.dataset.train.digest()
    assert about["metrics"]["test_accuracy"] == pytest.approx(result.test_accuracy, abs=1e-5)


def test_sparse_and_one_hot_labels_train_the_same_and_a_seed_repeats():
    from digit_core.training import TrainingSettings, train

    common = {"architecture": "lenet5", "data": "builtin", "epochs": 2}
    runs = [train(TrainingSettings(**common, loss=loss)) for loss in ("sparse", "one_hot", "sparse")]
    losses = [[event.validation_loss for event in run.history] for run in runs]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert losses[0] == pytest.approx(losses[2], abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"architecture": "vgg"},
        {"loss": "mse"},
        {"augmentation": "wild"},
        {"epochs": 0},
        {"learning_rate": -1.0},
        {"seed": -1},
    ],
)
def test_wrong_settings_are_refused(wrong):
    from digit_core.training import TrainingSettings

    with pytest.raises(ValueError, match=r"."):
        TrainingSettings(**wrong)


def test_the_command_trains_stores_and_the_model_reads(tmp_path):
    environment = {**os.environ, "DIGIT_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "digit_core"]
    words = ["train", "--architecture", "lenet5", "--data", "builtin", "--epochs", "3", "--name", "first"]
    done = subprocess.run(command + words, env=environment, capture_output=True, text=True, check=True)
    assert "first: " in done.stdout
    assert "epoch 3/3" in done.stderr
    folder = tmp_path / "models" / "first"
    assert {file.name for file in folder.iterdir()} == {"model.keras", "model.tflite", "card.json"}
    listed = subprocess.run([*command, "models", "--json"], env=environment, capture_output=True, text=True, check=True)
    rows = {row["name"]: row for row in map(json.loads, listed.stdout.splitlines())}
    assert rows["first"]["litert"] == str(folder / "model.tflite")
    assert rows["first"]["default"] is False
