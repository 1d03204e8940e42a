"""Training runs on disk: what is known of each, and how one is started, stopped, kept.

A run is a folder `$DIGIT_HOME/runs/ID/` and a process of its own (`run_worker`) that writes to it:

    about.json        settings, title, star; who started it writes them
    status.json       how far it is, and what it reached; the worker writes it
    events.jsonl      what the training told, a JSON object a line (`run_events`)
    watched.npy       the digits to watch, uint8 (n, 28, 28)
    checkpoint.npz    the state after the last whole epoch, until the run has ended
    model/            the model with its card
    tensorboard/      the same curves for `tensorboard --logdir`
    log.txt           what the worker printed
    lock, stop        held while the worker lives; there when it is to stop

A run is alive while its worker holds the lock: the system lets go of it however the worker
ends. Nothing else tells; a process number stored in a file may by now be another process's.
"""

import contextlib
import dataclasses
import datetime
import json
import logging
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from digit_core import model_store, paths
from digit_core.limits import Limits, limits
from digit_core.model_store import StoredModel
from digit_core.settings import TrainingSettings

log = logging.getLogger(__name__)

ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
STATES = ("starting", "training", "storing", "finished", "stopped", "failed", "interrupted")
RUNNING = ("starting", "training", "storing")
LONGEST_TITLE = 60
WORKER_STARTS = 20  # seconds in which a worker must have taken its lock
MODEL = "model"  # name of the folder in a run's folder


class RunError(Exception):
    """Something cannot be done with a run; the text says why, in words for people."""


class BusyError(RunError):
    """As many runs as are allowed are training already; `run` is one of them."""

    def __init__(self, text: str, run: "Run"):
        super().__init__(text)
        self.run = run


@dataclass(frozen=True)
class Run:
    """A run as it was when it was looked at.

    Attributes:
        state: one of `STATES`; "interrupted" where the worker is gone and did not say why.
        message: a sentence about it, where there is one.
        created: when it was started first, with its time zone.
        status: what the worker wrote last: "epoch", "seconds", "best_validation_accuracy", and
            at the end "result" (`run_worker`); each may be missing.
    """

    id: str
    folder: Path
    settings: TrainingSettings
    title: str
    starred: bool
    created: datetime.datetime
    state: str
    message: str
    status: dict[str, Any]

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING

    @property
    def can_resume(self) -> bool:
        """Whether it ended before its last epoch."""
        return self.state in ("stopped", "interrupted", "failed") and not self.status.get("complete")

    @property
    def result(self) -> dict[str, Any] | None:
        return self.status.get("result")

    @property
    def model_name(self) -> str:
        """The name under which its model is kept beyond the run."""
        return f"{self.settings.architecture}-{self.id}".replace("_", "-")


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
        with contextlib.suppress(RunError):  # one that is being deleted, or damaged, hides only itself
            found.append(_read(folder_of_all() / name))
    return found


def start(settings: TrainingSettings, title: str = "", data: tuple[str, bytes] | None = None) -> Run:
    """Begin a run in a process of its own.

    Args:
        title: what people call it; its settings in words if empty.
        data: name and content of a file of digits to train on, kept with the run; `settings.data`
            is then ignored.

    Raises:
        BusyError: enough runs are training.
        RunError: training is not allowed here, the settings go beyond the limits, or nothing can be written.
    """
    allowed = limits()
    _check(settings, allowed)
    with _one_at_a_time():
        _check_room(allowed)
        now = datetime.datetime.now(datetime.UTC)
        folder = folder_of_all() / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        with _told_if_unwritable(), paths.replacing_folder(folder) as scratch:
            if data:
                (scratch / data[0]).write_bytes(data[1])
                settings = dataclasses.replace(settings, data=str(folder / data[0]))
            about = {"settings": dataclasses.asdict(settings), "title": _title(title), "starred": False,
                     "created": now.isoformat(timespec="seconds")}  # fmt: skip
            _write(scratch / "about.json", about)
        _launch(folder)
        _drop_old_ones(allowed.runs)
    return _read(folder)


def resume(run: Run) -> Run:
    """Let a run go on from its last whole epoch.

    Raises:
        BusyError, RunError: as for `start`; or the run has come to its end.
    """
    allowed = limits()
    _check(run.settings, allowed)
    with _one_at_a_time():
        run = find(run.id)
        if run.is_running:
            return run
        if not run.can_resume:
            raise RunError("This run has come to its end.")
        if run.status.get("seconds", 0) >= 60 * allowed.minutes:
            raise RunError("This run has had the longest time that is allowed here.")
        _check_room(allowed)
        with _told_if_unwritable():
            (run.folder / "stop").unlink(missing_ok=True)
        _launch(run.folder)
    return _read(run.folder)


def stop(run: Run) -> None:
    """Ask a run to end after its current step and to keep what it learnt.

    Raises:
        RunError: training is not allowed here, or nothing can be written; so it is for all that follows.
    """
    _check_allowed()
    with _told_if_unwritable():
        (run.folder / "stop").touch()


def is_stopping(run: Run) -> bool:
    """Whether it was asked to stop."""
    return os.path.exists(run.folder / "stop")


def rename(run: Run, title: str) -> None:
    """Give a run another title."""
    _change(run, title=_title(title))


def star(run: Run, starred: bool) -> None:
    """Mark a run as one to keep, or no longer."""
    _change(run, starred=starred)


def delete(run: Run) -> None:
    """Remove a run with all that is in it.

    Raises:
        RunError: it is training, or cannot be removed.
    """
    _check_allowed()
    if _read(run.folder).is_running:
        raise RunError("This run is training. Stop it first.")
    with _told_if_unwritable():
        shutil.rmtree(run.folder)


def model(run: Run) -> StoredModel | None:
    """The model that a run left, or None."""
    try:
        return model_store.read(run.folder / MODEL) if os.path.isdir(run.folder / MODEL) else None
    except model_store.ModelError:
        log.exception("The model of the run %s cannot be read", run.id)
        return None


def keep_model(run: Run) -> StoredModel:
    """Put a run's model among the stored ones, where it outlives the run; one of an earlier state is replaced.

    Raises:
        RunError: the run has no model.
        ModelError: it cannot be written.
    """
    found = model(run)
    if not found:
        raise RunError("This run has left no model.")
    return model_store.copy(found, run.model_name)


def log_tail(run: Run, lines: int = 12) -> str:
    """The last lines of what the worker printed."""
    return _tail(run.folder, lines)


def _tail(folder: Path, lines: int = 12) -> str:
    try:
        with open(folder / "log.txt", "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - 16_000, 0))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    shown = "\n".join(line.rpartition("\r")[2] for line in text.splitlines()[-lines:])
    return shown.replace(str(paths.home().resolve()), "$DIGIT_HOME").replace(str(paths.PROJECT), ".")


def _read(folder: Path) -> Run:
    try:
        about = json.loads((folder / "about.json").read_text())
        settings = TrainingSettings(**about["settings"])
        created = datetime.datetime.fromisoformat(about["created"])
        title, starred = str(about["title"]), bool(about["starred"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"The run {folder.name} cannot be read.") from error
    status = read_status(folder)
    if status.get("state") in RUNNING and not _is_launching(status) and not is_alive(folder):
        status = read_status(folder)  # again: it may have ended in between, and then says so
        if status.get("state") in RUNNING:
            status |= {"state": "interrupted", "message": "The training ended without a word. Its log may tell why."}
    state = status.get("state") if status.get("state") in STATES else "interrupted"
    message = str(status.get("message", ""))
    return Run(folder.name, folder, settings, title, starred, created, state, message, status)


def read_status(folder: Path) -> dict[str, Any]:
    """What the worker wrote last; empty where it has not written yet."""
    try:
        status = json.loads((folder / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def write_status(folder: Path, status: dict[str, Any]) -> None:
    _write(folder / "status.json", status)


def is_alive(folder: Path) -> bool:
    """Whether a worker holds the run's lock; asked three times, for another asker holds it for a moment."""
    for wait in (0.01, 0.01, 0):
        try:
            with lock_of(folder).acquire(timeout=0):
                return False
        except filelock.Timeout:
            time.sleep(wait)
        except OSError:  # the folder is gone, or read-only: nobody trains there
            return False
    return True


def _is_launching(status: dict[str, Any]) -> bool:
    """Whether a worker was launched a moment ago and may not have its lock yet."""
    launched = status.get("launched")
    return isinstance(launched, int | float) and time.time() - launched < WORKER_STARTS


def lock_of(folder: Path) -> filelock.FileLock:
    return filelock.FileLock(folder / "lock", thread_local=False)


def _write(path: Path, content: dict[str, Any]) -> None:
    """All at once or not at all."""
    with paths.replacing_file(path) as file:
        file.write(json.dumps(content).encode())


def _change(run: Run, **changes: Any) -> None:
    _check_allowed()
    with _told_if_unwritable():
        about = json.loads((run.folder / "about.json").read_text())
        _write(run.folder / "about.json", {**about, **changes})


def _title(text: str) -> str:
    return " ".join(text.split())[:LONGEST_TITLE]


def _check(settings: TrainingSettings, allowed: Limits) -> None:
    """Raises RunError where this host does not allow such a training."""
    _check_allowed()
    if settings.epochs > allowed.epochs:
        raise RunError(f"At most {allowed.epochs} epochs are allowed on this server.")


def _check_allowed() -> None:
    if not limits().training:
        raise RunError("Training is switched off on this server.")


def _check_room(allowed: Limits) -> None:
    """Raises BusyError where enough runs are training."""
    running = [run for run in list_runs() if run.is_running]
    if len(running) >= allowed.at_once:
        raise BusyError("Another training is running. It has to end first.", running[0])


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Nobody else on this machine starts a run meanwhile."""
    with _told_if_unwritable():
        folder_of_all().mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder_of_all() / ".starting")
        lock.acquire(timeout=2 * WORKER_STARTS)
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
        raise RunError(f"Nothing can be written to {folder_of_all()}: {reason}.") from error


def _launch(folder: Path) -> None:
    """Start the worker, detached from this process, and wait until it holds its lock."""
    with _told_if_unwritable():
        write_status(folder, {**read_status(folder), "state": "starting", "message": "", "launched": time.time()})
    command = [sys.executable, "-m", "digit_core", "train", "--run", folder.name]
    environment = {**os.environ, "DIGIT_HOME": str(paths.home().resolve()), "PYTHONUNBUFFERED": "1"}
    if folder_of_data := paths.data_dir():
        environment["DIGIT_DATA_DIR"] = str(folder_of_data.resolve())  # the worker runs elsewhere
    with _told_if_unwritable(), open(folder / "log.txt", "ab") as output:
        worker = subprocess.Popen(
            command,
            cwd=paths.PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # what ends the server or its terminal does not end the training
        )
    until = time.monotonic() + WORKER_STARTS
    while worker.poll() is None and not is_alive(folder) and time.monotonic() < until:
        time.sleep(0.05)
    if worker.poll() is not None and read_status(folder).get("launched"):
        log.error("The worker of %s ended at once:\n%s", folder.name, _tail(folder))
        write_status(folder, {"state": "failed", "message": "The training could not be started. Its log tells why."})


def _drop_old_ones(most: int) -> None:
    """Remove the oldest runs without a star, as long as there are more than `most`."""
    known = list_runs()
    loose = [run for run in known if not run.starred and not run.is_running]
    surplus = max(len(known) - most, 0)
    for run in loose[len(loose) - min(surplus, len(loose)) :]:
        with contextlib.suppress(RunError):  # it is logged; the run that was started is what counts
            delete(run)
