"""Corrections on the Models page, without a browser: only the host's owner sees and edits them."""

import io
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from digit_core.data import datasets
from digit_core.feedback import corrections
from digit_core.feedback.corrections import Correction
from ui import visitor

ENTRY = str(Path(__file__).resolve().parent.parent / "streamlit_app.py")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))


@pytest.fixture
def some() -> list[Correction]:
    digits = datasets.load("builtin").test.images
    made = [
        Correction(7, 1, digits[0], "inkling", probability=0.001, held=True),
        Correction(7, 1, digits[1], "<b>x</b>", probability=0.2),
        Correction(4, 4, digits[2], "inkling", probability=0.9),
    ]
    corrections.save(made)
    return made


def opened(**session):
    app = AppTest.from_file(ENTRY, default_timeout=60).run()
    for name, value in {"corrections": True, **session}.items():
        app.session_state[name] = value
    app.switch_page("pages/models.py")
    app.run()
    assert not app.exception
    return app


def boxes(app) -> list[str]:
    return [box.label for box in app.checkbox]


def test_without_corrections_it_says_how_they_come():
    app = opened()
    assert any("Right?" in element.value for element in app.markdown)


def test_the_held_ones_come_first_and_are_let_teach(some):
    app = opened()
    assert boxes(app) == ["7 → 1"]
    app.checkbox(key=f"correction_{some[0].id}").check().run()
    app.button(key="corrections_approve").click().run()
    assert corrections.number(held=True) == 0
    assert sorted(corrections.digits()[1]) == [1, 1, 4]
    assert not app.exception


def test_all_like_one_are_mended_at_once(some):
    app = opened(corrections_which="all")
    assert boxes(app) == ["7 → 1", "7 → 1", "4"]
    app.checkbox(key=f"correction_{some[1].id}").check().run()
    app.toggle(key="corrections_alike").set_value(True).run()
    app.selectbox(key="corrections_truth").set_value(7).run()
    app.button(key="corrections_change").click().run()
    assert sorted(c.truth for c in corrections.listed()) == [4, 7, 7]
    app.checkbox(key=f"correction_{some[2].id}").check().run()
    assert not app.exception


def test_all_like_one_are_mended_on_every_page():
    images = np.arange(30 * 784).reshape(30, 28, 28).astype(np.uint8)
    corrections.save([Correction(7, 1, image, probability=n / 100) for n, image in enumerate(images)])
    app = opened(corrections_which="all")
    assert len(boxes(app)) == 24
    app.checkbox(key=f"correction_{corrections.listed()[0].id}").check().run()
    app.toggle(key="corrections_alike").set_value(True).run()
    app.button(key="corrections_delete").click().run()
    assert corrections.number() == 0
    assert not app.exception


def test_a_change_ends_the_selection_so_that_nothing_else_is_changed_with_it(some):
    corrections.save([Correction(7, 7, np.full((28, 28), n, np.uint8), probability=0.9) for n in range(5)])
    app = opened(corrections_which="all")
    app.checkbox(key=f"correction_{some[1].id}").check().run()
    app.toggle(key="corrections_alike").set_value(True).run()
    app.selectbox(key="corrections_truth").set_value(7).run()
    app.button(key="corrections_change").click().run()
    assert not app.exception
    assert not [key for key in (button.key for button in app.button) if key == "corrections_delete"]
    app.checkbox(key=f"correction_{some[1].id}").check().run()
    assert not app.toggle(key="corrections_alike").value


def test_files_are_made_before_they_are_handed_over(some):
    app = opened()
    assert not app.get("download_button") or not any("corrections" in b.proto.url for b in app.get("download_button"))
    before = len(app.get("download_button"))
    app.button(key="corrections_prepare").click().run()
    assert len(app.get("download_button")) == before + 2
    assert not app.exception


def test_one_is_deleted(some):
    app = opened(corrections_which="wrong")
    app.checkbox(key=f"correction_{some[0].id}").check().run()
    app.button(key="corrections_delete").click().run()
    assert corrections.number() == 2
    assert not app.exception


def test_a_file_of_digits_is_added_and_a_broken_one_says_why(some):
    packed = io.BytesIO()
    digits = datasets.load("builtin").test
    np.savez(packed, x_train=digits.images[10:20], y_train=digits.labels[10:20])
    app = opened()
    app.file_uploader(key="corrections_import").upload("own.npz", packed.getvalue(), "application/zip").run()
    app.button(key="corrections_add").click().run()
    assert corrections.number() == 13
    app.file_uploader(key="corrections_import").upload("own.npz", b"broken", "application/zip").run()
    app.button(key="corrections_add").click().run()
    assert corrections.number() == 13
    assert any("file" in error.value for error in app.error)
    assert not app.exception


def test_likely_label_errors_are_suggested(recognizer):
    digits = datasets.load("builtin").test
    images, labels = digits.images[:61], digits.labels[:61].astype(int)
    wrong = int(recognizer.classify(images).max(1).argmax())  # the one read with most confidence
    was, labels[wrong] = labels[wrong], (labels[wrong] + 3) % 10
    corrections.save([Correction(0, int(label), image) for image, label in zip(images, labels, strict=True)])
    app = opened(label_errors_data="corrections")
    assert any("of 61" in caption.value for caption in app.caption)
    assert any(f"{labels[wrong]}, likely {was}" in caption.value for caption in app.caption)


def test_digits_that_may_have_taught_a_model_are_read_by_the_others(recognizer):
    app = opened(label_errors_data="builtin train")
    assert any("learnt from the other digits only" in caption.value for caption in app.caption)
    app = opened(label_errors_data="builtin test")
    assert any("The model is confident" in caption.value for caption in app.caption)
    assert not app.exception


def test_where_a_password_is_set_only_who_knows_it_sees_corrections(some, monkeypatch):
    monkeypatch.setattr(visitor, "_password", lambda: "sesame")
    app = opened()
    assert boxes(app) == []
    app.text_input("owner_password").set_value("sesame").run()
    assert boxes(app) == ["7 → 1"]
    assert not app.exception


def test_other_visitors_of_a_public_host_see_nothing_of_it(some, monkeypatch):
    monkeypatch.setenv("DIGIT_PUBLIC", "true")
    assert boxes(opened(visitor_token="ab" * 32)) == []
    assert boxes(opened(visitor_token="ab" * 32, is_owner=True)) == ["7 → 1"]


def test_the_owner_looks_after_what_is_saved_also_when_nobody_is_asked_any_more(some, monkeypatch):
    monkeypatch.setenv("DIGIT_ALLOW_FEEDBACK", "false")
    app = opened(corrections_which="all")
    assert boxes(app) == ["7 → 1", "7 → 1", "4"]
