"""Export and import of corrections; an invalid file changes nothing."""

import csv
import io
import zipfile

import numpy as np
import pytest

from digit_core.data import datasets
from digit_core.feedback import corrections, exchange
from digit_core.feedback.corrections import NO_DIGIT, Correction
from digit_core.feedback.database import FeedbackError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))


@pytest.fixture
def some() -> list[Correction]:
    digits = datasets.load("builtin").test
    made = [
        Correction(int(v), int(v), i, text="=1+1") for i, v in zip(digits.images[:6], digits.labels[:6], strict=True)
    ]
    made.append(Correction(3, NO_DIGIT, digits.images[6]))
    corrections.save(made)
    return made


def sure(images: np.ndarray) -> np.ndarray:
    """A model that contradicts no label."""
    return np.full((len(images), 10), 0.1)


def test_a_zip_holds_pictures_and_a_table(some):
    with zipfile.ZipFile(io.BytesIO(exchange.to_zip())) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("corrections.csv").decode())))
        assert {row["file"] for row in rows} | {"corrections.csv"} == set(archive.namelist())
    assert sorted(row["truth"] for row in rows) == sorted([*(str(c.truth) for c in some[:6]), "no digit"])
    assert {row["text"] for row in rows} == {"", "'=1+1"}  # escaped against formula injection


def test_what_was_exported_comes_back_and_never_twice(some, tmp_path):
    for name, content in (("own.npz", exchange.to_npz()), ("own.zip", exchange.to_zip())):
        (tmp_path / name).write_bytes(content)
        assert exchange.from_file(tmp_path / name, sure) == 0  # the same pixels come back
        corrections.remove([c.id for c in corrections.listed()])
        assert exchange.from_file(tmp_path / name, sure) == 6
        assert exchange.from_file(tmp_path / name, sure) == 0
        assert sorted(corrections.digits()[1]) == sorted(c.truth for c in some[:6])


def test_what_waits_for_a_look_is_exported_apart_from_what_may_teach(some):
    held = Correction(3, 5, some[0].image + 1, held=True)
    corrections.save([held])
    with np.load(io.BytesIO(exchange.to_npz())) as arrays:
        assert len(arrays["y_train"]) == 6
    with zipfile.ZipFile(io.BytesIO(exchange.to_zip())) as archive:
        assert f"held/{held.id}.png" in archive.namelist()
        rows = list(csv.DictReader(io.StringIO(archive.read("corrections.csv").decode())))
    assert {row["file"]: row["truth"] for row in rows}[f"held/{held.id}.png"] == "5"


@pytest.mark.parametrize("name", ["own.npz", "own.zip", "own.csv", "own.jsonl", "own.txt"])
@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"x,y\n1,2\n", b"PK\x03\x04" + b"\xff" * 60], ids=len)
def test_a_broken_file_changes_nothing_and_says_why(some, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FeedbackError, match=r"file|digits|table|zip|stroke|line|row|column|number"):
        exchange.from_file(tmp_path / name, sure)
    assert corrections.number() == 7


def test_digits_that_are_there_already_are_not_saved_again(some, tmp_path):
    (tmp_path / "own.npz").write_bytes(exchange.to_npz())
    assert exchange.from_file(tmp_path / "own.npz", sure) == 0
    assert corrections.number() == 7


def test_imported_labels_that_the_model_contradicts_wait_for_a_look(tmp_path):
    digits = datasets.load("builtin").test
    images, labels = digits.images[:10], digits.labels[:10].copy()

    def right(asked):
        places = [np.flatnonzero((images == image).all((1, 2)))[0] for image in asked]
        return np.eye(10)[digits.labels[:10][places]]

    labels[:3] = (labels[:3] + 1) % 10
    np.savez(tmp_path / "wrong.npz", x_train=images, y_train=labels)
    assert exchange.from_file(tmp_path / "wrong.npz", right) == 10
    assert corrections.number(held=True) == 3
    assert len(corrections.digits()[1]) == 7
    assert [c.held for c in corrections.listed(0, 3)] == [True] * 3  # held ones come first


def test_what_may_teach_becomes_a_file_to_train_on(some):
    file = exchange.kept_file()
    assert exchange.kept_file() == file  # the same corrections give the same file
    found = datasets.file_formats.read(file)["train"]
    assert sorted(found.labels) == sorted(c.truth for c in some[:6])
    corrections.remove([some[0].id])
    assert exchange.kept_file() != file
    corrections.remove([c.id for c in some])
    with pytest.raises(FeedbackError, match="no corrections"):
        exchange.kept_file()


def test_as_many_digits_as_allowed_come_with_a_heading_and_as_an_export(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "MOST_IMPORTED", 5)
    images = np.zeros((5, 28, 28), np.uint8)
    images[:, 10:18, 14] = 200
    images[:, 20, 10] = np.arange(5) + 90
    rows = [",".join(map(str, [3, *image.ravel()])) for image in images]
    (tmp_path / "own.csv").write_text("\n".join(["label," + ",".join(f"p{n}" for n in range(784)), *rows]) + "\n")
    assert exchange.from_file(tmp_path / "own.csv", sure) == 5
    (tmp_path / "own.zip").write_bytes(exchange.to_zip())
    corrections.remove([c.id for c in corrections.listed()])
    assert exchange.from_file(tmp_path / "own.zip", sure) == 5


def test_too_many_digits_are_refused(tmp_path):
    path = tmp_path / "many.npz"
    images = np.random.default_rng(0).integers(0, 255, (5001, 28, 28), dtype=np.uint8)
    np.savez(path, x_train=images, y_train=np.zeros(5001, np.uint8))
    with pytest.raises(FeedbackError, match="5,000"):
        exchange.from_file(path, sure)
    assert corrections.number() == 0
