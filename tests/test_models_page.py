"""The models page without a browser."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from digit_core import paths
from digit_core.models import page_model, store
from ui import model_export, visitor

ENTRY = str(Path(__file__).resolve().parent.parent / "streamlit_app.py")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))


@pytest.fixture
def mine():
    """A user's own model."""
    return store.copy(store.find("lenet5"), "mine")


def _open(**session):
    app = AppTest.from_file(ENTRY, default_timeout=60).run()
    for name, value in session.items():
        app.session_state[name] = value
    app.switch_page("pages/models.py")
    return app.run()


def _unfold(app, name):
    app.session_state[f"card_{name}"] = True
    return app.run()


def _keys(app):
    return {button.key for button in app.button}


def _written(app):
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.error])


def test_every_model_is_in_the_table(mine):
    app = _open()
    assert not app.exception
    shown = app.dataframe[0].value
    assert len(shown) == len(store.list_models())
    accuracies = {100 * model.card["metrics"]["test_accuracy"] for model in store.list_models()}
    assert set(shown["Read right"]) == accuracies
    assert (shown["A digit here, ms"] > 0).all()


def test_the_networks_that_find_digits_have_a_card(tmp_path):
    app = _open()
    [shown] = [table.value for table in app.dataframe if "What it does" in table.value]
    assert list(shown["Network"]) == ["Page network", "Mark network", "Line network"]
    card = page_model.find().card
    assert list(shown["Parameters"]) == [f"{card[name]['parameters']:,}" for name in ("page", "mark", "line")]
    assert f"find {card['validation']['pages']['found']:.0%} of the digits" in _written(app)


def test_the_card_of_these_can_do_without_sources(tmp_path):
    shutil.copytree(paths.SHIPPED_PAGE_NETWORK, tmp_path / "page")
    card = json.loads((tmp_path / "page" / "card.json").read_text())
    (tmp_path / "page" / "card.json").write_text(json.dumps({**card, "sources": None}))
    app = _open()
    assert not app.exception
    assert [table for table in app.dataframe if "What it does" in table.value]


@pytest.mark.parametrize("broken", ["all", "validation", "line"])
def test_a_broken_card_of_these_hides_only_itself(tmp_path, broken):
    shutil.copytree(paths.SHIPPED_PAGE_NETWORK, tmp_path / "page")
    card = json.loads((tmp_path / "page" / "card.json").read_text())
    (tmp_path / "page" / "card.json").write_text("{}" if broken == "all" else json.dumps({**card, broken: None}))
    app = _open()
    assert not app.exception
    assert not [table for table in app.dataframe if "What it does" in table.value]
    assert len(app.dataframe[0].value) == len(store.list_models())


def test_a_model_is_read_with():
    app = _open()
    app.button(key="read_with_simple_cnn").click().run()
    assert not app.exception
    assert app.session_state["model"] == "simple_cnn"


def test_only_ones_own_models_can_be_changed(mine):
    app = _unfold(_unfold(_open(), "mine"), "lenet5")
    assert "rename_mine" in _keys(app)
    assert "rename_lenet5" not in _keys(app)
    assert "delete_yes_lenet5" not in _keys(app)


def test_a_model_is_renamed_and_stays_chosen(mine):
    app = _unfold(_open(model="mine"), "mine")
    app.text_input(key="name_mine").set_value("yours").run()
    app.button(key="rename_mine").click().run()
    assert not app.exception
    assert {model.name for model in store.list_models()} >= {"yours"}
    assert "mine" not in {model.name for model in store.list_models()}
    assert app.session_state["model"] == "yours"


@pytest.mark.parametrize("name", ["lenet5", "../x", "A b", "<b>"])
def test_names_that_will_not_do_are_told(mine, name):
    app = _unfold(_open(), "mine")
    app.text_input(key="name_mine").set_value(name).run()
    app.button(key="rename_mine").click().run()
    assert not app.exception
    assert app.error
    assert store.find("mine")


def test_a_model_is_deleted(mine):
    app = _unfold(_open(model="mine"), "mine")
    app.button(key="delete_yes_mine").click().run()
    assert not app.exception
    assert "mine" not in {model.name for model in store.list_models()}
    assert app.session_state["model"] is None
    assert not list(mine.folder.parent.glob(".mine*"))


def test_a_model_is_called_what_its_training_was(mine):
    store.copy(mine, "lenet5-20261128-120000-abcd", title="My *first*")
    app = _open()
    assert "My \\*first\\*" in _written(app)
    assert "My *first*" in list(app.dataframe[0].value["Model"])
    store.rename(store.find("lenet5-20261128-120000-abcd"), "renamed")
    assert store.find("renamed").title == ""


def test_on_a_public_host_others_models_are_not_shown_unless_a_link_names_them(mine, monkeypatch):
    monkeypatch.setenv("DIGIT_PUBLIC", "true")
    store.copy(mine, "theirs", owner="somebody else")
    shown = list(_open(visitor_token="ab" * 32).dataframe[0].value["Model"])
    assert "mine" in shown  # belongs to the host
    assert "theirs" not in shown
    assert "theirs" in list(_open(visitor_token="ab" * 32, model="theirs").dataframe[0].value["Model"])
    assert "theirs" in list(_open(is_owner=True).dataframe[0].value["Model"])


OWNERS = ("rename_", "delete_", "export_", "default_", "bring_start")


def _owners_buttons(app):
    return {prefix for prefix in OWNERS if any(key.startswith(prefix) for key in _keys(app))}


def test_visitors_of_a_public_host_change_and_export_nothing(mine, monkeypatch):
    monkeypatch.setenv("DIGIT_PUBLIC", "true")
    app = _unfold(_open(), "mine")
    assert not app.exception
    assert not _owners_buttons(app)


def test_a_password_alone_keeps_models_and_trainings_for_the_owner(mine, monkeypatch):
    monkeypatch.setattr(visitor, "_password", lambda: "sesame")
    app = _unfold(_open(visitor_token="ab" * 32), "mine")
    assert not _owners_buttons(app)
    app.text_input("owner_password").set_value("sesame").run()
    assert not app.exception
    assert _owners_buttons(app) == set(OWNERS)


def _until(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("works", [True, False])
def test_an_export_is_made_once_and_kept(mine, monkeypatch, works):
    made = []

    def instead(command, state):
        made.append(command["args"])
        if not works:
            raise subprocess.CalledProcessError(1, command["args"])
        Path(command["args"][-1]).write_bytes(b"exported")

    monkeypatch.setattr(model_export, "_run", instead)
    model_export.start(mine, "litert-int8")
    _until(lambda: not model_export.is_busy())
    assert made[0][3:] == ["export", "--model", "mine", "--format", "litert-int8", "--out", made[0][-1]]
    assert model_export.file_of(mine, "litert-int8").is_file() == works
    assert model_export.has_failed(mine, "litert-int8") != works
    app = _unfold(_open(), "mine")
    assert not app.exception
    assert ("LiteRT in 8 bits could not be written" in _written(app)) != works


def test_an_export_says_how_far_it_is(mine, monkeypatch, caplog):
    """Progress follows the output of its process; other exports wait meanwhile, and a failure is logged."""
    program = """
import pathlib, sys, time
for step in ("Starting TensorFlow", "Writing the file"):
    print(step, "...", file=sys.stderr, flush=True)
until = time.monotonic() + 20
while not pathlib.Path(sys.argv[1]).exists() and time.monotonic() < until:
    time.sleep(0.02)
sys.exit("broken")
"""
    go_on = mine.folder.parent.parent / "go_on"
    command = {"args": [sys.executable, "-c", program, str(go_on)]}
    monkeypatch.setattr(model_export.paths, "command", lambda *words: command)
    model_export.start(mine, "litert-int8")
    _until(lambda: model_export.progress()[1] == "Writing the file ...")
    assert 0 < model_export.progress()[0] < 1
    assert model_export.is_running(mine, "litert-int8")
    app = _unfold(_open(), "mine")
    assert [bar.text for bar in app.get("progress")] == ["LiteRT in 8 bits: Writing the file ..."]
    assert app.button(key="export_saved_model_mine").disabled
    model_export.start(mine, "saved_model")  # from an outdated page
    assert model_export.is_running(mine, "litert-int8")
    go_on.touch()
    _until(lambda: not model_export.is_busy())
    assert model_export.has_failed(mine, "litert-int8")
    assert not model_export.has_failed(mine, "saved_model")
    assert "broken" in caplog.text


def test_an_export_that_takes_too_long_is_ended(mine, monkeypatch, caplog):
    command = {"args": [sys.executable, "-c", "import time; time.sleep(60)"]}
    monkeypatch.setattr(model_export.paths, "command", lambda *words: command)
    monkeypatch.setattr(model_export, "LONGEST", 0.3)
    model_export.start(mine, "litert-int8")
    _until(lambda: not model_export.is_busy())
    assert model_export.has_failed(mine, "litert-int8")
    assert "timed out" in caplog.text


def test_a_folder_is_packed(mine, monkeypatch):
    def instead(command, state):
        Path(command["args"][-1]).mkdir()
        (Path(command["args"][-1]) / "saved_model.pb").write_bytes(b"x")

    monkeypatch.setattr(model_export, "_run", instead)
    model_export.start(mine, "saved_model")
    _until(lambda: not model_export.is_busy())
    assert model_export.file_of(mine, "saved_model").read_bytes().startswith(b"PK")
    assert len(list(model_export.file_of(mine, "saved_model").parent.iterdir())) == 1


@pytest.mark.slow
def test_a_network_is_brought_and_a_broken_one_says_why():
    app = _open()
    app.file_uploader(key="bring_file").upload("mine.tflite", store.find("lenet5").litert_bytes(), "x/y").run()
    app.text_input(key="bring_name").set_value("brought").run()
    app.button(key="bring_start").click().run(timeout=120)
    assert store.find("brought").card["brought"]["form"] == "LiteRT"
    assert "Added as a LiteRT file" in _written(app)
    app.file_uploader(key="bring_file").upload("mine.keras", b"PK broken", "x/y").run()
    app.text_input(key="bring_name").set_value("broken").run()
    app.button(key="bring_start").click().run(timeout=120)
    assert "This is no network of Keras 3" in _written(app)
    app.text_input(key="bring_name").set_value("../../broken").run()
    app.button(key="bring_start").click().run(timeout=120)
    assert "cannot be a model" in _written(app)
    assert not app.exception
