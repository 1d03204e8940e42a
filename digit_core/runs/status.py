"""The files through which a run's worker reports: status, lock and log."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import filelock

from digit_core import paths, records

STATUS_NUMBERS = ("launched", "step", "seconds", "epoch", "best_validation_accuracy")
WORKER_STARTS = 60  # seconds within which a worker must take its lock, even on a busy machine
FRAME = re.compile(r"\s|Traceback \(most recent|(During|The above).* exception")  # begins a traceback's lines
FOLDERS = re.compile(r"(?<![\w/$.])/(?:[^\s/'\":]+/)+")  # of an absolute path


def read_status(folder: Path) -> dict[str, Any]:
    """The last status that the worker wrote; empty if there is none yet."""
    try:
        status = records.read_json(folder / "status.json")
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in status.items() if key not in STATUS_NUMBERS or _is_number(value)}


def _is_number(value: Any) -> bool:
    try:
        return records.number(value) >= 0
    except ValueError:
        return False


def write_status(folder: Path, status: dict[str, Any]) -> None:
    write(folder / "status.json", status)


def is_alive(folder: Path) -> bool:
    """Whether a worker holds the run's lock. Tries three times, because other callers hold it briefly to check."""
    for wait in (0.01, 0.01, 0):
        try:
            with lock_of(folder).acquire(timeout=0):
                return False
        except filelock.Timeout:
            time.sleep(wait)
        except OSError:  # the folder is gone, or read-only: nobody trains there
            return False
    return True


def is_launching(status: dict[str, Any]) -> bool:
    """Whether a worker was launched a moment ago and may not have its lock yet."""
    launched = status.get("launched")
    return launched is not None and 0 <= time.time() - launched < WORKER_STARTS  # below 0: the clock was set back


def lock_of(folder: Path) -> filelock.FileLock:
    return filelock.FileLock(folder / "lock", thread_local=False)


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    with paths.replacing_file(path) as file:
        file.write(json.dumps(content).encode())


def log_tail(folder: Path, lines: int) -> str:
    """The last lines of the worker's output, without traceback frames and folder paths."""
    told = [line for line in raw_tail(folder, 200).splitlines() if not FRAME.match(line)]
    return FOLDERS.sub("", "\n".join(told[-lines:]))


def raw_tail(folder: Path, lines: int = 12) -> str:
    """The last lines of the worker's output; progress bars are reduced to their last state."""
    try:
        with open(folder / "log.txt", "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - 16_000, 0))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(line.rpartition("\r")[2] for line in text.splitlines()[-lines:])
