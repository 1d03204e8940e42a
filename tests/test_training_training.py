"""End-to-end training of small networks on the built-in digits."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def traced():
    """One entry for each time TensorFlow traced the training step."""
    return []


@pytest.fixture(scope="module")
def trained(traced):
    import keras

    from digit_core.training.training import TrainingSettings, train

    step = keras.Model.train_step

    def noted(model, data):
        traced.append(model)
        return step(model, data)

    events = []
    settings = TrainingSettings(architecture="lenet5", data="builtin", epochs=6, batch_size=32, augmentation="none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "train_step", noted)
        return train(settings, events.append), events


def test_a_network_learns(trained):
    result, _ = trained
    assert result.test.accuracy > 0.85
    assert result.history[-1].loss < result.history[0].loss / 2


def test_the_step_is_traced_once(trained, traced):
    assert len(traced) == 1  # a second trace would delay the first batch by seconds


def test_events_tell_every_batch_and_every_epoch(trained):
    from digit_core.training.events import BatchEnd, EpochEnd

    result, events = trained
    batches = [event for event in events if isinstance(event, BatchEnd)]
    steps = len(result.dataset.train) // 32
    assert [(e.epoch, e.step) for e in batches] == [(e, s) for e in range(1, 7) for s in range(1, steps + 1)]
    assert [e for e in events if isinstance(e, EpochEnd)] == list(result.history)
    assert {e.epochs for e in batches} == {6}
    left = [e.seconds_left for e in batches if e.seconds_left is not None]
    assert left[-1] < left[0]
    assert batches[-1].images_per_second > 0


def _before_calibration(result):
    """The kept weights' probabilities for the validation digits, before temperature scaling."""
    from digit_core.training.training import batch

    calibrated = result.model.predict(batch(result.dataset.validation.images), verbose=0).astype(float)
    powers = calibrated**result.temperature
    return powers / powers.sum(1, keepdims=True)


def test_the_epoch_with_the_lowest_validation_loss_is_kept(trained):
    result, _ = trained
    losses = [event.validation_loss for event in result.history]
    assert result.best_epoch == int(np.argmin(losses)) + 1
    labels = result.dataset.validation.labels
    right = _before_calibration(result)[np.arange(len(labels)), labels]
    assert -np.log(right).mean() == pytest.approx(min(losses), abs=1e-4)


def test_calibration_lowers_the_cross_entropy_and_changes_no_answer(trained):
    result, _ = trained
    best = result.history[result.best_epoch - 1]
    assert result.validation.log_loss <= best.validation_loss + 1e-6
    assert result.validation.accuracy == pytest.approx(best.validation_accuracy)


def test_a_training_can_start_from_a_stored_model(trained, tmp_path, monkeypatch):
    from digit_core.models import store as model_store
    from digit_core.training.training import describe, train

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    result, _ = trained
    first = model_store.save(result.model, "first", describe(result), result.dataset.test.images)
    settings = replace(result.settings, start_from="first", epochs=1, learning_rate=1e-9, weight_decay=0.0)
    second = train(settings)
    assert second.test.accuracy == pytest.approx(result.test.accuracy)  # this learning rate changes almost nothing
    about = describe(second)["started_from"]
    assert about == {"name": "first", "sha256": first.card["files"]["model.keras"]["sha256"], "data": "builtin"}
    assert describe(result)["started_from"] is None


def test_the_first_weights_can_be_blended_in(trained, tmp_path, monkeypatch):
    from digit_core.models import store as model_store
    from digit_core.training.training import describe, train

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    result, _ = trained
    model_store.save(result.model, "first", describe(result), result.dataset.test.images)
    settings = replace(result.settings, start_from="first", epochs=1, learning_rate=1e-3)
    after, blended = train(settings), train(replace(settings, blend=0.25))
    first, last, kept = (model.get_weights()[0] for model in (result.model, after.model, blended.model))
    assert not np.allclose(first, last, atol=1e-4)
    np.testing.assert_allclose(kept, 0.25 * first + 0.75 * last, atol=1e-6)


def test_what_a_training_cannot_start_from_is_said():
    from digit_core.models.store import ModelError
    from digit_core.training.training import TrainingSettings, train

    with pytest.raises(ModelError, match="no model called 'nowhere'"):
        train(TrainingSettings(data="builtin", start_from="nowhere"))
    with pytest.raises(ModelError, match="is a simple_cnn: a lenet5 cannot"):
        train(TrainingSettings(architecture="lenet5", data="builtin", start_from="simple_cnn"))


def test_what_the_card_says_is_plain_and_complete(trained):
    from digit_core.training.training import describe

    result, _ = trained
    about = json.loads(json.dumps(describe(result)))
    assert about["settings"]["architecture"] == "lenet5"
    assert about["parameters"] == 61_706
    assert about["data"]["test"]["digits"] == len(result.dataset.test)
    assert about["data"]["train"]["sha256"] == result.dataset.train.digest()
    assert about["metrics"]["test_accuracy"] == pytest.approx(result.test.accuracy, abs=1e-5)


def test_sparse_and_one_hot_labels_train_the_same_and_a_seed_repeats():
    from digit_core.training.training import TrainingSettings, train

    common = {"architecture": "lenet5", "data": "builtin", "epochs": 2}
    runs = [train(TrainingSettings(**common, loss=loss)) for loss in ("sparse", "one_hot", "sparse")]
    losses = [[event.validation_loss for event in run.history] for run in runs]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    for once, again in zip(runs[0].model.get_weights(), runs[2].model.get_weights(), strict=True):
        assert (once == again).all()


@pytest.fixture(scope="module")
def everything_at_once(tmp_path_factory):
    """Dropout, batch normalisation, averaged weights, warm-up and augmentation: every part of the training state."""
    from digit_core.data import datasets
    from digit_core.training.training import TrainingSettings

    few, data = datasets.load("builtin").train, tmp_path_factory.mktemp("few") / "few.npz"
    np.savez(data, x_train=few.images[:500], y_train=few.labels[:500])
    common = {"dropout": 0.2, "averaging": 0.9, "label_smoothing": 0.05, "warmup": 1}
    return TrainingSettings(architecture="resnet", data=str(data), epochs=3, batch_size=32, **common)


@pytest.fixture(scope="module")
def unbroken(everything_at_once):
    from digit_core.training.training import train

    return train(everything_at_once)


def test_a_training_that_was_broken_off_goes_on_as_if_nothing_had_happened(everything_at_once, unbroken, tmp_path):
    from digit_core.training.events import BatchEnd
    from digit_core.training.training import train

    seen, checkpoint = [], tmp_path / "state.npz"

    def note(event):
        if isinstance(event, BatchEnd):
            seen.append((event.epoch, event.step))

    first = train(everything_at_once, note, lambda: seen[-1] == (2, 7), checkpoint)
    assert first.stopped
    assert len(first.history) == 1  # keeps the progress of every complete epoch
    second = train(everything_at_once, note, checkpoint=checkpoint)
    assert not second.stopped
    assert (seen.count((1, 1)), seen.count((2, 1))) == (1, 2)  # only the interrupted epoch was repeated
    for field in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        curves = [[getattr(event, field) for event in result.history] for result in (unbroken, second)]
        assert curves[0] == curves[1]
    assert (second.best_epoch, second.test.log_loss) == (unbroken.best_epoch, unbroken.test.log_loss)
    seen.clear()
    third = train(everything_at_once, note, checkpoint=checkpoint)  # already finished: nothing left to train
    assert not seen
    assert third.test.log_loss == second.test.log_loss


def test_the_averaged_weights_are_the_ones_that_are_kept(unbroken):
    from digit_core.training.state import targets

    validation, best = unbroken.dataset.validation, unbroken.history[unbroken.best_epoch - 1]
    predicted = _before_calibration(unbroken)
    assert (predicted.argmax(1) == validation.labels).mean() == pytest.approx(best.validation_accuracy, abs=1e-6)
    smoothed = 0.95 * targets(validation, unbroken.settings) + 0.005
    assert -(smoothed * np.log(predicted)).sum(1).mean() == pytest.approx(best.validation_loss, abs=1e-4)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    from digit_core.training import checkpoints, training

    pixels, labels = np.zeros((200, 28, 28), np.uint8), np.tile(np.arange(10), 20)
    pixels[np.arange(200), 5 + labels, 5:20] = 255
    np.savez(tmp_path / "own.npz", x_train=pixels, y_train=labels)
    state = tmp_path / "state.npz"
    settings = training.TrainingSettings(architecture="lenet5", data=str(tmp_path / "own.npz"), epochs=1)
    training.train(settings, checkpoint=state)
    assert training.settings_of(state) == settings
    with pytest.raises(checkpoints.CheckpointError, match="other settings"):
        training.train(replace(settings, seed=2), checkpoint=state)
    whole = checkpoints.load(state)
    checkpoints.save(replace(whole, model=whole.model[:-1]), state)
    with pytest.raises(checkpoints.CheckpointError, match="another version of the network"):
        training.train(settings, checkpoint=state)
    checkpoints.save(replace(whole, about={"settings": {"epochs": 2, "colour": "red"}}), state)
    with pytest.raises(checkpoints.CheckpointError, match="another version of the program"):
        training.settings_of(state)
    checkpoints.save(whole, state)
    np.savez(tmp_path / "own.npz", x_train=pixels[:-10], y_train=labels[:-10])
    with pytest.raises(checkpoints.CheckpointError, match="the data have changed"):
        training.train(settings, checkpoint=state)


def test_a_training_that_diverges_says_so():
    from digit_core.training.events import DivergedError
    from digit_core.training.training import TrainingSettings, train

    settings = TrainingSettings(architecture="lenet5", data="builtin", epochs=20, learning_rate=1e30, warmup=0)
    with pytest.raises(DivergedError, match="smaller learning rate"):
        train(settings)


def test_stopping_in_the_first_epoch_keeps_what_was_learnt():
    from digit_core.training.training import TrainingSettings, train

    settings = TrainingSettings(architecture="lenet5", data="builtin", epochs=50, batch_size=8, learning_rate=0.003)
    events = []
    trained = train(settings, events.append, should_stop=lambda: len(events) > 130)  # of 157 steps
    assert trained.stopped
    assert not trained.history
    assert trained.best_epoch == 0
    assert trained.validation.accuracy > 0.3  # chance: 0.1


def test_events_begin_with_the_watched_digits_and_glimpse_at_them(trained):
    from digit_core.training.events import Glimpse, Started

    result, events = trained
    first = events[0]
    assert isinstance(first, Started)
    assert first.digits == {part: len(getattr(result.dataset, part)) for part in ("train", "validation", "test")}
    assert list(first.labels) == list(range(10))
    for image, label in zip(first.watched, first.labels, strict=True):
        split = result.dataset.validation
        assert (split.images[split.labels == label][0] == image).all()
    glimpses = [event for event in events if isinstance(event, Glimpse)]
    assert glimpses
    assert all(np.allclose(glimpse.probabilities.sum(1), 1, atol=1e-5) for glimpse in glimpses)


@pytest.mark.parametrize("architecture", ["lenet5", "simple_cnn", "resnet", "inkling"])
def test_dropout_is_where_it_is_asked_for(architecture):
    from digit_core.training.training import TrainingSettings, build

    def shares(dropout):
        model = build(TrainingSettings(architecture=architecture, dropout=dropout))
        return [layer.rate for layer in model.layers if hasattr(layer, "rate")]

    assert max(shares(0.3)) == 0.3
    assert not any(shares(0.0))


def test_patience_ends_a_training_that_no_longer_gains():
    from digit_core.training.training import TrainingSettings, train

    settings = TrainingSettings(architecture="lenet5", data="builtin", epochs=30, learning_rate=0.1, patience=2)
    result = train(settings)
    assert len(result.history) == result.best_epoch + 2 < 30
    assert not result.stopped


@pytest.mark.parametrize(("optimizer", "schedule"), [("adam", "constant"), ("sgd", "cosine")])
def test_every_optimizer_and_schedule_learns(optimizer, schedule):
    from digit_core.training.training import TrainingSettings, train

    settings = TrainingSettings(
        architecture="lenet5",
        data="builtin",
        epochs=3,
        batch_size=32,
        optimizer=optimizer,
        schedule=schedule,
        augmentation="none",
        learning_rate=0.05 if optimizer == "sgd" else 2e-3,
    )
    assert train(settings).history[-1].validation_accuracy > 0.7


def test_bfloat16_gives_a_float32_network():
    from digit_core.training.training import TrainingSettings, train

    settings = TrainingSettings(architecture="lenet5", data="builtin", epochs=3, batch_size=32, precision="bfloat16")
    result = train(settings)
    assert {str(weight.dtype) for weight in result.model.weights} == {"float32"}
    assert {layer.compute_dtype for layer in result.model.layers} == {"float32"}
    assert result.history[-1].loss < result.history[0].loss / 2


def test_the_step_size_rises_and_falls():
    from digit_core.training.training import TrainingSettings, _learning_rate

    settings = TrainingSettings(epochs=4, warmup=1, learning_rate=0.1)
    rate = _learning_rate(settings, steps=10)
    assert [float(rate(step)) for step in (0, 5, 10, 25, 40)] == pytest.approx([0, 0.05, 0.1, 0.05, 0], abs=1e-6)
    flat = _learning_rate(replace(settings, schedule="constant"), steps=10)
    assert [float(flat(step)) for step in (0, 5, 10, 25, 40)] == pytest.approx([0, 0.05, 0.1, 0.1, 0.1], abs=1e-6)
    assert _learning_rate(replace(settings, schedule="constant", warmup=0), steps=10) == 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"architecture": "vgg"},
        {"loss": "mse"},
        {"augmentation": "wild"},
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": -1.0},
        {"seed": -1},
        {"optimizer": "lion"},
        {"schedule": "steps"},
        {"precision": "float8"},
        {"label_smoothing": 1.0},
        {"label_smoothing": 0.1, "loss": "sparse"},
        {"averaging": 1.0},
        {"warmup": -1.0},
        {"weight_decay": float("nan")},
        {"patience": -1},
        {"blend": 0.5},
        {"blend": 1.0, "start_from": "lenet5"},
    ],
)
def test_wrong_settings_are_refused(wrong):
    from digit_core.training.training import TrainingSettings

    with pytest.raises(ValueError, match=r"There is no|must be|must lie|must not|needs the loss"):
        TrainingSettings(**wrong)
