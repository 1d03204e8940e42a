import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from digit_core import Recognizer, paths
from digit_core.models import store as model_store
from digit_core.models.store import ModelError


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    return tmp_path


def _copy(name, own_home, source="simple_cnn"):
    folder = own_home / "models" / name
    shutil.copytree(paths.SHIPPED_MODELS / source, folder)
    return folder


def test_the_default_model_is_shipped_and_listed_first():
    models = model_store.list_models()
    assert models[0].name == model_store.DEFAULT_MODEL
    assert [model.is_default for model in models] == [True] + [False] * (len(models) - 1)
    assert {"simple_cnn", "lenet5"} <= {model.name for model in models}


@pytest.mark.parametrize(("name", "least"), [("inkling", 0.9965), ("simple_cnn", 0.992), ("lenet5", 0.988)])
def test_shipped_models_reached_their_bars(name, least):
    card = model_store.find(name).card
    assert card["metrics"]["test_accuracy"] >= least
    assert card["data"]["test"]["digits"] == 10_000


def test_cards_and_files_agree():
    for model in model_store.list_models():
        for file, facts in model.card["files"].items():
            content = (model.folder / file).read_bytes()
            assert facts == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_a_shipped_name_cannot_be_taken(own_home):
    with pytest.raises(ModelError, match="comes with Inkling"):
        model_store.check_target("lenet5")
    _copy("lenet5", own_home)  # a copy made by hand does not replace the shipped model
    assert model_store.find("lenet5").folder == paths.SHIPPED_MODELS / "lenet5"


def test_a_folder_that_cannot_be_written_is_named_beforehand(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        model_store.check_target("mine", tmp_path / "file")


@pytest.mark.parametrize("home", ["/dev/null/x", "~nosuchuser/x", "x" * 3000])
def test_a_home_that_cannot_be_does_not_keep_shipped_models_from_reading(monkeypatch, home):
    monkeypatch.setenv("DIGIT_HOME", home)
    assert model_store.find().is_default
    assert model_store.list_models()


def test_an_unknown_model_names_the_known_ones():
    with pytest.raises(ModelError, match="simple_cnn"):
        Recognizer.load("nobody")


@pytest.mark.parametrize("name", ["", "..", "../simple_cnn", "/etc", "a/b", "UPPER", "ö", "a" * 65, ".hidden", "a\n"])
def test_only_plain_names_are_taken(name):
    with pytest.raises(ModelError):
        model_store.check_target(name)
    with pytest.raises(ModelError):
        model_store.find(name)


def test_a_changed_model_file_is_refused(own_home):
    folder = _copy("changed", own_home)
    content = bytearray((folder / "model.tflite").read_bytes())
    content[-1] ^= 1
    (folder / "model.tflite").write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        Recognizer.load("changed")


@pytest.mark.parametrize("content", [b"", b"no network", bytes(1000)])
def test_a_file_that_is_no_network_is_named_though_its_digest_is_right(own_home, content):
    folder = _copy("odd", own_home)
    (folder / "model.tflite").write_bytes(content)
    card = json.loads((folder / "card.json").read_text())
    card["files"]["model.tflite"] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="holds no network"):
        Recognizer.load("odd")


def test_a_missing_model_file_is_named(own_home):
    (_copy("half", own_home) / "model.tflite").unlink()
    with pytest.raises(ModelError, match="half"):
        Recognizer.load("half")


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"files": 3}', '{"files": {"model.tflite": {}}}'])
def test_a_broken_card_hides_its_own_model_only(own_home, card):
    (_copy("odd", own_home) / "card.json").write_text(card)
    assert "odd" not in {model.name for model in model_store.list_models()}
    assert model_store.find("simple_cnn")
    with pytest.raises(ModelError, match="card"):
        model_store.find("odd")


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": "many"},
        {"metrics": {"test_accuracy": "high"}},
        {"metrics": []},
        {"created": "yesterday"},
        {"settings": {"architecture": 3}},
        {"files": {"model.keras": {}, "model.tflite": {}}},
        {"name": None},
    ],
)
def test_a_card_with_text_where_a_number_belongs_hides_its_own_model_only(own_home, change):
    folder = _copy("odd", own_home)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | change))
    assert "odd" not in {model.name for model in model_store.list_models()}
    with pytest.raises(ModelError, match="card"):
        model_store.find("odd")


def test_a_pipe_or_a_deeply_nested_card_keeps_nobody_waiting(own_home):
    nested, pipe = _copy("nested", own_home), _copy("pipe", own_home)
    (nested / "card.json").write_text("[" * 200_000)
    (pipe / "card.json").unlink()
    os.mkfifo(pipe / "card.json")
    assert not {"nested", "pipe"} & {model.name for model in model_store.list_models()}


def test_a_crash_while_writing_leaves_the_old_folder_whole(tmp_path):
    target = tmp_path / "model"
    with paths.replacing_folder(target) as scratch:
        (scratch / "a").write_text("first")
    with pytest.raises(ZeroDivisionError), paths.replacing_folder(target) as scratch:
        (scratch / "a").write_text("half" * (1 // 0))
    assert (target / "a").read_text() == "first"
    with paths.replacing_folder(target) as scratch:
        (scratch / "a").write_text("second")
    assert (target / "a").read_text() == "second"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.slow
def test_a_saved_model_can_be_found_and_reads(own_home):
    from digit_core.training.architectures import build_lenet5

    model = build_lenet5()
    about = {
        "settings": {"architecture": "lenet5"},
        "parameters": model.count_params(),
        "data": {"name": "none"},
        "metrics": {"test_accuracy": 0.1},
    }
    digits = np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)
    stored = model_store.save(model, "mine", about, digits)
    assert stored.folder == own_home / "models" / "mine"
    card = json.loads((stored.folder / "card.json").read_text())
    assert card["parameters"] == 61_706
    assert (card["exports"]["litert"]["digits"], card["exports"]["litert"]["agreement"]) == (4, 1.0)
    expected = model.predict(digits[..., None].astype(np.float32) / 255, verbose=0)
    np.testing.assert_allclose(Recognizer.load("mine").classify(digits), expected, atol=1e-5)


def test_what_a_killed_process_left_behind_is_mended(tmp_path, monkeypatch):
    """Killed after moving the old folder aside, before moving the new one in: the old folder is restored."""
    target = tmp_path / "model-2"
    with paths.replacing_folder(target) as scratch:
        (scratch / "a").write_text("first")
    target.rename(tmp_path / ".model-2-abcd_123.inkling-old")
    (tmp_path / ".model-2-abcd_123.inkling-new").mkdir()
    (tmp_path / ".vim-a.old").mkdir()  # belongs to another program
    paths.recover_folders(tmp_path)
    assert not target.exists()  # another process may be replacing it right now
    now = time.time()
    monkeypatch.setattr(paths.time, "time", lambda: now + 60)
    paths.recover_folders(tmp_path)
    assert (target / "a").read_text() == "first"
    monkeypatch.setattr(paths.time, "time", lambda: now + 48 * 3600)
    paths.recover_folders(tmp_path)
    assert sorted(tmp_path.iterdir()) == [tmp_path / ".vim-a.old", target]
    paths.recover_folders(tmp_path / "nowhere")


@pytest.mark.slow
def test_killed_at_any_moment_a_folder_is_whole(tmp_path, monkeypatch):
    """Kill a process that keeps replacing one folder, at twenty random moments."""
    program = (
        "import sys, itertools; from pathlib import Path; from digit_core import paths\n"
        "for i in itertools.count():\n"
        "    with paths.replacing_folder(Path(sys.argv[1])) as folder:\n"
        "        (folder / 'a').write_text(str(i)); (folder / 'b').write_text(str(i))\n"
        "    print(i, flush=True)\n"
    )
    target, rng, now = tmp_path / "model", np.random.default_rng(1), time.time()
    for _ in range(20):
        with subprocess.Popen([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
        monkeypatch.setattr(paths.time, "time", lambda: now + 3600)
        paths.recover_folders(tmp_path)
        monkeypatch.undo()
        assert (target / "a").read_text() == (target / "b").read_text() != ""


def test_ones_own_model_can_be_renamed_and_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    mine = model_store.copy(model_store.find("lenet5"), "mine")
    renamed = model_store.rename(mine, "yours")
    assert renamed.litert_bytes() == model_store.find("lenet5").litert_bytes()
    assert renamed.card["name"] == "yours"
    with pytest.raises(ModelError, match="no model called 'mine'"):
        model_store.find("mine")
    model_store.delete(renamed)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "thesis.txt").write_text("precious")
    with pytest.raises(ModelError, match="something other than a model"):
        model_store.check_target("docs", tmp_path)
    assert model_store.check_target("new", tmp_path) == tmp_path / "new"


@pytest.mark.parametrize("name", ["inkling", "taken", "../x", ""])
def test_a_model_keeps_its_name_where_the_new_one_will_not_do(tmp_path, monkeypatch, name):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    mine = model_store.copy(model_store.find("lenet5"), "mine")
    model_store.copy(model_store.find("lenet5"), "taken")
    with pytest.raises(ModelError):
        model_store.rename(mine, name)
    assert model_store.find("mine")


def test_shipped_models_stay():
    for change in (model_store.delete, lambda model: model_store.rename(model, "other")):
        with pytest.raises(ModelError, match="comes with Inkling"):
            change(model_store.find("lenet5"))


def test_a_model_that_cannot_be_read_is_named_in_the_log(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    (tmp_path / "models" / "odd").mkdir(parents=True)
    (tmp_path / "models" / "odd" / "card.json").write_text("{}")
    model_store.list_models()
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "odd" in record.getMessage()


def test_a_start_from_another_folder_finds_the_same_home(tmp_path, monkeypatch):
    monkeypatch.delenv("DIGIT_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert paths.home() == paths.PROJECT / ".inkling"


def test_workers_are_told_a_relative_home_as_an_absolute_one(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", "own")
    monkeypatch.chdir(tmp_path)
    assert paths.home() == tmp_path / "own"
    assert paths.environment()["DIGIT_HOME"] == str(tmp_path / "own")  # they start in another folder
