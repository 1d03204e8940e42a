import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pictures
import psutil
import pytest
from drawing import draw, number

from digit_core import paths
from digit_core.cli import main as cli
from digit_core.cli import predict
from digit_core.models import store as model_store
from digit_core.pictures import image_files
from digit_core.reading.result import Digit, Reading


@pytest.fixture
def folder(tmp_path):
    """Good and bad pictures, one of them in a subfolder, and an unrelated file."""
    (tmp_path / "below").mkdir()
    cv2.imwrite(str(tmp_path / "a.png"), draw(number("2026", 20, 60, 100), width=440, height=220, pen=10))
    cv2.imwrite(str(tmp_path / "below" / "b.jpg"), pictures.SEVEN)
    (tmp_path / "c.png").write_bytes(b"not a picture")
    (tmp_path / "notes.txt").write_text("7")
    return tmp_path


def _objects(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_folder_is_searched_and_each_picture_gets_one_object(folder, capsys):
    assert cli.main(["predict", "--json", str(folder)]) == 1  # one of them could not be read
    answers = {os.path.basename(answer["file"]): answer for answer in _objects(capsys)}
    assert set(answers) == {"a.png", "b.jpg", "c.png"}
    assert set(answers["a.png"]) == {"file", "text", "lines", "digits", "error"}
    assert (answers["a.png"]["text"], answers["a.png"]["lines"]) == ("2026", ["2026"])
    assert [digit["digit"] for digit in answers["a.png"]["digits"]] == [2, 0, 2, 6]
    assert set(answers["a.png"]["digits"][0]) == {"digit", "confidence", "trusted", "box"}
    assert answers["a.png"]["error"] is None
    assert answers["b.jpg"]["text"] == "7"
    assert "not a picture" in answers["c.png"]["error"]


def test_all_well_exits_with_0(folder, capsys):
    assert cli.main(["predict", str(folder / "a.png")]) == 0
    assert "2026" in capsys.readouterr().out


def test_a_missing_path_and_an_empty_folder_fail_with_a_sentence(tmp_path, capsys):
    assert cli.main(["predict", "--json", str(tmp_path / "missing.png")]) == 1
    assert _objects(capsys)[0]["error"]
    (tmp_path / "empty").mkdir()
    assert cli.main(["predict", str(tmp_path / "empty")]) == 1
    assert "no pictures" in capsys.readouterr().err


def test_a_path_that_cannot_be_is_a_sentence(capsys):
    assert cli.main(["predict", "--json", "a" * 3000]) == 1
    assert "cannot be opened" in _objects(capsys)[0]["error"]


@pytest.mark.slow
def test_answers_are_written_to_a_file_that_a_later_run_completes(folder, tmp_path, capsys):
    out = tmp_path / "answers.jsonl"
    words = ["predict", str(folder), "--out", str(out)]
    assert cli.main(words) == 1  # c.png is no picture
    whole = out.read_text()
    assert [Path(json.loads(line)["file"]).name for line in whole.splitlines()] == ["a.png", "b.jpg", "c.png"]
    assert cli.main(words) == 2
    assert "--resume" in capsys.readouterr().err
    first, second, third = whole.splitlines(keepends=True)
    out.write_text(first + second[:20])  # the run was killed while it wrote
    assert cli.main([*words, "--resume"]) == 1
    assert out.read_text() == whole
    assert "2 of 3 pictures read, 1 unreadable" in capsys.readouterr().err
    for foreign in (first + "something else\n" + third, '{"my": "notes"}'):
        out.write_text(foreign)
        assert cli.main([*words, "--resume"]) == 1
        assert "something other than answers" in capsys.readouterr().err
        assert out.read_text() == foreign
    assert cli.main(["predict", str(folder), "--resume"]) == 2
    assert cli.main(["predict", str(folder), "--out", str(tmp_path)]) == 2
    assert cli.main(["predict", str(folder), "--out", str(tmp_path / "no" / "folder.jsonl")]) == 1


def test_a_digit_below_the_least_confidence_reads_as_unknown(folder):
    def digit(value, confidence):
        return Digit(value, confidence, True, (0, 0, 9, 9), np.zeros(10), np.zeros((28, 28)), np.zeros((9, 9)))

    reading = Reading(["-3.7", "42"], [digit(3, 0.9), digit(7, 0.6), digit(4, 0.95), digit(2, 0.5)], np.zeros((9, 9)))
    assert predict.reading_as_dict(reading)["text"] == "-3.7/42"
    strict = predict.reading_as_dict(reading, least=0.6)
    assert strict["lines"] == ["-3.7", "4?"]
    assert [own["trusted"] for own in strict["digits"]] == [True, True, True, False]
    with pytest.raises(SystemExit):
        cli.main(["predict", str(folder), "--least", "2"])


def test_training_is_refused_before_it_begins(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["train", "--data", "builtin", "--into", str(tmp_path / "file")]) == 1
    assert cli.main(["train", "--data", "builtin", "--name", "lenet5"]) == 1
    assert cli.main(["train", "--data", "builtin", "--seed", "-1"]) == 2
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "comes with Inkling" in said
    assert "seed" in said


def test_an_unknown_model_is_a_sentence(folder, capsys):
    assert cli.main(["predict", "--model", "nobody", str(folder)]) == 1
    assert "There is no model called 'nobody'" in capsys.readouterr().err


def test_models_lists_the_contracts_fields(capsys):
    assert cli.main(["models", "--json"]) == 0
    rows = _objects(capsys)
    assert {"name", "default", "folder", "litert", "parameters", "accuracy"} <= set(rows[0])
    assert [row["default"] for row in rows].count(True) == 1
    assert all(os.path.isfile(row["litert"]) for row in rows)


def test_models_for_people_marks_the_default(capsys):
    cli.main(["models"])
    assert [line[0] for line in capsys.readouterr().out.splitlines()].count("*") == 1


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads its peak memory from Linux's /proc")
def test_every_broken_file_gets_its_sentence_and_memory_stays_bounded(tmp_path):
    """Over 30 hostile files in one run: no traceback, no crash, and little memory."""
    names = {}
    for name, content in pictures.broken().items():
        path = tmp_path / (name if name.endswith(("png", "jpg", "gif", "bmp", "tiff", "webp")) else name + ".png")
        path.write_bytes(content)
        names[str(path)] = name
    program = (
        "import re, sys; from digit_core.cli.main import main; status = main(sys.argv[1:]);"
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1];"
        "print(int(peak) // 1024, file=sys.stderr); sys.exit(status)"
    )
    words = [sys.executable, "-c", program, "predict", "--json", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(names) >= 30
    assert {answer["file"] for answer in answers} == set(names)
    assert all(answer["error"].endswith(".") for answer in answers)
    assert int(done.stderr.split()[-1]) < 400  # megabytes; decoding a 20,000 x 20,000 picture would take 400


@pytest.mark.slow
def test_many_pictures_are_all_answered_in_their_order(tmp_path):
    for index in range(300):
        cv2.imwrite(str(tmp_path / f"{index}.png"), draw(number(str(index % 100), 30, 100, 180)))
    done = subprocess.run(
        [sys.executable, "-m", "digit_core", "predict", "--json", str(tmp_path)], capture_output=True, text=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 300
    assert [answer["file"] for answer in answers] == sorted(answer["file"] for answer in answers)
    right = [answer["text"] == str(int(Path(answer["file"]).stem) % 100) for answer in answers]
    assert np.mean(right) > 0.95


def test_a_reader_that_has_seen_enough_is_no_error(folder):
    done = subprocess.run(
        f"{sys.executable} -m digit_core models --json | head -c 1", shell=True, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr


def test_evaluate_counts_on_the_test_digits(capsys):
    assert cli.main(["evaluate", "--model", "lenet5", "--data", "builtin", "--json"]) == 0
    [answer] = _objects(capsys)
    assert (answer["model"], answer["data"], answer["digits"]) == ("lenet5", "builtin", 359)
    assert answer["errors"] == round((1 - answer["accuracy"]) * 359)
    assert sum(map(sum, answer["confusion"])) == 359
    assert cli.main(["evaluate", "--data", "builtin"]) == 0
    assert f"{model_store.DEFAULT_MODEL} on the 359 test digits of builtin" in capsys.readouterr().out


def test_evaluate_takes_data_of_ones_own(tmp_path, capsys):
    rows = [f"{digit}," + ",".join(["0"] * 783 + ["255"]) for digit in range(10) for _ in range(20)]
    (tmp_path / "own.csv").write_text("\n".join(rows))
    assert cli.main(["evaluate", "--data", str(tmp_path / "own.csv"), "--json"]) == 0
    [answer] = _objects(capsys)
    assert answer["accuracy"] == pytest.approx(0.1)  # all pictures are identical, so one in ten is right
    assert cli.main(["evaluate", "--data", str(tmp_path / "none.csv")]) == 1


@pytest.mark.slow
def test_a_training_stopped_by_a_signal_is_kept_and_goes_on(tmp_path, monkeypatch, capsys):
    """After Ctrl-C or a server's SIGTERM, the progress is stored, and --resume completes the training."""
    environment = {**os.environ, "DIGIT_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "digit_core", "train", "--name", "mine"]
    settings = ["--architecture", "lenet5", "--data", "builtin", "--epochs", "4", "--batch-size", "32"]
    with subprocess.Popen(
        command + settings, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        while "epoch 2/4" not in (line := process.stderr.readline()):
            assert line, "it ended before it could be stopped"
        asked = time.monotonic()
        process.terminate()
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert time.monotonic() - asked < 30
    assert "train --resume --name mine" in errors
    assert "Stored in" in output
    assert (tmp_path / "checkpoints" / "mine.npz").exists()
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    assert cli.main(command[3:]) == 1
    assert "There is an unfinished training called 'mine'" in capsys.readouterr().err
    done = subprocess.run([*command, "--resume"], env=environment, capture_output=True, text=True, check=True)
    assert "epoch 2/4" not in done.stderr
    assert "epoch 4/4" in done.stderr
    card = json.loads((tmp_path / "models" / "mine" / "card.json").read_text())
    assert card["training"]["epochs"] == 4
    assert cli.main(["models", "--json"]) == 0
    [row] = [row for row in _objects(capsys) if row["name"] == "mine"]
    assert row["litert"] == str(tmp_path / "models" / "mine" / "model.tflite")
    assert row["default"] is False
    files = {file.name for file in (tmp_path / "models" / "mine").iterdir()}
    assert files == {"model.keras", "model.tflite", "card.json"}
    assert not (tmp_path / "checkpoints" / "mine.npz").exists()
    assert cli.main(command[3:]) == 1
    assert "There is already a model called 'mine'" in capsys.readouterr().err
    assert cli.main([*command[3:], "--resume"]) == 1
    assert "There is no checkpoint" in capsys.readouterr().err


@pytest.mark.slow
def test_what_cannot_go_on_is_said_plainly(capsys):
    assert cli.main(["train", "--resume"]) == 2
    assert "resume with --name" in capsys.readouterr().err
    assert cli.main(["train", "--resume", "--name", "a", "--epochs", "3"]) == 2
    assert "give none with --resume" in capsys.readouterr().err
    assert cli.main(["train", "--resume", "--name", "never-begun"]) == 1
    assert "There is no checkpoint" in capsys.readouterr().err
    assert cli.main(["train", "--resume", "--name", "../a"]) == 1
    assert "cannot be a model's name" in capsys.readouterr().err
    assert cli.main(["train", "--preset", "fast"]) == 2
    assert "There is no preset called 'fast'" in capsys.readouterr().err


def test_one_file_that_breaks_the_reader_does_not_cost_the_others(tmp_path, monkeypatch, capsys):
    cv2.imwrite(str(tmp_path / "a.png"), pictures.SEVEN)
    cv2.imwrite(str(tmp_path / "b.png"), pictures.SEVEN)
    read = image_files.read_file

    def break_on_a(path):
        if path.name == "a.png":
            raise TypeError("tags of any type")
        return read(path)

    monkeypatch.setattr(image_files, "read_file", break_on_a)
    assert cli.main(["predict", "--json", str(tmp_path)]) == 1
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["error"] == "This picture cannot be read."
    assert second["text"] == "7"


def test_a_name_that_the_terminal_cannot_show_does_not_end_predict(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"no picture")
    command = [sys.executable, "-m", "digit_core", "predict", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert b"not a picture" in done.stdout
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_few_digits_get_enough_steps_whatever_the_preset(tmp_path, monkeypatch, capsys):
    from digit_core.training import training
    from digit_core.training.events import TrainingError

    asked = []

    def train(settings, *rest, **options):
        asked.append(settings.epochs)
        raise TrainingError("enough seen")

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    monkeypatch.setattr(training, "train", train)
    few = ["--architecture", "lenet5", "--data", "builtin", "--name", "few"]
    assert cli.main(["train", "--preset", "quick", *few]) == 1
    assert "so training runs for 56 epochs" in capsys.readouterr().err
    assert asked == [56]


@pytest.mark.slow
def test_a_network_that_learnt_nothing_is_said_to_have_learnt_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    few = ["--data", "builtin", "--epochs", "1", "--learning-rate", "1e-6", "--name", "none"]
    assert cli.main(["train", "--architecture", "lenet5", *few]) == 1
    said = capsys.readouterr().err
    assert "use about 56 epochs in batches of" in said
    assert "barely learned anything" in said


def test_epochs_grow_only_where_digits_are_few():
    from digit_core.training.settings import PRESETS, with_enough_steps

    quick = PRESETS["quick"]
    assert with_enough_steps(quick, 55_000) == quick
    assert with_enough_steps(quick, 1280) == dataclasses.replace(quick, epochs=50)
    few = with_enough_steps(quick, 81)
    assert (few.epochs, few.batch_size) == (100, 16)  # 5 steps per epoch
    assert with_enough_steps(quick, 10).epochs == 200
    assert with_enough_steps(quick, 1280, most_epochs=30).batch_size == quick.batch_size // 2


def test_corrections_are_trained_on_with_other_digits(tmp_path, monkeypatch):
    from digit_core.cli import train
    from digit_core.data import datasets
    from digit_core.feedback import corrections
    from digit_core.training.settings import settings_from

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    wish = settings_from("quick", data="builtin+2*corrections")
    with pytest.raises(datasets.DatasetError, match="no corrections"):
        train._with_corrections(wish)
    some = datasets.load("builtin").test
    corrections.save([
        corrections.Correction(int(label), int(label), image)
        for image, label in zip(some.images[:40], some.labels[:40], strict=True)
    ])  # fmt: skip
    alone, both = datasets.load("builtin"), datasets.load(train._with_corrections(wish).data)
    assert len(both.train) == len(alone.train) + 2 * 40  # so few are all used for training
    assert both.test.digest() == alone.test.digest()
    assert train._with_corrections(settings_from("quick")) == settings_from("quick")


STARTS = """
import subprocess
from digit_core import paths
print(subprocess.Popen(**paths.command("inside", "--model", "inkling", "--data", "builtin")).pid, flush=True)
input()
"""


@pytest.mark.slow
def test_a_command_ends_with_the_process_that_started_it(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", STARTS],
        cwd=paths.PROJECT,
        env={**os.environ, "DIGIT_HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        command = psutil.Process(int(parent.stdout.readline()))
        time.sleep(3)
        assert command.is_running()
        parent.kill()
    command.wait(20)
