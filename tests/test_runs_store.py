"""Runs on disk, and the real worker process on the built-in digits."""

import dataclasses
import errno
import json
import os
import signal
import threading
import time

import numpy as np
import psutil
import pytest

from digit_core.data import datasets
from digit_core.runs import events as run_events
from digit_core.runs import store as runs
from digit_core.runs import wording as run_wording
from digit_core.runs import worker as run_worker
from digit_core.runs.limits import Limits, limits
from digit_core.runs.status import lock_of
from digit_core.runs.store import BusyError, RunError
from digit_core.training.events import BatchEnd, EpochEnd, Glimpse, Started
from digit_core.training.settings import TrainingSettings, settings_from

SMALL = TrainingSettings(architecture="lenet5", data="builtin", epochs=2, batch_size=32, augmentation="none")
LONG = dataclasses.replace(SMALL, epochs=60)


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    yield
    for run in runs.list_runs():
        if run.is_running:
            runs.stop(run)
            _wait(run)


@pytest.fixture
def worker(monkeypatch):
    """Replaces the worker process: acquires the run's lock and does nothing else. Yields the locks."""
    held = []

    def launch(folder):
        runs.write_status(folder, {"state": "training"})
        lock = lock_of(folder)
        lock.acquire()
        held.append(lock)

    monkeypatch.setattr(runs, "_launch", launch)
    yield held
    for lock in held:
        lock.release()


def _wait(run, until=lambda run: not run.is_running, seconds=90):
    end = time.monotonic() + seconds
    while not until(run := runs.find(run.id)):
        assert time.monotonic() < end, f"{run.state}: {runs.log_tail(run)}"
        time.sleep(0.05)
    return run


# ---- on disk


def test_a_run_is_alive_as_long_as_its_lock_is_held(worker):
    run = runs.start(SMALL, "  my  first ")
    assert run.state == "training"
    assert run.title == "my first"
    assert runs.find(run.id).settings == SMALL
    worker[0].release()
    ended = runs.find(run.id)
    assert ended.state == "interrupted"
    assert ended.can_resume


def test_only_one_trains_at_a_time(worker, monkeypatch):
    first = runs.start(SMALL)
    with pytest.raises(BusyError) as busy:
        runs.start(SMALL)
    assert busy.value.run.id == first.id
    monkeypatch.setenv("DIGIT_RUNS_AT_ONCE", "2")
    assert runs.start(SMALL).is_running


def test_two_who_start_at_the_same_moment_get_one_run(worker):
    barrier, got = threading.Barrier(4), []

    def press():
        barrier.wait()
        try:
            got.append(runs.start(SMALL).id)
        except BusyError as busy:
            got.append(busy.run.id)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert len(set(got)) == 1
    assert len(runs.list_runs()) == 1


def test_what_the_host_forbids_is_refused(worker, monkeypatch):
    monkeypatch.setenv("DIGIT_MOST_EPOCHS", "5")
    with pytest.raises(RunError, match="At most 5 epochs"):
        runs.start(LONG)
    monkeypatch.setenv("DIGIT_ALLOW_TRAINING", "False")
    with pytest.raises(RunError, match="switched off"):
        runs.start(SMALL)
    assert not runs.list_runs()


def test_limits_that_cannot_be_stay_as_they_were(monkeypatch):
    monkeypatch.setenv("DIGIT_MOST_EPOCHS", "many")
    monkeypatch.setenv("DIGIT_MOST_RUNS", "0")
    monkeypatch.setenv("DIGIT_MOST_MINUTES", "7")
    assert limits() == dataclasses.replace(Limits(), minutes=7)


@pytest.mark.parametrize(
    ("text", "training", "public"),
    [("true", True, True), (" Off ", False, False), ("1", True, True), ("no", False, False), ("ture", False, True)],
)
def test_a_word_that_is_neither_yes_nor_no_is_taken_with_care(monkeypatch, text, training, public):
    for name in ("DIGIT_ALLOW_TRAINING", "DIGIT_ALLOW_FEEDBACK", "DIGIT_PUBLIC"):
        monkeypatch.setenv(name, text)
    found = limits()
    assert (found.training, found.feedback, found.public) == (training, training, public)


def test_the_oldest_without_a_star_go_first(worker, monkeypatch):
    monkeypatch.setenv("DIGIT_MOST_RUNS", "2")
    ids = []
    for number in range(4):
        monkeypatch.setattr(runs.secrets, "token_hex", lambda n, number=number: f"000{number}")
        run = runs.start(SMALL)
        if number == 0:
            runs.star(run, True)
        worker[-1].release()
        ids.append(run.id)
    assert {run.id for run in runs.list_runs()} == {ids[0], ids[3]}


def test_a_run_is_renamed_and_deleted_but_not_while_it_trains(worker):
    run = runs.start(SMALL)
    runs.rename(run, "x" * 200)
    assert runs.find(run.id).title == "x" * runs.LONGEST_TITLE
    with pytest.raises(RunError, match="Stop it first"):
        runs.delete(run)
    worker[0].release()
    runs.delete(run)
    with pytest.raises(RunError, match="no such run"):
        runs.find(run.id)


def test_where_training_is_switched_off_runs_are_only_looked_at(worker, monkeypatch):
    run = runs.start(SMALL)
    worker[0].release()
    monkeypatch.setenv("DIGIT_ALLOW_TRAINING", "false")
    for action in (runs.stop, runs.delete, lambda run: runs.rename(run, "x"), lambda run: runs.star(run, True)):
        with pytest.raises(RunError, match="switched off"):
            action(run)
    assert runs.find(run.id).title == ""


def test_a_status_of_nonsense_is_an_interrupted_run(worker):
    run = runs.start(SMALL)
    worker[0].release()
    (run.folder / "status.json").write_text('{"state": "training", "launched": "yesterday"}')
    assert runs.find(run.id).state == "interrupted"
    (run.folder / "status.json").write_text('{"state": 7}')
    assert runs.list_runs()[0].state == "interrupted"


def test_a_model_of_an_earlier_state_is_replaced(worker):
    from digit_core.models import store as model_store

    run = runs.start(SMALL)
    source = model_store.find("lenet5").folder
    import shutil

    shutil.copytree(source, run.folder / runs.MODEL)
    assert runs.keep_model(run).card["settings"]["architecture"] == "lenet5"
    shutil.rmtree(run.folder / runs.MODEL)
    shutil.copytree(model_store.find("simple_cnn").folder, run.folder / runs.MODEL)
    assert runs.keep_model(run).card["settings"]["architecture"] == "simple_cnn"


@pytest.mark.parametrize("name", ["", "..", "../models", "20260101-000000-zzzz", "20260101-000000-abcd"])
def test_a_name_from_an_address_is_no_path(name):
    with pytest.raises(RunError, match="no such run"):
        runs.find(name)


def test_a_damaged_run_hides_only_itself(worker):
    run = runs.start(SMALL)
    worker[0].release()
    (run.folder / "about.json").write_text("{")
    assert runs.list_runs() == []
    with pytest.raises(RunError, match="cannot be read"):
        runs.find(run.id)


def test_a_folder_that_cannot_be_written_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "file"))
    with pytest.raises(RunError, match="Nothing can be written"):
        runs.start(SMALL)


# ---- events


def _batch(epoch, step, loss=1.0, accuracy=0.5):
    return BatchEnd(epoch, 2, step, 4, loss, accuracy, 100.0, 9.0)


def _epoch(epoch):
    return EpochEnd(epoch, 2, 0.5, 0.8, 0.4, 0.9, 3.0, 3.0)


def test_a_story_is_told_as_it_was_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(run_events, "EVERY", 0.0)
    recorder, story = run_events.Recorder(tmp_path), run_events.Story(tmp_path)
    watched = np.arange(10 * 28 * 28, dtype=np.uint8).reshape(10, 28, 28)
    recorder(Started({"train": 8, "validation": 2, "test": 1}, watched, np.arange(10, dtype=np.uint8)))
    recorder(_batch(1, 1))
    assert len(story.update().batches) == 1
    recorder(Glimpse(1, 1, np.eye(10, dtype=np.float32)))
    recorder(_batch(1, 4))
    recorder(_epoch(1))
    story.update()
    assert [place for place, _, _ in story.batches] == [0.25, 1.0]
    assert story.epochs == [_epoch(1)]
    assert story.last == _batch(1, 4)
    assert (story.glimpse.argmax(1) == np.arange(10)).all()
    assert story.digits["train"] == 8
    assert (run_events.watched(tmp_path) == watched).all()
    version = story.version
    assert story.update().version == version


def test_going_on_forgets_what_came_after_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(run_events, "EVERY", 0.0)
    recorder, story = run_events.Recorder(tmp_path), run_events.Story(tmp_path)
    for event in (_batch(1, 4), _epoch(1), _batch(2, 1), _batch(2, 2)):
        recorder(event)
    with open(tmp_path / run_events.FILE, "a") as file:
        file.write('{"kind": "batch", "ep')  # killed in the middle of a line
    assert len(story.update().batches) == 3
    again = run_events.Recorder(tmp_path, epochs_done=1)
    again(_batch(2, 1, loss=9.0))
    assert [loss for _, loss, _ in story.update().batches] == [1.0, 9.0]


def test_few_batches_are_kept(tmp_path):
    recorder = run_events.Recorder(tmp_path)
    for step in range(1, 5):
        recorder(_batch(1, step))
    kept = [json.loads(line)["step"] for line in (tmp_path / run_events.FILE).read_text().splitlines()]
    assert kept == [1, 4]


def test_the_curve_is_what_was_reached_between_two_batches(tmp_path):
    story = run_events.Story(tmp_path)
    story.batches = [(0.25, 4.0, 0.0), (0.5, 3.0, 0.25), (1.0, 2.0, 0.5), (1.5, 1.0, 0.9)]
    expected = [(0.25, 4.0, 0.0), (0.5, 2.0, 0.5), (1.0, 1.0, 0.75), (1.5, 1.0, 0.9)]
    assert story.curve() == pytest.approx(np.array(expected))
    assert run_events.Story(tmp_path).curve().shape == (0, 3)


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (61, "61 s"), (600, "10 min"), (7200, "2.0 h")])
def test_durations_are_rounded_as_people_would(seconds, said):
    assert run_wording.duration(seconds) == said


# ---- the worker


@pytest.mark.slow
def test_a_run_trains_in_a_process_of_its_own_and_leaves_a_model():
    run = runs.start(SMALL)
    assert run.is_running
    run = _wait(run)
    assert run.state == "finished", runs.log_tail(run)
    story = run_events.Story(run.folder).update()
    assert [event.epoch for event in story.epochs] == [1, 2]
    assert story.batches[-1][0] == 2.0
    best = max(event.validation_accuracy for event in story.epochs)
    assert run.status["best_validation_accuracy"] == pytest.approx(best, abs=1e-6)
    model = runs.model(run)
    assert model.card["metrics"]["test_accuracy"] == pytest.approx(run.result["test"], abs=1e-4)
    assert sum(map(sum, run.result["test_confusion"])) == run.result["test_digits"]
    assert not (run.folder / "checkpoint.npz").exists()
    assert any((run.folder / "tensorboard" / "validation").iterdir())
    assert not run.can_resume
    kept = runs.keep_model(run, "My five", "me")
    assert (kept.name, kept.title, kept.owner) == (run.model_name, "My five", "me")
    assert runs.keep_model(run, "Theirs", "another").title == "My five"  # already kept, so unchanged
    runs.delete(run)
    from digit_core import Recognizer

    assert Recognizer.load(kept.name).name == kept.name  # the model outlives its run


@pytest.mark.slow
def test_a_run_on_own_digits_is_stopped_and_killed_and_goes_on(tmp_path):
    digits = datasets.load("builtin").train
    np.savez(tmp_path / "x.npz", x_train=digits.images, y_train=digits.labels)
    content = (tmp_path / "x.npz").read_bytes()
    run = runs.start(dataclasses.replace(SMALL, epochs=12, batch_size=16), data=("own.npz", content))
    assert run.settings.data == str(run.folder / "own.npz")
    _wait(run, lambda run: run.status.get("epoch", 0) >= 2 or not run.is_running)
    runs.stop(run)
    stopped = _wait(run)
    assert stopped.state == "stopped"
    assert stopped.result["validation"] > 0.3  # a stopped run keeps its weights
    run = runs.resume(stopped)
    _wait(run, lambda run: run.status.get("epoch", 0) > stopped.status["epoch"])
    [worker] = [p for p in psutil.process_iter(["cmdline"]) if run.id in (p.info["cmdline"] or [])]
    os.kill(worker.pid, signal.SIGKILL)
    killed = _wait(run, seconds=5)
    assert killed.state == "interrupted"
    assert "process" in runs.log_tail(killed)
    resumed = _wait(runs.resume(killed))
    assert resumed.state == "finished", runs.log_tail(resumed)
    assert [e.epoch for e in run_events.Story(run.folder).update().epochs] == list(range(1, 13))
    assert resumed.status["seconds"] > 0
    with pytest.raises(RunError, match="already finished"):
        runs.resume(resumed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DIGIT_DATA_DIR": "/nowhere", "https_proxy": "http://127.0.0.1:9"}, "MNIST is not on this machine"),
        ({"DIGIT_MOST_MINUTES": "1", "INKLING_TEST": "disk"}, "disk"),
        ({"INKLING_TEST": "memory"}, "memory"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_a_failed_run(environment, said, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if (lack := environment.get("INKLING_TEST")) is None:
        run = _wait(runs.start(settings_from("quick")), seconds=120)
    else:  # in this process, requiring more than the machine has
        monkeypatch.setattr(runs, "_launch", lambda folder: runs.write_status(folder, {"state": "starting"}))
        monkeypatch.setattr(run_worker, "LEAST_DISK" if lack == "disk" else "LEAST_MEMORY", 10**18)
        monkeypatch.setattr(run_worker, "_make_way", lambda: None)
        monkeypatch.setattr(run_worker.signal, "signal", lambda *asked: None)
        run = runs.start(SMALL)
        assert run_worker.work(run.id) == 1
        run = runs.find(run.id)
    assert run.state == "failed"
    assert said in run.message
    assert "Traceback" not in run.message


# ---- corrupt files, a full disk, clock changes


@pytest.mark.parametrize(
    "status",
    [
        '{"state": "finished", "seconds": "long", "epoch": [], "best_validation_accuracy": {}}',
        '{"state": "finished", "result": "good"}',
        '{"state": "finished", "result": {"validation": "x", "test": 1, "test_digits": 2, "test_confusion": []}}',
        "[" * 100_000,
    ],
)
def test_an_odd_status_costs_its_run_nothing_else(worker, status):
    run = runs.start(SMALL)
    (run.folder / "status.json").write_text(status)
    odd = runs.find(run.id)
    assert odd.result is None
    assert odd.status.get("seconds", 0) == 0
    assert run_wording.title(odd)


@pytest.mark.parametrize("change", [{"epochs": "many"}, {"seed": None}, {"learning_rate": True}])
def test_settings_of_another_type_hide_the_run(worker, change):
    run = runs.start(SMALL)
    about = json.loads((run.folder / "about.json").read_text())
    about["settings"] |= change
    (run.folder / "about.json").write_text(json.dumps(about))
    assert runs.list_runs() == []


def test_a_pipe_in_a_runs_place_keeps_nobody_waiting(worker):
    run = runs.start(SMALL)
    (run.folder / "about.json").unlink()
    os.mkfifo(run.folder / "about.json")
    assert runs.list_runs() == []


def test_a_clock_that_was_set_back_leaves_no_run_starting(worker):
    run = runs.start(SMALL)
    worker[0].release()
    runs.write_status(run.folder, {"state": "starting", "launched": time.time() + 3600})
    assert runs.find(run.id).state == "interrupted"


def test_odd_lines_among_the_events_are_passed_over(tmp_path):
    recorder = run_events.Recorder(tmp_path)
    recorder(_batch(1, 10))
    recorder.close()
    odd = [
        "null", "[1]", "3", "{}", "[" * 100_000, '{"kind": "batch"}', '{"kind": "epoch", "epoch": "first"}',
        '{"kind": "batch", "epoch": 1, "epochs": 1, "step": 1, "steps": 0, "loss": 1, "accuracy": 0}',
        '{"kind": "batch", "epoch": "1", "epochs": 1, "step": 1, "steps": 1, "loss": 1, "accuracy": 0}',
        '{"kind": "glimpse", "probabilities": "none"}', '{"kind": "started", "digits": 3, "labels": []}',
    ]  # fmt: skip
    with open(tmp_path / run_events.FILE, "a") as file:
        file.write("\n".join(odd) + "\n")
    story = run_events.Story(tmp_path).update()
    assert len(story.batches) == 1
    assert not story.epochs
    assert story.glimpse is None


def test_who_deletes_and_who_resumes_take_turns(worker):
    run = runs.start(SMALL)
    worker[0].release()
    barrier, said = threading.Barrier(2), []

    def press(action):
        barrier.wait()
        try:
            action(run)
        except RunError as error:
            said.append(str(error))

    threads = [threading.Thread(target=press, args=(action,)) for action in (runs.delete, runs.resume)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if runs.list_runs():  # resuming came first
        assert runs.find(run.id).is_running
        assert said == ["This run is training. Stop it first."]
    else:
        assert said == ["There is no such run. It may have been deleted."]


def test_the_logs_last_lines_tell_no_paths_and_no_traceback(worker):
    run = runs.start(SMALL)
    (run.folder / "log.txt").write_text(
        "Loading\n"
        "Traceback (most recent call last):\n"
        '  File "/srv/app/digit_core/x.py", line 3, in f\n'
        "    open(path)\n"
        "    ~~~~^^^^^^\n"
        "FileNotFoundError: [Errno 2] No such file or directory: '/srv/app/secret/digits.csv'\n"
        "Finished 3/4, see http://example.org/a/b\n"
    )
    assert runs.log_tail(run).splitlines() == [
        "Loading",
        "FileNotFoundError: [Errno 2] No such file or directory: 'digits.csv'",
        "Finished 3/4, see http://example.org/a/b",
    ]


def test_a_disk_that_is_full_in_mid_run_is_told(worker, monkeypatch):
    """Deleting the reserve file frees the space for the final status."""
    run = runs.start(SMALL)
    monkeypatch.setattr(run_worker.signal, "signal", lambda *asked: None)
    work = run_worker._Work(run)
    write, full = runs.write_status, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def train(self):
        assert self.reserve.stat().st_size >= 4096
        raise full

    def write_status(folder, status):
        if (folder / "reserve").exists() and status["state"] == "failed":
            raise full
        write(folder, status)

    monkeypatch.setattr(run_worker, "_make_way", lambda: None)
    monkeypatch.setattr(run_worker._Work, "train", train)
    monkeypatch.setattr(runs, "write_status", write_status)
    assert work.do() == 1
    worker[0].release()
    ended = runs.find(run.id)
    assert ended.state == "failed"
    assert "disk of this machine is full" in ended.message
    assert ended.can_resume


def test_a_worker_clears_away_what_a_killed_one_left(worker, monkeypatch):
    run = runs.start(SMALL)
    (run.folder / ".model-abc.inkling-new").mkdir()
    monkeypatch.setattr(run_worker, "_make_way", lambda: None)
    monkeypatch.setattr(run_worker.signal, "signal", lambda *asked: None)
    monkeypatch.setattr(run_worker._Work, "train", lambda self: 1 / 0)
    assert run_worker._Work(run).do() == 1
    assert not list(run.folder.glob(".model-*"))


# ---- on a public host


def test_a_run_is_changed_by_who_started_it_and_by_the_host(worker):
    run = runs.start(SMALL, who="ann")
    for change in (
        lambda who: runs.rename(run, "mine now", who),
        lambda who: runs.star(run, True, who),
        lambda who: runs.stop(run, who),
        lambda who: runs.resume(run, who),
        lambda who: runs.delete(run, who),
    ):
        for somebody_else in ("bob", ""):
            with pytest.raises(RunError, match="Somebody else"):
                change(somebody_else)
    assert not runs.find(run.id).starred
    assert not runs.is_stopping(run)
    runs.rename(run, "Ann's", "ann")
    runs.rename(run, "the host's", None)
    assert runs.find(run.id).title == "the host's"


def test_the_hosts_own_runs_are_nobody_elses(worker):
    run = runs.start(SMALL)
    with pytest.raises(RunError, match="Somebody else"):
        runs.delete(run, "ann")
    with pytest.raises(RunError, match="not said yet"):
        runs.start(SMALL, who="")


def test_a_visitors_runs_and_stars_are_limited_and_cost_nobody_else_theirs(worker, monkeypatch):
    monkeypatch.setenv("DIGIT_RUNS_AT_ONCE", "20")
    monkeypatch.setenv("DIGIT_RUNS_EACH", "2")
    monkeypatch.setenv("DIGIT_STARS_EACH", "1")
    monkeypatch.setenv("DIGIT_MOST_RUNS", "4")
    hosts = runs.start(SMALL)
    first, second = runs.start(SMALL, who="ann"), runs.start(SMALL, who="ann")
    runs.star(first, True, "ann")
    with pytest.raises(RunError, match="1 runs with a star"):
        runs.star(second, True, "ann")
    with pytest.raises(RunError, match="keep 2 runs"):  # both are training
        runs.start(SMALL, who="ann")
    for lock in worker:
        lock.release()
    third = runs.start(SMALL, who="ann")
    assert {run.id for run in runs.list_runs()} == {hosts.id, first.id, third.id}
    runs.start(SMALL, who="bob")
    with pytest.raises(RunError, match="another day"):
        runs.start(SMALL, who="cat")
    about = json.loads((hosts.folder / "about.json").read_text())
    (hosts.folder / "about.json").write_text(json.dumps(about | {"created": "2020-01-01T00:00:00+00:00"}))
    newest = runs.start(SMALL, who="cat")
    assert {run.owner for run in runs.list_runs()} == {"ann", "bob", "cat"}
    assert newest.owner == "cat"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mnist", "MNIST"),
        ("mnist+2*unipen.jsonl.gz+2*pendigits.jsonl.gz", "MNIST, unipen and pendigits"),
        ("builtin+/home/me/own.csv", "the built-in set and an uploaded file"),
        ("own.npz", "own.npz"),
    ],
)
def test_data_are_named_for_people(name, said):
    assert run_wording.data_set(name) == said
