"""The training page without a browser."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from digit_core.data import datasets
from digit_core.models import store
from digit_core.models.store import StoredModel
from digit_core.runs import store as runs
from digit_core.runs.events import Recorder
from digit_core.runs.limits import limits
from digit_core.runs.status import lock_of
from digit_core.training.events import BatchEnd, EpochEnd, Glimpse, Started
from digit_core.training.settings import settings_from, with_enough_steps

ENTRY = str(Path(__file__).resolve().parent.parent / "streamlit_app.py")
PAGE = str(Path(__file__).resolve().parent.parent / "pages" / "train.py")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))


@pytest.fixture
def launched(monkeypatch):
    """Started runs do not train: the tests check only their settings."""
    monkeypatch.setattr(
        runs, "_launch", lambda folder: runs.write_status(folder, {"state": "failed", "message": "No."})
    )


def _app():
    app = AppTest.from_file(PAGE, default_timeout=60)
    app.session_state["framed"] = True
    return app.run()


def _button(app, key):
    return next((button for button in app.button if button.key == key), None)


def _unfold(app):
    app.session_state["settings"] = True
    return app.run()


def test_a_preset_and_a_button_are_enough(launched):
    app = _app()
    assert not app.exception
    _button(app, "train_start").click().run()
    assert not app.exception
    [run] = runs.list_runs()
    assert run.settings == settings_from("quick")
    assert app.query_params["run"] in (run.id, [run.id])
    assert "No\\." in app.error[0].value


def test_what_is_chosen_is_what_trains(launched):
    app = _unfold(_app())
    app.selectbox(key="data_quick").set_value("builtin")
    app.selectbox(key="network_quick").set_value("lenet5").run()
    few = len(datasets.load("builtin").train)  # too few to learn anything in two epochs
    assert app.number_input(key="epochs_quick").value == with_enough_steps(settings_from("quick"), few).epochs > 20
    app.number_input(key="epochs_quick").set_value(3).run()
    assert "learns little" in app.warning[0].value
    app.number_input(key="dropout_lenet5_quick").set_value(0.25)
    app.select_slider(key="augmentation_quick").set_value("strong")
    app.text_input(key="run_title").set_value("Mine").run()
    assert not app.exception
    _button(app, "train_start").click().run()
    [run] = runs.list_runs()
    assert (run.title, run.settings.architecture, run.settings.data) == ("Mine", "lenet5", "builtin")
    assert (run.settings.epochs, run.settings.dropout, run.settings.augmentation) == (3, 0.25, "strong")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("epochs", 9999, "Epochs must be between 1 and"), ("batch", 1, "Batch size"), ("rate", 5.0, "Learning rate"),
     ("seed", -1, "Seed"), ("validation", 0.9, "Validation share"), ("patience", 99, "Early stopping")],
)  # fmt: skip
def test_a_number_out_of_range_disables_start_and_says_why(launched, field, value, said):
    app = _unfold(_app())
    good = app.number_input(key=f"{field}_quick").value or 0.1
    app.number_input(key=f"{field}_quick").set_value(value).run()
    assert not app.exception
    assert _button(app, "train_start").disabled
    assert said in app.error[0].value
    assert any(said in caption.value for caption in app.caption)
    app.number_input(key=f"{field}_quick").set_value(good).run()
    assert not _button(app, "train_start").disabled
    assert not app.error


def test_an_own_file_says_what_is_missing_and_gets_enough_steps(launched):
    app = _unfold(_app())
    app.selectbox(key="data_quick").set_value("own").run()
    assert _button(app, "train_start").disabled
    assert any("First choose a file" in caption.value for caption in app.caption)
    digits = datasets.load("builtin").train
    rows = [
        ",".join(map(str, [label, *image.ravel()])) for image, label in zip(digits.images, digits.labels, strict=True)
    ]
    app.file_uploader(key="own_digits").set_value(("mine.csv", "\n".join(rows[:600]).encode(), "text/csv")).run()
    assert not app.exception
    assert not _button(app, "train_start").disabled
    [said] = [success.value for success in app.success]
    train, batch = int(said.split()[0]), app.number_input(key="batch_quick").value
    enough = with_enough_steps(settings_from("quick", batch_size=batch), train).epochs
    assert app.number_input(key="epochs_quick").value == enough <= limits().epochs
    assert not app.warning
    _button(app, "train_start").click().run()
    [run] = runs.list_runs()
    assert run.settings.data.endswith("own.csv")
    assert (run.settings.epochs, run.settings.batch_size) == (enough, batch)


def test_a_broken_file_is_named_and_nothing_else_is_trained_on_instead(launched):
    app = _unfold(_app())
    app.selectbox(key="data_quick").set_value("own").run()
    app.file_uploader(key="own_digits").set_value(("mine.csv", b"hello,1,2", "text/csv")).run()
    assert not app.exception
    assert app.error
    wrong = app.error[0].value
    assert any(caption.value == wrong for caption in app.caption)  # next to the button
    app.session_state["settings"] = False
    app.run()
    assert _button(app, "train_start").disabled


@pytest.mark.parametrize(
    ("status", "told", "now"),
    [
        ({"state": "starting"}, False, "Start TensorFlow"),
        ({"state": "starting", "step": 1}, False, "Load the digits"),
        ({"state": "training"}, False, "Build the network"),
        ({"state": "training"}, True, "First steps"),
    ],
)
def test_what_happens_before_the_first_point_is_shown(training, status, told, now):
    (training.folder / "events.jsonl").unlink(missing_ok=True)
    runs.write_status(training.folder, status)
    if told:
        parts, watched = {"train": 8, "validation": 2, "test": 1}, np.zeros((10, 28, 28), np.uint8)
        Recorder(training.folder)(Started(parts, watched, np.arange(10, dtype=np.uint8)))
    app = _app()
    [steps] = [element.proto.body for element in app.get("html") if '<ol class="ink-steps' in element.proto.body]
    assert f'<li class="now">{now}</li>' in steps
    assert not app.get("plotly_chart")


def test_each_preset_begins_with_its_own_values():
    app = _unfold(_app())
    assert app.number_input(key="epochs_quick").value == 2
    next(group for group in app.get("button_group") if group.key == "preset").set_value("best").run()
    assert app.number_input(key="epochs_best").value == 25
    assert app.selectbox(key="network_best").value == "inkling"


def test_limits_bound_the_form(monkeypatch, launched):
    monkeypatch.setenv("DIGIT_MOST_EPOCHS", "1")
    app = _app()
    _button(app, "train_start").click().run()
    assert runs.list_runs()[0].settings.epochs == 1
    app.query_params.clear()
    app = _unfold(app)
    app.number_input(key="epochs_quick").set_value(2).run()
    assert "Epochs must be between 1 and 1." in app.error[0].value


def test_where_training_is_switched_off_it_is_hidden_with_a_word(monkeypatch):
    monkeypatch.setenv("DIGIT_ALLOW_TRAINING", "false")
    app = _app()
    assert not app.exception
    assert "switched off" in app.info[0].value
    assert _button(app, "train_start") is None
    assert "Teach it my handwriting" not in [heading.value for heading in app.subheader]


def _entered():
    """The page behind the entry script, so that it can link to others."""
    return AppTest.from_file(ENTRY, default_timeout=60).run().switch_page("pages/train.py").run()


@pytest.fixture
def taught() -> StoredModel:
    """A model that another server taught earlier."""
    before_and_after = {"own_before": 0.5, "own_after": 0.9, "base_before": 0.99, "base_after": 0.99}
    about = {"from": "lenet5", "corrections": 30, "kept_apart": 9, "base": "builtin", **before_and_after}
    return store.copy(store.find("lenet5"), "my-hand", taught=about)


def test_what_was_taught_is_shown_used_and_undone_whoever_taught_it(taught):
    app = _entered()
    assert [metric.value for metric in app.metric] == ["90.00%", "99.00%"]
    _button(app, "teach_use").click().run()
    assert app.session_state["model"] == "my-hand"
    _button(app, "teach_undo").click().run()
    assert app.session_state["model"] == "lenet5"
    assert _button(app, "teach_use")
    assert not app.exception


def test_undo_brings_the_old_model_back_for_everybody(taught):
    store.choose_default("my-hand")
    app = _entered()
    _button(app, "teach_undo").click().run()
    assert not app.exception
    assert store.default_name() == "lenet5"
    assert _button(app, "teach_use")


def test_a_run_that_is_gone_is_told():
    app = AppTest.from_file(PAGE, default_timeout=60)
    app.session_state["framed"] = True
    app.query_params["run"] = "20260101-000000-abcd"
    app.run()
    assert not app.exception
    assert "no such run" in app.warning[0].value
    assert _button(app, "train_start") is not None


@pytest.fixture
def training(monkeypatch):
    """A training run: two epochs of four steps each, in the second epoch."""
    locks = []

    def launch(folder):
        runs.write_status(folder, {"state": "training", "epoch": 1})
        locks.append(lock_of(folder))
        locks[-1].acquire()
        recorder = Recorder(folder)
        watched = np.zeros((10, 28, 28), np.uint8)
        recorder(Started({"train": 8, "validation": 2, "test": 1}, watched, np.arange(10, dtype=np.uint8)))
        recorder(BatchEnd(1, 2, 4, 4, 0.5, 0.9))
        recorder(EpochEnd(1, 2, 0.5, 0.9, 0.4, 0.91))
        recorder(Glimpse(2, 1, np.eye(10)[[0, 1, 2, 3, 4, 5, 6, 7, 8, 8]].astype(np.float32)))
        recorder(BatchEnd(2, 2, 4, 4, 0.25, 0.95, images_per_second=1234.0, seconds_left=65.0))

    monkeypatch.setattr(runs, "_launch", launch)
    yield runs.start(settings_from("quick"), "*Under way*")
    for lock in locks:
        lock.release()


def test_whoever_comes_sees_the_run_that_trains(training):
    app = _app()
    assert not app.exception
    assert _button(app, "train_start") is None
    assert app.subheader[0].value == "\\*Under way\\*"
    [progress] = app.get("progress")
    assert progress.proto.text == "Epoch 2 of 2 · 1,234 digits a second · 65 s left"
    html = "\n".join(element.proto.body for element in app.get("html"))
    assert "9 of 10 correct" in html
    assert html.count('class="ink-glimpse wrong"') == 1
    _button(app, "train_stop").click().run()
    assert (training.folder / "stop").exists()
    assert _button(app, "train_stop").disabled


def test_a_worker_that_is_gone_shows_its_log_and_can_be_resumed(training):
    lock_of(training.folder)
    (training.folder / "log.txt").write_text("Epoch one\nKilled\n")
    runs.write_status(training.folder, {"state": "interrupted", "message": "Gone."})
    app = _app()
    app.query_params["run"] = training.id
    app.run()
    assert "Interrupted. Gone." in app.info[0].value.replace("\\", "")
    assert "Killed" in app.code[0].value
    assert _button(app, "train_resume") is not None


def test_folding_the_settings_does_not_forget_them(launched):
    app = _unfold(_app())
    app.number_input(key="epochs_quick").set_value(7).run()
    app.session_state["settings"] = False
    app.run()
    assert "7 epochs" in app.caption[0].value
    app.session_state["settings"] = True
    app.run()
    assert app.number_input(key="epochs_quick").value == 7
    _button(app, "train_start").click().run()
    [run] = runs.list_runs()
    assert run.settings == replace(settings_from("quick"), epochs=7)  # all other settings keep the preset's values


def test_a_wrong_number_in_folded_settings_does_not_change_the_digits():
    app = _unfold(_app())
    app.number_input(key="epochs_quick").set_value(99_999).run()
    app.session_state["settings"] = False
    app.run()
    app.session_state["settings"] = True
    app.run()
    assert app.selectbox(key="data_quick").value == "mnist"


def test_a_run_stays_in_view_when_it_has_ended(training):
    app = _app()
    runs.write_status(training.folder, {"state": "stopped", "message": "What it had learnt is kept."})
    app.run()
    assert app.subheader[0].value == "\\*Under way\\*"
    assert "Stopped. What it had learnt is kept." in app.info[0].value.replace("\\", "")
