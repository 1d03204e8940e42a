"""Snapshot of a training run, and the errors of operations on runs."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digit_core import records
from digit_core.training.settings import TrainingSettings

STATES = ("starting", "training", "storing", "finished", "stopped", "failed", "interrupted")
RUNNING = ("starting", "training", "storing")


class RunError(Exception):
    """Something cannot be done with a run; the text says why, in words for people."""


class BusyError(RunError):
    """The maximum number of runs is already training; `run` is one of them."""

    def __init__(self, text: str, run: "Run"):
        super().__init__(text)
        self.run = run


@dataclass(frozen=True)
class Run:
    """Snapshot of a run.

    Attributes:
        state: one of `STATES`; "interrupted" if the worker is gone and reported no reason.
        message: a sentence about the state, or "".
        created: time of the first start, with time zone.
        owner: the visitor who started it, "" for the host.
        status: what the worker wrote last: "epoch", "seconds", "best_validation_accuracy", and
            at the end "result" (`worker`); each may be missing.
    """

    id: str
    folder: Path
    settings: TrainingSettings
    title: str
    starred: bool
    created: datetime.datetime
    owner: str
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
        result = self.status.get("result")
        try:
            [records.number(result[key]) for key in ("validation", "test", "test_digits", "best_epoch", "parameters")]
            return result if np.array(result["test_confusion"], np.int64).shape == (10, 10) else None
        except (ValueError, KeyError, TypeError, OverflowError):
            return None

    @property
    def model_name(self) -> str:
        """The name under which its model is kept beyond the run."""
        return f"{self.settings.architecture}-{self.id}".replace("_", "-")

    def check_owner(self, who: str | None) -> None:
        """Raise RunError if a visitor tries to change somebody else's run; `who` is None for the host itself."""
        if who is not None and (not who or self.owner != who):
            raise RunError("Somebody else started this run. You can watch it, compare it, and use its network.")
