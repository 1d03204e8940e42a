"""Hundreds of damaged and hostile files: each is read or gets an error message, at low cost."""

import contextlib
import json
import shutil
from pathlib import Path

import hostile
import numpy as np
import pytest

from digit_core import UnreadableImageError, paths
from digit_core.data import file_formats
from digit_core.data.file_formats import DigitFileError
from digit_core.models import store as model_store
from digit_core.models.store import ModelError
from digit_core.pictures import image_files
from digit_core.runs import events as run_events
from digit_core.runs import store as runs
from digit_core.runs import wording as run_wording
from digit_core.training.settings import settings_from

pytestmark = pytest.mark.slow


def test_every_picture_file_is_read_or_gets_a_sentence(recognizer):
    sentences, read = [], 0
    for name, content in hostile.picture_files():
        try:
            assert isinstance(recognizer.read(image_files.decode(content)).text, str), name
            read += 1
        except UnreadableImageError as error:
            sentences.append(str(error))
    assert all(sentence.endswith(".") for sentence in sentences)
    assert len(sentences) + read >= 200
    assert len(sentences) >= 50  # without both outcomes, the corpus tests nothing
    assert read >= 20


def test_every_data_file_is_read_or_gets_a_sentence(tmp_path):
    sentences, read = [], 0
    for name, files in hostile.data_files():
        folder = tmp_path / name
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_bytes(content)
        try:
            digits = file_formats.read(folder / next(iter(files)))["train"]
            assert digits.images.shape == (len(digits.labels), 28, 28), name
            read += 1
        except DigitFileError as error:
            sentences.append(str(error))
    assert all(sentence.endswith(".") for sentence in sentences)
    assert len(sentences) + read >= 70
    assert len(sentences) >= 30
    assert read >= 5


@pytest.fixture
def own_home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    return tmp_path


def test_every_damaged_model_hides_only_itself(own_home):
    """A card without one of its parts, with odd values, or with odd content altogether."""
    shipped = {model.name for model in model_store.list_models()}
    card = json.loads((paths.SHIPPED_MODELS / "lenet5" / "card.json").read_text())
    cards = [json.dumps({key: value for key, value in card.items() if key != left_out}) for left_out in card]
    cards += [json.dumps(card | {key: value}) for key in card for value in hostile.ODD_VALUES]
    deeper = [("metrics", {}), ("taught", {"from": 1}), ("brought", "x"), ("brought", {"measured_on": 1}),
              ("metrics", {"test_accuracy": "high"}), ("parameters", 10**400)]  # fmt: skip
    cards += [json.dumps(card | {key: value}) for key, value in deeper]
    cards += hostile.ODD
    folder = own_home / "models" / "damaged"
    shutil.copytree(paths.SHIPPED_MODELS / "lenet5", folder)
    for text in cards:
        (folder / "card.json").write_bytes(text.encode(errors="surrogatepass"))
        assert {model.name for model in model_store.list_models()} - {"damaged"} == shipped
        with contextlib.suppress(ModelError):
            model_store.find("damaged").litert_bytes()
    assert len(cards) >= 28


DEEPER = {
    "about.json": [],
    "status.json": [
        json.dumps({"state": "finished", "result": {"validation": 1, "test": 1, "test_digits": 1, "best_epoch": 1,
                                                    "parameters": 1, "test_confusion": table}})
        for table in ([["a"] * 10] * 10, [[10**400] * 10] * 10, [[1, 2]], None)
    ],
    run_events.FILE: [
        json.dumps({"kind": "glimpse", "epoch": 1, "step": 1, "probabilities": [[0.1] * 10] * 2}) + "\n",
        json.dumps({"kind": "batch", "epoch": 10**400, "epochs": 1, "step": 1, "steps": 1, "loss": 0.1,
                    "accuracy": 0.1, "seconds": 1}) + "\n",
    ],
}  # fmt: skip


def test_every_damaged_run_hides_only_itself(own_home, monkeypatch):
    monkeypatch.setattr(runs, "_launch", lambda folder: runs.write_status(folder, {"state": "finished", "epoch": 2}))
    whole, damaged = runs.start(settings_from("quick")), runs.start(settings_from("quick"))
    count = 0
    for file in ("about.json", "status.json", run_events.FILE):
        path = damaged.folder / file
        good = path.read_text() if path.exists() else '{"kind": "batch", "epoch": 1, "step": 1}'
        values = json.loads(good)
        odd = [json.dumps({key: value for key, value in values.items() if key != left_out}) for left_out in values]
        odd += [json.dumps(values | {key: value}) for key in values for value in hostile.ODD_VALUES]
        for text in (*odd, *DEEPER.get(file, ()), *hostile.ODD):
            path.write_bytes(text.encode(errors="surrogatepass"))
            listed = runs.list_runs()
            assert whole.id in {run.id for run in listed}, text[:200]
            for run in listed:
                assert run_wording.title(run)
                story = run_events.Story(run.folder).update()
                run_wording.state(run, story.last, story.digits)
                assert run.result is None
                assert run.created.tzinfo
                assert story.glimpse is None or len(story.glimpse) == len(story.labels)
                runs.model(run)
            count += 1
        path.write_text(good)
    assert count >= 41
    assert damaged.id in {run.id for run in runs.list_runs()}


def test_the_corpus_is_the_same_every_time():
    for made in (hostile.picture_files, hostile.data_files):
        assert list(made()) == list(made())
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(hostile.scenes(), hostile.scenes(), strict=True))
