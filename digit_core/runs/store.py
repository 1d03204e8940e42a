"""Training runs on disk: list, start, stop, resume and delete them.

A run is a folder `$DIGIT_HOME/runs/ID/` and a separate process (`worker`) that writes to it:

    about.json        settings, title, star, owner; written by the process that starts the run
    status.json       progress and result; written by the worker
    events.jsonl      training events, one JSON object per line (`runs.events`)
    watched.npy       the digits to watch, uint8 (n, 28, 28)
    filters.npy       snapshots of the first layer's filters, float32 (m, side, side, n)
    checkpoint.npz    the state after the last complete epoch, until the run has finished
    model/            the model with its card
    tensorboard/      the same curves for `tensorboard --logdir`; log.txt is the worker's output
    own.*             uploaded digits to train on
    lock, stop        held while the worker runs; exists if it should stop

On a public host a run belongs to the visitor who started it. `who` identifies that visitor by an opaque digest, or is
None for the host itself, which may change every run. A run is alive while its worker holds the lock. The system
releases the lock however the worker ends, whereas a stored process ID may since have been reused.
"""

import contextlib
import dataclasses
import datetime
import logging
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock

from digit_core import paths, records
from digit_core.models import store as model_store
from digit_core.models.store import ModelError, StoredModel
from digit_core.runs import status as status_files
from digit_core.runs.limits import Limits, limits
from digit_core.runs.run import RUNNING, STATES, BusyError, Run, RunError
from digit_core.runs.status import WORKER_STARTS, is_alive, is_launching, read_status, write, write_status
from digit_core.training.settings import TrainingSettings

log = logging.getLogger(__name__)

ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
LONGEST_TITLE, DAYS = 60, 7  # characters; days for which a public host keeps every visitor's runs
MODEL = "model"  # name of the folder in a run's folder


def folder_of_all() -> Path:
    return paths.home() / "runs"


def find(run_id: str) -> Run:
    """The run of that ID.

    Raises:
        RunError: there is none, or its files cannot be read.
    """
    folder = folder_of_all() / run_id
    if not ID.fullmatch(run_id) or not os.path.isdir(folder):
        raise RunError("There is no such run. It may have been deleted.")
    return _read(folder)


def list_runs() -> list[Run]:
    """Every readable run, the newest first."""
    try:
        names = sorted((name for name in os.listdir(folder_of_all()) if ID.fullmatch(name)), reverse=True)
    except OSError:  # nothing was ever trained here
        return []
    found = []
    for name in names:
        try:
            found.append(_read(folder_of_all() / name))
        except RunError as error:  # skip a run that is damaged or being deleted
            records.warn_once(f"{error} ({error.__cause__!r})")
    return found


def start(
    settings: TrainingSettings, title: str = "", data: tuple[str, bytes] | None = None, who: str | None = None
) -> Run:
    """Start a run in a separate process.

    Args:
        title: display name; if empty, one is made from the settings.
        data: name and content of a file of digits to train on, stored with the run; `settings.data`
            is then ignored.

    Raises:
        BusyError: the maximum number of runs is already training.
        RunError: training is not allowed here, the settings exceed the limits, the visitor or the server has
            too many runs, or nothing can be written.
    """
    allowed = limits()
    _check(settings, allowed)
    if who == "":
        raise RunError("Your browser has not said yet who it is. Please try again.")
    with _one_at_a_time():
        _check_room(allowed)
        if who is not None:
            _make_room_for(who, allowed)
        now = datetime.datetime.now(datetime.UTC)
        folder = folder_of_all() / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        with _told_if_unwritable(), paths.replacing_folder(folder) as scratch:
            if data:
                (scratch / data[0]).write_bytes(data[1])
                settings = dataclasses.replace(settings, data=str(folder / data[0]))
            about = {"settings": dataclasses.asdict(settings), "title": _title(title), "starred": False,
                     "owner": who or "", "created": now.isoformat(timespec="seconds")}  # fmt: skip
            write(scratch / "about.json", about)
        _launch(folder)
        if who is None:
            _drop(known := list_runs(), len(known) - allowed.runs)
    return _read(folder)


def resume(run: Run, who: str | None = None) -> Run:
    """Resume a run from its last complete epoch.

    Raises:
        BusyError, RunError: as for `start`, or the run is already finished.
    """
    allowed = limits()
    _check(run.settings, allowed)
    with _one_at_a_time():
        run = find(run.id)
        run.check_owner(who)
        if run.is_running:
            return run
        if not run.can_resume:
            raise RunError("This run is already finished.")
        if run.status.get("seconds", 0) >= 60 * allowed.minutes:
            raise RunError("This run has used all the time allowed on this server.")
        _check_room(allowed)
        with _told_if_unwritable():
            (run.folder / "stop").unlink(missing_ok=True)
        _launch(run.folder)
    return _read(run.folder)


def stop(run: Run, who: str | None = None) -> None:
    """Ask a run to stop after its current step and to save its model.

    Raises:
        RunError: training is not allowed here, the run is somebody else's, or nothing can be written; the same holds
            for the functions below.
    """
    _check_allowed()
    run.check_owner(who)
    with _told_if_unwritable():
        (run.folder / "stop").touch()


def is_stopping(run: Run) -> bool:
    """Whether it was asked to stop."""
    return os.path.exists(run.folder / "stop")


def rename(run: Run, title: str, who: str | None = None) -> None:
    """Give a run another title."""
    _change(run, who, title=_title(title))


def star(run: Run, starred: bool, who: str | None = None) -> None:
    """Star a run to keep it, or remove its star."""
    most = limits().stars_each
    if who is not None and starred and sum(r.starred for r in list_runs() if r.owner == who and r.id != run.id) >= most:
        raise RunError(f"You may keep {most} runs with a star on this server. Unstar one first.")
    _change(run, who, starred=starred)


def delete(run: Run, who: str | None = None) -> None:
    """Remove a run with all that is in it.

    Raises:
        RunError: it is training, or cannot be removed.
    """
    _check_allowed()
    run.check_owner(who)
    with _one_at_a_time():  # nobody resumes it meanwhile
        _remove(run)


def model(run: Run) -> StoredModel | None:
    """The model that a run left, or None."""
    try:
        return model_store.read(run.folder / MODEL) if os.path.isdir(run.folder / MODEL) else None
    except ModelError:
        log.exception("The model of the run %s cannot be read", run.id)
        return None


def keep_model(run: Run, title: str = "", who: str | None = None) -> StoredModel:
    """Copy a run's model to the stored models, so that it outlives the run. An earlier copy is replaced, unless
    somebody else kept it. `who` is the visitor who keeps it, or None for the host; `title` is its display name.

    Raises:
        RunError: the run has no model.
        ModelError: it cannot be written.
    """
    found = model(run)
    if not found:
        raise RunError("This run has no model.")
    with contextlib.suppress(ModelError):
        if who is not None and (kept := model_store.find(run.model_name)).owner != who:
            return kept
    return model_store.copy(found, run.model_name, title=title, owner=who or "")


def log_tail(run: Run, lines: int = 12) -> str:
    """The last lines of the worker's output, without traceback frames and folder paths."""
    return status_files.log_tail(run.folder, lines)


def _read(folder: Path) -> Run:
    try:
        about = records.read_json(folder / "about.json")
        settings = records.from_dict(TrainingSettings, about["settings"])
        created = datetime.datetime.fromisoformat(about["created"]).astimezone()
        title, starred, owner = str(about["title"]), bool(about["starred"]), str(about.get("owner", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"The run {folder.name} cannot be read.") from error
    status = read_status(folder)
    if status.get("state") in RUNNING and not is_launching(status) and not is_alive(folder):
        status = read_status(folder)  # read again: it may have ended in between and reported that
        if status.get("state") in RUNNING:
            status |= {"state": "interrupted", "message": "The training stopped unexpectedly. Its log may show why."}
    state = status.get("state") if status.get("state") in STATES else "interrupted"
    message = str(status.get("message", ""))
    return Run(folder.name, folder, settings, title, starred, created, owner, state, message, status)


def _change(run: Run, who: str | None, **changes: Any) -> None:
    _check_allowed()
    run.check_owner(who)
    with _told_if_unwritable():
        about = records.read_json(run.folder / "about.json")
        write(run.folder / "about.json", {**about, **changes})


def _title(text: str) -> str:
    return " ".join(text.split())[:LONGEST_TITLE]


def _check(settings: TrainingSettings, allowed: Limits) -> None:
    """Raise RunError if this host does not allow a training with these settings."""
    _check_allowed()
    if settings.epochs > allowed.epochs:
        raise RunError(f"At most {allowed.epochs} epochs are allowed on this server.")


def _check_allowed() -> None:
    if not limits().training:
        raise RunError("Training is switched off on this server.")


def _make_room_for(who: str, allowed: Limits) -> None:
    """Delete a visitor's oldest runs beyond the limit, and old runs of all visitors if the server has too many.

    Raises:
        RunError: the visitor or the server has the maximum number of runs, and none of them may be deleted.
    """
    own = [run for run in list_runs() if run.owner == who]
    _drop(own, len(own) + 1 - allowed.runs_each)
    if len([run for run in list_runs() if run.owner == who]) >= allowed.runs_each:
        raise RunError(f"You may keep {allowed.runs_each} runs on this server. Delete one first.")
    known, now = list_runs(), datetime.datetime.now(datetime.UTC)
    _drop([run for run in known if (now - run.created).days >= DAYS], len(known) + 1 - allowed.runs)
    if len(list_runs()) >= allowed.runs:
        raise RunError("This server keeps as many trainings as it can. Please try again another day.")


def _check_room(allowed: Limits) -> None:
    """Raise BusyError if the maximum number of runs is already training."""
    running = [run for run in list_runs() if run.is_running]
    if len(running) >= allowed.at_once:
        raise BusyError("Another training is running. It has to finish first.", running[0])


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock that keeps other processes on this machine from starting a run."""
    with _told_if_unwritable():
        folder_of_all().mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder_of_all() / ".starting")
        try:
            lock.acquire(timeout=WORKER_STARTS)
        except filelock.Timeout as error:
            raise RunError("Another training is just starting. Please try again.") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _told_if_unwritable() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        log.exception("A run cannot be written")
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"Nothing can be written on this server: {reason}.") from error


def _launch(folder: Path) -> None:
    """Start the worker, detached from this process, and wait until it holds its lock."""
    with _told_if_unwritable():
        write_status(folder, {**read_status(folder), "state": "starting", "message": "", "launched": time.time()})
    command = paths.command("train", "--run", folder.name, PYTHONUNBUFFERED="1", **{paths.PARENT: ""})
    with _told_if_unwritable(), open(folder / "log.txt", "ab") as output:
        worker = subprocess.Popen(
            **command,
            stdout=output,
            stderr=output,
            start_new_session=True,  # the training survives the end of the server or its terminal
        )
    until = time.monotonic() + WORKER_STARTS
    while worker.poll() is None and not is_alive(folder) and time.monotonic() < until:
        time.sleep(0.05)
    if worker.poll() is not None and read_status(folder).get("launched"):
        log.error("The worker of %s ended at once:\n%s", folder.name, status_files.raw_tail(folder))
        write_status(folder, {"state": "failed", "message": "The training could not be started. Its log shows why."})


def _drop(among: Sequence[Run], count: int) -> None:
    """Delete up to `count` of these runs (newest first): the oldest without a star that are not training."""
    loose = [run for run in among if not run.starred and not run.is_running]
    for run in loose[max(len(loose) - max(count, 0), 0) :]:
        with contextlib.suppress(RunError):  # already logged; it must not prevent the new run
            _remove(run)


def _remove(run: Run) -> None:
    if _read(run.folder).is_running:
        raise RunError("This run is training. Stop it first.")
    with _told_if_unwritable():
        shutil.rmtree(run.folder)
