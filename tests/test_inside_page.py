"""The Inside page without a browser."""

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from digit_core import Recognizer
from digit_core.explanation import network, occlusion, stations
from digit_core.explanation.edits import Edit
from digit_core.models import store
from ui import address, grid, inside_digit, inside_view, neighbour_index, why
from ui.inside_digit import Subject

PAGE = str(Path(__file__).resolve().parent.parent / "pages" / "inside.py")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    monkeypatch.setattr(neighbour_index, "make", lambda model: None)  # tested separately


def _open(**parameters):
    app = AppTest.from_file(PAGE, default_timeout=60)
    app.session_state["framed"] = True
    for name, value in {"model": "lenet5", **parameters}.items():
        app.query_params[name] = value
    return app.run()


def _html(app) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def _written(app) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.info, *app.warning, *app.error])


def _digit(app) -> np.ndarray:
    return inside_digit.unpack(app.query_params["digit"])


def test_every_station_is_there():
    app = _open()
    assert not app.exception
    titles = re.findall(r'ink-station"><b>(\d)</b>([^<]*)', _html(app))
    assert [title for _, title in titles] == [
        "The picture", "The layers", "One pixel", "The evidence", "Ten sums, ten probabilities", "Digits like yours",
        "The map of all digits", "Through other eyes",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["inkling", "inkling-mnist", "lenet5", "resnet", "simple_cnn"])
def test_every_model_can_be_looked_into(name):
    app = _open(model=name)
    assert not app.exception
    own = network.network_of(store.find(name))
    shares = own.probabilities(_digit(app))
    assert f"{shares.max():.1%} sure" in _html(app)


def test_the_printed_sum_is_the_value_of_the_map():
    app = _open(layer="c3", map="5", pixel="2.7")
    own = network.network_of(store.find("lenet5"))
    value = own.run(_digit(app))["c3"][2, 7, 5]
    assert f"**Row 2, column 7 of map 5: {value:.3f}**".replace("-", "−") in _written(app)
    station = next(found for found in stations.stations(own) if found.name == "c3")
    assert f"{station.layers[0].kernel[..., 5].size} products" in _html(app)


def test_a_slider_changes_the_digit_and_the_address():
    app = _open()
    before = _html(app)
    app.slider(key="inside_turn").set_value(40.0).run()
    assert not app.exception
    assert app.query_params["edit"] == "turn_40"
    assert _html(app) != before
    app.button(key="inside_undo").click().run()
    assert not app.exception
    assert "edit" not in app.query_params
    assert app.slider(key="inside_turn").value == 0


def test_an_address_brings_digit_changes_and_layer_back(rng):
    image = np.zeros((28, 28), np.uint8)
    image[5:22, 12:15] = 255
    app = _open(digit=inside_digit.pack(image), edit="right_2~pen_1", layer="s2")
    assert np.array_equal(_digit(app), image)
    assert app.slider(key="inside_right").value == 2
    assert app.slider(key="inside_pen").value == 1
    assert app.select_slider(key="inside_layer").value == "s2"


@pytest.mark.parametrize(
    "parameters",
    [
        {"digit": "x"}, {"digit": "A" * 2000}, {"edit": "turn_nan~right_1e9~pen_~x_1~slant_inf"}, {"layer": "none"},
        {"map": "99999"}, {"map": "²"}, {"pixel": "1.2.3"}, {"pixel": "900.900"}, {"why": "x"}, {"beside": "x"},
        {"beside_model": "../x"}, {"model": "../../etc"}, {"model": "[x](http://x.y)"}, {"present": "2"},
    ],
    ids=str,
)  # fmt: skip
def test_addresses_that_cannot_be_are_passed_over(parameters):
    app = _open(**parameters)
    assert not app.exception
    assert "sure. The next likely is" in _html(app)


def test_a_blank_digit_is_an_invitation():
    app = _open(digit=inside_digit.pack(np.zeros((28, 28), np.uint8)))
    assert not app.exception
    assert "There is no ink left" in _written(app)


def test_another_digit_is_another_one():
    app = _open()
    before = _digit(app)
    app.button(key="inside_another").click().run()
    assert not np.array_equal(_digit(app), before)


def test_presenting_hides_the_controls():
    app = _open()
    app.button(key="present").click().run()
    assert app.query_params["present"] == "1"
    assert not app.slider
    app.button(key="present").click().run()
    assert app.slider


def test_an_untrained_network_knows_nothing():
    app = _open()
    assert "Untrained" in _written(app)
    app.selectbox(key="inside_other").set_value("simple_cnn").run()
    assert app.query_params["beside_model"] == "simple_cnn"
    assert "**Simple CNN**" in _written(app)


def test_a_digit_survives_the_address(rng):
    image = rng.integers(0, 256, (28, 28), np.uint8)
    assert np.array_equal(inside_digit.unpack(inside_digit.pack(image)), image)


def test_changes_survive_the_address():
    edit = Edit(turn=-12, pen=0.25, noise=0.1)
    assert inside_digit._edit_of(inside_digit._text_of(edit)) == edit


@pytest.mark.parametrize(
    "said", [None, "x", [["a", 1]], [[1]], [[-1, 0]], [[0, 4]], [[float("nan"), 0]], [[1e300, 0]], {}]
)
def test_cells_that_are_none_are_passed_over(said):
    assert grid._cells(said, 3, 4) == []


def test_cells_are_rows_and_columns():
    assert grid._cells([[2, 3], [0.0, 1.0]], 3, 4) == [(2, 3), (0, 1)]


@pytest.mark.slow
def test_a_network_that_was_trained_a_minute_ago():
    """Train, store and open a network: the page shows the confidence that its Keras model gives."""
    from digit_core.cli import main as cli

    assert cli.main(["train", "--architecture", "lenet5", "--data", "builtin", "--epochs", "2", "--name", "mine"]) == 0
    app = _open(model="mine")
    assert not app.exception
    assert app.selectbox(key="inside_model").value == "mine"
    digit = _digit(app)
    batch = digit[np.newaxis, ..., np.newaxis].astype(np.float32) / 255
    shares = store.find("mine").load_keras().predict(batch, verbose=0)[0]
    assert f"{shares.max():.1%} sure" in _html(app)


def test_a_model_that_has_gone_leaves_the_default_one():
    app = _open(model="gone")
    assert not app.exception
    assert "There is no model called gone here" in _written(app)
    assert app.selectbox(key="inside_model").value == "inkling"


def test_a_rerun_with_the_address_from_before_changes_nothing(monkeypatch):
    """A click soon after a change may arrive with the browser's previous URL."""
    monkeypatch.setattr(address, "LAG", 60.0)  # long enough for a slow machine
    app = _open(digit=inside_digit.pack(np.full((28, 28), 90, np.uint8)), layer="s2")
    before = dict(app.query_params)
    app.button(key="inside_another").click().run()
    digit = _digit(app)
    app.select_slider(key="inside_layer").set_value("c3").run()
    for name in ("digit", "layer"):
        app.query_params[name] = before[name]
    app.slider(key="inside_turn").set_value(5.0).run()
    assert np.array_equal(_digit(app), digit)
    assert app.select_slider(key="inside_layer").value == "c3"


def test_a_slider_that_moves_is_believed_and_not_the_address_that_comes_with_it(monkeypatch):
    monkeypatch.setattr(address, "LAG", 0.0)  # so no URL counts as stale
    app = _open()
    for turn in (4.0, 9.0):
        app.slider(key="inside_turn").set_value(turn).run()
    app.query_params["edit"] = "turn_4"
    app.slider(key="inside_turn").set_value(12.0).run()
    assert app.slider(key="inside_turn").value == 12
    assert app.query_params["edit"] == "turn_12"
    app.query_params["edit"] = "turn_4"  # the browser's Back button
    app.run()
    assert app.slider(key="inside_turn").value == 4


def _erased(app):
    """The page after ink was erased from a 5, as `rub_out` leaves it."""
    before = _digit(app)
    after = before.copy()
    after[:14] = 0
    app.session_state["inside_next"] = after
    app.session_state["inside_unrubbed"] = inside_digit.pack(after), inside_digit.pack(before)
    return app.run()


def test_what_was_erased_comes_back_and_belongs_to_that_digit_alone():
    app = _open()
    before = _digit(app)
    app = _erased(app)
    assert "Without your changes" in _written(app)
    assert "The digit, as the network sees it" in _pictures(app)
    app.session_state["inside_next"] = inside_digit.sample_digit(3)  # as from another page
    app.run()
    assert "Without your changes" not in _written(app)
    assert not [button for button in app.button if button.key == "inside_undo"]
    app.session_state["inside_next"] = before
    app = _erased(app.run())
    app.button(key="inside_undo").click().run()
    assert np.array_equal(_digit(app), before)


def _pictures(app) -> list[str]:
    return [picture.alt for group in app.get("image") for picture in group.proto.imgs]


def test_evidence_lies_on_ink_alone_whichever_map(rng):
    image = inside_digit.sample_digit(2)
    model = store.find("lenet5")
    own = network.network_of(model)
    subject = Subject(model, Recognizer.load("lenet5"), own, image, image, Edit(), own.run(image))
    maps = inside_view.evidence_maps(subject, occlusion.explain(subject.recognizer.classify, image), "cam")
    assert np.abs(maps[:, image >= occlusion.INKED]).max() > 0
    assert not maps[:, image < occlusion.INKED].any()


def test_a_model_that_is_deleted_while_it_is_shown_is_shown_to_the_end(monkeypatch):
    mine = store.copy(store.find("lenet5"), "mine")
    usual = inside_view.sums

    def deleted_meanwhile(subject):
        if mine.folder.exists():
            store.delete(mine)
        usual(subject)

    monkeypatch.setattr(inside_view, "sums", deleted_meanwhile)
    app = _open(model="mine", why="cam")
    assert not app.exception
    assert "ink-evidence" in _html(app)


def test_why_speaks_for_the_answer_that_was_given(recognizer):
    """The default model's answer also weighs how a mark looks on its page: the classifier alone may say otherwise."""
    image = inside_digit.sample_digit(2)
    found = occlusion.explain(recognizer.classify, image)
    alone = int(found.probabilities.argmax())
    assert "Alone, this network" not in why.in_words(found, alone, (alone + 1) % 10)
    said = why.in_words(found, (alone + 1) % 10, alone)
    assert re.search(rf"rather than an? {alone}\..*Alone, this network would read an? {alone}", said)
    assert "Erasing" not in said
