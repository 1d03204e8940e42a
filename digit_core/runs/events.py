"""The events of a run as JSON lines: `Recorder` writes them while training, `Story` reads new ones.

There are thousands of batches, so only a few per second are recorded; every epoch and every glimpse at the
watched digits is. Several readers may follow one writer: a line counts once its newline is written.
"""

import dataclasses
import json
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from digit_core import paths, records
from digit_core.runs.filters import FilterLog
from digit_core.training.events import BatchEnd, EpochEnd, Event, Glimpse, Started

FILE = "events.jsonl"
WATCHED_FILE = "watched.npy"
EVERY = 0.25  # seconds between recorded batches
LATER, EVERY_LATER = 180, 1.0  # from LATER seconds on, one per EVERY_LATER: long runs would fill disks and screens


class Recorder:
    """Writes events to a run's folder; not thread-safe."""

    def __init__(self, folder: Path, epochs_done: int = 0):
        """`epochs_done`: later events are discarded, because the run resumes from there."""
        self._folder = folder
        _keep_epochs(folder / FILE, epochs_done)
        self._file = open(folder / FILE, "a", buffering=1)  # noqa: SIM115  a line at a time, until closed
        self._filters = FilterLog(folder)
        self._began = time.monotonic()
        self._last = -EVERY_LATER

    def __call__(self, event: Event) -> None:
        """Record an event. Raises OSError if the disk is full or gone."""
        if isinstance(event, BatchEnd):
            now = time.monotonic() - self._began
            if event.step < event.steps and now - self._last < (EVERY if now < LATER else EVERY_LATER):
                return
            self._last = now
        elif isinstance(event, Started):
            np.save(self._folder / WATCHED_FILE, event.watched, allow_pickle=False)
        elif isinstance(event, Glimpse) and event.filters is not None:
            self._filters.add(event.filters)
        self._file.write(json.dumps(_plain(event)) + "\n")

    def close(self) -> None:
        self._file.close()


@dataclass
class Story:
    """The events of a run so far; `update` reads new ones. Safe to share between threads.

    Attributes:
        batches: (epochs as a decimal number, loss, accuracy) of each recorded batch: means over its epoch so far.
        epochs: one `EpochEnd` per epoch.
        last: the last batch, or None.
        glimpse: float (labels, 10) or None: the network's latest probabilities for the watched digits.
        labels: the labels of the watched digits.
        digits: number of digits in each part, or None before the start.
        version: increases with every change.
    """

    folder: Path
    batches: list[tuple[float, float, float]] = field(default_factory=list)
    epochs: list[EpochEnd] = field(default_factory=list)
    last: BatchEnd | None = None
    glimpse: np.ndarray | None = None
    labels: list[int] = field(default_factory=list)
    digits: dict[str, int] | None = None
    version: int = 0
    _place: tuple[int, int] = (0, 0)  # the file's inode, and how far it was read
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def update(self) -> "Story":
        """Read what was added since the last time."""
        with self._lock:
            for line in self._new_lines():
                try:
                    self._add(records.parse(line))
                except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
                    continue  # half a line from a full disk
        return self

    def curve(self) -> np.ndarray:
        """Means between consecutive recorded batches, float (n, 3): epochs, loss, accuracy.

        Derived from the running means over the epoch that Keras reports.
        """
        told = np.array(self.batches).reshape(-1, 3)
        epoch = np.ceil(told[:, 0] - 1e-9) - 1
        so_far = told[:, :1] - epoch[:, None]  # the fraction of the epoch that each mean covers
        totals = so_far * told[:, 1:]
        first = np.diff(epoch, prepend=-1) != 0
        before = np.where(first[:, None], 0, np.roll(totals, 1, axis=0))
        share_before = np.where(first[:, None], 0, np.roll(so_far, 1, axis=0))
        means = (totals - before) / np.maximum(so_far - share_before, 1e-9)
        return np.column_stack([told[:, 0], np.maximum(means, 0)])

    def _new_lines(self) -> list[bytes]:
        try:
            with open(self.folder / FILE, "rb") as file:
                inode, offset = os.fstat(file.fileno()).st_ino, self._place[1]
                if inode != self._place[0]:  # rewritten: the run was resumed from a checkpoint
                    self._forget()
                    offset = 0
                file.seek(offset)
                content = file.read()
        except OSError:
            return []
        whole = content.rfind(b"\n") + 1
        self._place = inode, offset + whole
        return content[:whole].splitlines()

    def _forget(self) -> None:
        self.batches, self.epochs, self.last, self.glimpse = [], [], None, None
        self.version += 1

    def _add(self, event: dict[str, Any]) -> None:
        kind = event.pop("kind")
        if kind == "batch":
            last = records.from_dict(BatchEnd, event)
            place = last.epoch - 1 + last.step / last.steps
            self.batches.append((place, last.loss, last.accuracy))
            self.last = last
        elif kind == "epoch":
            self.epochs.append(records.from_dict(EpochEnd, event))
        elif kind == "glimpse":
            self.glimpse = np.array(event["probabilities"], float).reshape(len(self.labels), 10)
        elif kind == "started":
            digits = {name: int(records.number(event["digits"][name])) for name in ("train", "validation", "test")}
            self.digits, self.labels = digits, np.array(event["labels"], np.uint8).reshape(-1).tolist()
        self.version += 1


def watched(folder: Path) -> np.ndarray | None:
    """The digits that are watched, uint8 (n, 28, 28), once training has begun."""
    try:
        return np.load(folder / WATCHED_FILE, allow_pickle=False)
    except (OSError, ValueError):
        return None


def _plain(event: Event) -> dict[str, Any]:
    if isinstance(event, Started):
        return {"kind": "started", "digits": event.digits, "labels": event.labels.tolist()}
    if isinstance(event, Glimpse):
        shares = np.round(event.probabilities.astype(float), 4).tolist()
        return {"kind": "glimpse", "epoch": event.epoch, "step": event.step, "probabilities": shares}
    kind = "batch" if isinstance(event, BatchEnd) else "epoch"
    return {"kind": kind, **{key: _short(value) for key, value in dataclasses.asdict(event).items()}}


def _short(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _keep_epochs(path: Path, epochs: int) -> None:
    """Rewrite the file without the events after the first `epochs` epochs."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    with paths.replacing_file(path) as file:
        for line in lines:
            try:
                kept = records.number(records.parse(line).get("epoch", 0)) <= epochs
            except ValueError:
                continue
            if kept:
                file.write(line + b"\n")
