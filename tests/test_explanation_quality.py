"""Deletion and insertion for a network whose decision rule is known, and the cached figures."""

from dataclasses import replace

import numpy as np
import pytest

from digit_core.explanation import quality
from digit_core.models import store


def left_half(digits: np.ndarray) -> np.ndarray:
    """Its probability of 3 is the number of inked pixels in the left half / 20, at most 1."""
    share = np.minimum((digits[:, :, :14] > 0).sum((1, 2)) / 20, 1)
    found = np.zeros((len(digits), 10))
    found[:, 3], found[:, 8] = share, 1 - share
    return found


@pytest.fixture
def two_bars():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 5] = image[4:24, 22] = 255
    return image


def test_the_right_order_is_best_and_the_reverse_worst(two_bars):
    order = np.zeros((28, 28))
    order[:, :14] = 1
    deletion, insertion = quality.area_under(left_half, two_bars, order, 3)
    reverse_deletion, reverse_insertion = quality.area_under(left_half, two_bars, -order, 3)
    assert deletion == pytest.approx(0.25)  # falls to 0 over the first half of the ink
    assert insertion == pytest.approx(0.75)
    assert reverse_deletion == pytest.approx(0.75)
    assert reverse_insertion == pytest.approx(0.25)


def _unmeasured(model):
    return replace(model, card={name: said for name, said in model.card.items() if name != "explanations"})


def test_figures_are_kept_and_broken_ones_are_none(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    monkeypatch.setattr(quality, "MEASURED_ON", 3)
    model = _unmeasured(store.find("lenet5"))
    assert quality.kept(model, "builtin") is None
    told = []
    quality.keep(model, "builtin", told.append)
    found = quality.kept(model, "builtin")
    assert set(found) == {"occlusion", "Grad-CAM", "random order"}
    assert all(0 <= own.deletion <= 1 and 0 <= own.insertion <= 1 for own in found.values())
    assert found["random order"].shuffled is None
    assert told == sorted(told)
    with monkeypatch.context() as patch:  # maps with other settings have no figures yet
        patch.setattr(quality.occlusion, "SETTINGS", quality.occlusion.Settings(patch=5))
        assert quality.kept(model, "builtin") is None
    [file] = (tmp_path / "neighbours").glob("*.json")
    file.write_text('{"occlusion": {"deletion": "much"}}')
    assert quality.kept(model, "builtin") is None


def test_figures_are_recorded_in_a_card(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    monkeypatch.setattr(quality, "MEASURED_ON", 3)
    mine = store.copy(_unmeasured(store.find("lenet5")), "mine")
    quality.keep(mine, "builtin")
    measured = quality.kept(mine, "builtin")
    quality.record(mine, "builtin")
    [file] = (tmp_path / "neighbours").glob("*.json")
    file.unlink()
    assert quality.kept(store.find("mine"), "mnist") == measured
    monkeypatch.setattr(quality, "WAY", 0)  # an earlier version of the maps
    assert quality.kept(store.find("mine"), "mnist") is None


def test_the_cards_of_shipped_models_hold_the_figures_of_todays_maps(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    for model in store.list_models():
        assert quality.kept(model, "mnist"), f"python -m digit_core inside --model {model.name} --record"
