"""The evaluation page without a browser, on the built-in digits."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from digit_core.data import datasets, mnist
from digit_core.evaluation import cache
from digit_core.models import store as model_store
from ui import address, inside_digit

PAGE = str(Path(__file__).resolve().parent.parent / "pages" / "evaluate.py")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    monkeypatch.setenv("DIGIT_DATA_DIR", str(tmp_path))


def _open(**parameters):
    app = AppTest.from_file(PAGE, default_timeout=60)
    app.session_state["framed"] = True
    for name, value in {"model": "lenet5", "data": "builtin", **parameters}.items():
        app.query_params[name] = value
    return app.run()


def _button(app, key):
    return next((button for button in app.button if button.key == key), None)


def _written(app):
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


@pytest.fixture
def result():
    return cache.assess("lenet5", datasets.load("builtin").test)


def test_the_numbers_are_those_of_the_evaluation(result):
    app = _open()
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Read right"] == f"{result.accuracy:.2%}"
    assert shown["Misread"] == f"{result.errors:,}"
    assert shown["Log loss"] == f"{result.log_loss:.4f}"
    low, high = result.interval
    assert f"{low:.2%} to {high:.2%}" in _written(app)
    assert f"the {result.digits:,} test digits of the built-in set" in _written(app).replace("\\", "")


def test_page_and_command_line_agree(result, capsys):
    import json

    from digit_core.cli import main as cli

    assert cli.main(["evaluate", "--model", "lenet5", "--data", "builtin", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    shown = {metric.label: metric.value for metric in _open().metric}
    assert shown["Read right"] == f"{told['accuracy']:.2%}"
    assert shown["In two guesses"] == f"{told['top2']:.2%}"


def test_a_cell_in_the_address_shows_its_digits(result):
    true, predicted, count = result.confusions()[0]
    app = _open(cell=f"{true}{predicted}")
    assert f"{true} read as {predicted}: {count}" in _written(app)
    places = np.flatnonzero((result.labels == true) & (result.predictions == predicted))
    assert all(_button(app, f"digit_{place}") for place in places)
    _button(app, "cell_none").click().run()
    assert "cell" not in app.query_params
    assert f"the most confident first: {result.errors}" in _written(app)


def test_a_confused_pair_and_a_digit_are_one_click_away(result, monkeypatch):
    monkeypatch.setattr(inside_digit, "link", lambda *about: None)  # its page does not exist without the entry script
    true, predicted, _ = result.confusions()[0]
    app = _open()
    _button(app, f"pair_{true}{predicted}").click().run()
    place = int(np.flatnonzero((result.labels == true) & (result.predictions == predicted))[0])
    _button(app, f"digit_{place}").click().run()
    assert not app.exception
    assert f"{predicted} with {result.confidence[place]:.1%}, then" in _written(app)
    _button(app, "opened_close").click().run()
    assert "digit" not in app.query_params


def test_filters_stand_in_the_address(result):
    wrong = result.predictions != result.labels
    app = _open(sure="60")
    kept = int((wrong & (result.confidence >= 0.6)).sum())
    assert f"the most confident first: {kept}" in _written(app)
    digit = int(result.labels[np.flatnonzero(wrong)[0]])
    app.selectbox(key="f_true").set_value(digit).run()
    assert app.query_params["true"] in (str(digit), [str(digit)])
    kept = int((wrong & (result.confidence >= 0.6) & (result.labels == digit)).sum())
    assert f"the most confident first: {kept}" in _written(app)


@pytest.mark.parametrize(
    "parameters",
    [
        {"cell": "99x", "digit": "-1", "page": "zzz"},
        {"cell": "٣٤", "true": "12", "sure": "1e9", "view": "<b>"},
        {"model": "../../etc", "data": "/etc/passwd"},
        {"view": "compare", "with": "nobody,,lenet5,simple_cnn,simple_cnn"},
        {"digit": "999999", "page": "99999999999"},
    ],
)
def test_an_address_from_anybody_does_no_harm(parameters):
    app = _open(**parameters)
    assert not app.exception
    assert app.metric or app.info


@pytest.mark.parametrize("view", address.VIEWS)
def test_every_view_opens_by_its_address(view):
    app = _open(view=view)
    assert not app.exception
    control = next(group for group in app.get("button_group") if group.key == "view")
    assert control.value == view


def test_models_are_compared_on_the_same_digits(result):
    other = cache.assess("simple_cnn", datasets.load("builtin").test)
    app = _open(view="compare", **{"with": "simple_cnn"})
    assert not app.exception
    mine = ((result.predictions == result.labels) & (other.predictions != other.labels)).sum()
    assert f"LeNet\\-5 alone is right on **{mine}** digits" in _written(app)
    assert "McNemar" in _written(app)


def test_a_model_that_has_gone_is_told():
    model_store.copy(model_store.find("lenet5"), "mine")
    assert not _open(model="mine").warning
    import shutil

    shutil.rmtree(model_store.find("mine").folder)
    app = _open(model="mine")
    assert not app.exception
    assert "mine is no longer there" in app.warning[0].value
    assert app.metric or app.info


def test_without_mnist_and_network_the_card_speaks(monkeypatch):
    def none(*arguments):
        raise OSError("no network")

    monkeypatch.setattr(mnist, "_download", none)
    app = _open(data="mnist")
    assert not app.exception
    accuracy = model_store.find("lenet5").card["metrics"]["test_accuracy"]
    assert f"{accuracy:.2%}" in app.info[0].value
    _button(app, "fetch_mnist").click().run()
    assert not app.exception
    assert "could not be downloaded" in app.warning[0].value
    app.selectbox(key="evaluated_data").set_value("builtin").run()
    assert app.metric or app.info


def test_own_digits_in_the_data_folder_are_offered(tmp_path, rng):
    np.savez(tmp_path / "own.npz", x_train=rng.integers(0, 255, (100, 28, 28), dtype=np.uint8), y_train=[1, 2] * 50)
    app = _open(data="own.npz")
    assert not app.exception
    assert "test digits of own.npz" in _written(app).replace("\\", "")


def test_where_nothing_can_be_kept_it_is_held_in_memory(tmp_path, monkeypatch):
    import streamlit as st

    st.cache_resource.clear()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "file"))
    app = _open()
    read = []
    monkeypatch.setattr(cache, "read_all", lambda *arguments: read.append(1))
    app.run()
    assert app.metric
    assert not read


def test_a_second_click_wins_over_the_url_of_before():
    app = _open()
    next(group for group in app.get("button_group") if group.key == "view").set_value("digits").run()
    del app.query_params["view"]  # the browser sent the next click before it had the new URL
    next(group for group in app.get("button_group") if group.key == "view").set_value("confidence").run()
    assert next(group for group in app.get("button_group") if group.key == "view").value == "confidence"
    assert app.query_params["view"] in ("confidence", ["confidence"])


def test_back_brings_the_view_back(monkeypatch):
    monkeypatch.setattr(address, "LAG", 0.0)  # nobody goes back within a second, except tests
    app = _open()
    next(group for group in app.get("button_group") if group.key == "view").set_value("digits").run()
    assert app.query_params["view"] in ("digits", ["digits"])
    del app.query_params["view"]  # as the browser's Back button does
    app.run()
    assert next(group for group in app.get("button_group") if group.key == "view").value == "mistakes"
    assert "view" not in app.query_params


def test_a_bad_own_file_is_named_without_the_servers_path(tmp_path):
    (tmp_path / "bad.csv").write_text("1,2\n")
    app = _open(data="bad.csv")
    assert not app.exception
    assert "bad" in app.error[0].value
    assert str(tmp_path) not in app.error[0].value
    assert _button(app, "fetch_mnist") is None
