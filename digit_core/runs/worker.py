"""The worker process of a run, `python -m digit_core train --run ID`: trains, and writes what `runs` reads.

It holds the run's lock until it exits. However it ends, `status.json` holds a sentence for
people and `log.txt` the cause.
"""

import datetime
import errno
import logging
import math
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import filelock
import psutil

from digit_core import paths
from digit_core.data.datasets import DatasetError
from digit_core.models import store as model_store
from digit_core.models.export import ExportError
from digit_core.models.store import ModelError
from digit_core.runs import events as run_events
from digit_core.runs import store as runs
from digit_core.runs.limits import limits
from digit_core.runs.status import lock_of
from digit_core.training import checkpoints
from digit_core.training.checkpoints import CheckpointError
from digit_core.training.events import BatchEnd, EpochEnd, Event, TrainingError

log = logging.getLogger(__name__)

NICENESS = 10  # reading a drawn digit has priority
LEAST_MEMORY = 900_000_000  # bytes; TensorFlow alone takes 630 million
LEAST_DISK = 100_000_000  # bytes for checkpoints, model and log
RESERVE = 65_536  # bytes freed to write the status when the disk is full
LOOK_EVERY = 0.2  # seconds between checks for a stop request


class _NoRoomError(Exception):
    """This machine lacks memory or disk space; the text says which."""


def work(run_id: str) -> int:
    """Train the run with this ID, resuming from its checkpoint if there is one. Returns the exit status."""
    run = runs.find(run_id)
    try:
        lock = lock_of(run.folder).acquire(timeout=5)
    except filelock.Timeout:
        print("This run is training already.", file=sys.stderr)
        return 1
    with lock:
        print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC, process {os.getpid()}", flush=True)
        return _Work(run).do()


class _Work:
    """One execution of a worker."""

    def __init__(self, run: runs.Run):
        self.run, self.folder = run, run.folder
        self.checkpoint, self.reserve = run.folder / "checkpoint.npz", run.folder / "reserve"
        self.status: dict[str, Any] = {key: run.status[key] for key in KEPT if key in run.status}
        self.began = time.monotonic()
        self.seconds_before = float(self.status.get("seconds", 0.0))
        self.longest = 60 * limits().minutes
        self.looked, self.asked = 0.0, False
        self.out_of_time = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def do(self) -> int:
        try:
            done = self.status.get("epoch", 0)
            going_on = f" Resuming after epoch {done} of {self.run.settings.epochs}." if done else ""
            self.say("starting", f"Starting TensorFlow, which takes some seconds.{going_on}")
            _make_way()
            _check_room(self.folder)
            paths.recover_folders(self.folder, ours=True)
            self.reserve.write_bytes(bytes(RESERVE))
            trained = self.train()
            self.store(trained)
        except _known_errors() as error:
            traceback.print_exc()
            return self.fail(str(error).replace(f"{self.folder}{os.sep}", ""))
        except MemoryError:
            traceback.print_exc()
            return self.fail("This machine ran out of memory. Try a smaller batch size or network.")
        except OSError as error:
            traceback.print_exc()
            return self.fail(_why_unwritable(error))
        except Exception:  # report any error: nobody should wait for a run that has ended
            traceback.print_exc()
            return self.fail("Something went wrong. The log shows the cause.")
        return 0

    def train(self):
        """Train with events, stopping and checkpoints."""
        from digit_core.runs.tensorboard import Board
        from digit_core.training import training

        settings, done = self.run.settings, 0
        if self.checkpoint.exists():
            done = len(checkpoints.load(self.checkpoint).about["history"])
        recorder, board = run_events.Recorder(self.folder, done), Board(self.folder / "tensorboard")

        def tell(event: Event) -> None:
            recorder(event)
            board(event)
            if isinstance(event, EpochEnd):
                self.end_epoch(event)
            elif isinstance(event, BatchEnd) and self.status["state"] == "starting":
                self.say("training")

        self.say("starting", "Loading the digits.", step=1)
        try:
            return training.train(settings, tell, self.should_stop, self.checkpoint)
        finally:
            recorder.close()
            board.close()

    def store(self, trained) -> None:
        """Save the model and report the result."""
        from digit_core.training import training

        stopped = trained.stopped
        self.say("storing", "Storing what was learnt.", stopped=stopped)
        digits = trained.dataset.validation.images
        stored = model_store.save(trained.model, runs.MODEL, training.describe(trained), digits, self.folder)
        self.status["result"] = {
            "validation": trained.validation.accuracy,
            "test": trained.test.accuracy,
            "test_digits": trained.test.digits,
            "test_confusion": trained.test.confusion.tolist(),
            "best_epoch": trained.best_epoch,
            "seconds": trained.seconds,
            "parameters": stored.card["parameters"],
        }
        if stopped:
            reason = "It reached the time limit." if self.out_of_time else ""
            self.say("stopped", f"{reason} What it learned so far is saved.".strip())
        else:
            self.say("finished", complete=True)
            checkpoints.remove(self.checkpoint)
        self.reserve.unlink(missing_ok=True)

    def should_stop(self) -> bool:
        now = time.monotonic()
        if now - self.looked >= LOOK_EVERY:
            self.looked = now
            self.out_of_time = self.seconds_before + now - self.began > self.longest
            self.asked = self.asked or self.out_of_time or runs.is_stopping(self.run)
            if self.asked:  # training ends with this step; measuring takes some seconds more
                self.say("storing", "Storing what was learnt.", stopped=True)
        return self.asked

    def end_epoch(self, event: EpochEnd) -> None:
        best = max(event.validation_accuracy, self.status.get("best_validation_accuracy", 0.0))
        self.say("training", epoch=event.epoch, best_validation_accuracy=best if math.isfinite(best) else 0.0)

    def say(self, state: str, message: str = "", **more: Any) -> None:
        seconds = round(self.seconds_before + time.monotonic() - self.began, 1)
        self.status |= {"state": state, "message": message, "seconds": seconds, **more}
        runs.write_status(self.folder, self.status)

    def fail(self, message: str) -> int:
        try:
            self.reserve.unlink(missing_ok=True)  # the final status needs room on a full disk
            self.say("failed", message)
        except OSError:  # once the lock is gone the run counts as interrupted
            traceback.print_exc()
        return 1

    def _on_signal(self, number, frame) -> None:
        self.asked = True


KEPT = ("epoch", "best_validation_accuracy", "seconds", "result")  # status entries carried over when a run is resumed


def _make_way() -> None:
    """Leave CPU time to the app: lower priority, one thread fewer than there are cores."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    threads = str(max((os.cpu_count() or 1) - 1, 1))
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def _check_room(folder: Path) -> None:
    """Raise _NoRoomError early if memory or disk space is too low to finish."""
    if psutil.virtual_memory().available < LEAST_MEMORY:
        raise _NoRoomError("This machine has too little free memory to train. Close something, and try again.")
    if shutil.disk_usage(folder).free < LEAST_DISK:
        raise _NoRoomError("The disk of this machine is full. Delete old runs, and try again.")


def _why_unwritable(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk of this machine is full. Delete old runs, then resume this one from its last complete epoch."
    return f"The training could not write its files: {error.strerror or 'their folder cannot be used'}."


def _known_errors() -> tuple[type[Exception], ...]:
    """The errors whose text is meant for people; DistributionError only once its module is loaded."""
    known = [_NoRoomError, DatasetError, ModelError, CheckpointError, ExportError, TrainingError, runs.RunError]
    if distribution := sys.modules.get("digit_core.training.distribution"):
        known.append(distribution.DistributionError)
    return tuple(known)
