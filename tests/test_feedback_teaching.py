"""Teaching a network from corrections: what it learns and retains, and that held corrections do not count."""

import json

import numpy as np
import pytest

from digit_core.cli import main as cli
from digit_core.data import datasets
from digit_core.data.datasets import Split
from digit_core.feedback import corrections, teaching
from digit_core.feedback.corrections import Correction
from digit_core.feedback.database import FeedbackError
from digit_core.models import store as model_store
from digit_core.models.store import ModelError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def saved(labels, held: bool = False, first: int = 0, **about) -> None:
    image = np.zeros((28, 28), np.uint8)
    corrections.save([
        Correction(0, int(label), image + place, held=held, **about) for place, label in enumerate(labels, first)
    ])  # fmt: skip


def test_about_a_quarter_is_kept_apart_and_stays_apart():
    saved([3] * 60 + [5])
    lessons = teaching.lessons()
    assert 5 <= len(lessons.apart) <= 28
    assert 5 in lessons.train.labels  # some of each digit is used for training
    saved([3] * 30 + [5] * 20, first=100)
    more = teaching.lessons()
    assert len(more.apart) > len(lessons.apart)
    assert pixels(lessons.apart) <= pixels(more.apart)
    assert pixels(lessons.train) <= pixels(more.train)


def pixels(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.images}


def test_a_picture_that_several_sessions_correct_counts_once_and_not_if_they_disagree():
    """As after a reload, or where people correct the same sample: none must be learnt and measured at once."""
    saved([3] * 40, session="a")
    saved([3] * 39 + [5], session="b")
    lessons = teaching.lessons()
    assert len(lessons.train) + len(lessons.apart) == 39
    assert not pixels(lessons.train) & pixels(lessons.apart)


def test_too_few_teach_nothing_and_what_is_held_does_not_count():
    saved([1, 2])
    saved([7] * 9, held=True)
    with pytest.raises(FeedbackError, match="2 corrections"):
        teaching.lessons()


def test_a_host_chooses_its_default_model():
    assert model_store.default_name() == "inkling"
    model_store.choose_default("lenet5")
    assert model_store.find().name == "lenet5"
    assert [model.name for model in model_store.list_models() if model.is_default] == ["lenet5"]
    mine = model_store.copy(model_store.find("resnet"), "mine")
    model_store.choose_default("mine")
    other = model_store.rename(mine, "other")
    assert model_store.default_name() == "other"
    model_store.delete(other)
    assert model_store.default_name() == "inkling"
    model_store.copy(model_store.find("simple_cnn"), "other")  # a different model with the same name
    assert model_store.default_name() == "inkling"
    model_store.choose_default("other")
    (model_store.find().folder / "card.json").write_text("{}")  # damaged
    assert model_store.default_name() == "inkling"
    with pytest.raises(ModelError, match="no model"):
        model_store.choose_default("nobody")
    for broken in ("nobody", "../secret", "\x00", "lenet5\nx"):
        (model_store.paths.home() / "default-model.txt").write_text(broken)
        assert model_store.default_name() == "inkling"


@pytest.mark.slow
def test_a_hand_is_learnt_and_nothing_forgotten():
    """A writer's 4 looks like a mirrored 9: the network learns it and still reads the built-in digits."""
    from digit_core.training import adaptation

    base = datasets.load("builtin")
    nines = base.train.images[base.train.labels == 9][:24, :, ::-1]
    own = Split(nines[:12], np.full(12, 4, np.uint8))
    apart = Split(nines[12:], np.full(12, 4, np.uint8))
    steps = []
    settings = adaptation.AdaptationSettings(loss_allowed=0.02)
    adapted = adaptation.adapt(model_store.find("lenet5"), own, base, settings, apart, lambda *step: steps.append(step))
    assert steps[-1] == (200, 200)
    assert adapted.kept_apart
    assert adapted.before.accuracy == 0
    assert adapted.after.accuracy > 0.6
    assert adapted.base_after.accuracy >= adapted.base_before.accuracy - 0.02


@pytest.mark.slow
def test_the_same_corrections_give_the_same_network():
    from digit_core.training import adaptation

    base = datasets.load("builtin")
    own = Split(base.train.images[:9], base.train.labels[:9])
    settings = adaptation.AdaptationSettings(steps=10, loss_allowed=1)
    once, again = (adaptation.adapt(model_store.find("lenet5"), own, base, settings) for _ in range(2))
    for first, second in zip(once.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.mark.slow
def test_stopped_it_changes_nothing():
    from digit_core.training import adaptation

    base = datasets.load("builtin")
    own = Split(base.train.images[:9], base.train.labels[:9])
    assert adaptation.adapt(model_store.find("lenet5"), own, base, should_stop=lambda: True) is None


@pytest.mark.slow
def test_the_command_teaches_measures_and_stores(monkeypatch, capsys):
    monkeypatch.delenv("DIGIT_DATA_DIR", raising=False)  # forgetting is measured on the built-in digits
    command = ["teach", "--model", "lenet5", "--name", "hand", "--json"]
    assert cli.main(command) == 1
    assert "At least 5 are needed" in capsys.readouterr().err
    digits = datasets.load("builtin").test
    pairs = zip(digits.images[:60], digits.labels[:60], strict=True)
    corrections.save([Correction(0, int(label), image) for image, label in pairs])
    assert cli.main(command) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert said[0] == {"done": 5, "of": 200}
    card = model_store.find("hand").card
    assert card["taught"]["from"] == "lenet5"
    assert card["taught"]["corrections"] + card["taught"]["kept_apart"] == 60
    assert said[-1]["own_after"] >= said[-1]["own_before"]
    assert card["metrics"]["test_accuracy"] == pytest.approx(said[-1]["base_after"], abs=1e-4)
    assert cli.main(command) == 1  # the name is taken
