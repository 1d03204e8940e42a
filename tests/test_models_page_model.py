"""A stored page network is used only if it is complete and unmodified."""

import numpy as np
import pytest

from digit_core.models import page_model
from digit_core.models.store import ModelError

WEIGHTS = {
    "page": [np.arange(4, dtype=np.float32), np.ones((2, 3), np.float32)],
    "mark": [np.ones(2, np.float32)],
    "line": [np.zeros(5, np.float32)],
}


def test_what_was_saved_is_read(tmp_path):
    page_model.save(tmp_path / "page", b"litert", b"mark", b"line", WEIGHTS, {"tiles": 5})
    model = page_model.read(tmp_path / "page")
    assert model.card["tiles"] == 5
    assert model.litert_bytes() == b"litert"
    assert (model.mark_bytes(), model.line_bytes()) == (b"mark", b"line")
    for name, own in WEIGHTS.items():
        for saved, read in zip(own, model.weights()[name], strict=True):
            np.testing.assert_array_equal(saved, read)


def test_ones_own_takes_the_shipped_ones_place(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    shipped = page_model.find()
    assert shipped.folder.name == "page"
    own = page_model.save(page_model.own_folder(), b"litert", b"mark", b"line", WEIGHTS, {})
    assert page_model.find() == own != shipped


@pytest.mark.parametrize("file", [page_model.LITERT, page_model.MARK, page_model.LINE, page_model.WEIGHTS])
def test_a_changed_file_is_not_used(tmp_path, file):
    model = page_model.save(tmp_path / "page", b"litert", b"mark", b"line", WEIGHTS, {})
    (model.folder / file).write_bytes(b"other")
    readers = {page_model.LITERT: model.litert_bytes, page_model.MARK: model.mark_bytes}
    readers |= {page_model.LINE: model.line_bytes, page_model.WEIGHTS: model.weights}
    with pytest.raises(ModelError, match="damaged"):
        readers[file]()


@pytest.mark.parametrize("card", ["", "{}", "[]", '{"files": 3}', "[" * 100_000])
def test_a_broken_card_is_named(tmp_path, card):
    (tmp_path / "card.json").write_text(card)
    with pytest.raises(ModelError, match="card"):
        page_model.read(tmp_path)
    with pytest.raises(ModelError, match="card"):
        page_model.read(tmp_path / "nowhere")


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ModelError, match="something else"):
        page_model.save(tmp_path, b"litert", b"mark", b"line", WEIGHTS, {})
    assert (tmp_path / "mine.txt").read_text() == "precious"
