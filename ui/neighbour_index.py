"""What the Inside page looks up of a model: the index of digits alike, and how good its maps are.

Both are made once a model, in a process of its own that gives way to others, so that nobody waits for it.
"""

import logging
import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from digit_core import paths
from digit_core.data import mnist
from digit_core.explanation import neighbours, quality
from digit_core.explanation.neighbours import Index
from digit_core.explanation.quality import Quality
from digit_core.models.store import StoredModel

log = logging.getLogger(__name__)

LONGEST = 600  # seconds that the process may take


@dataclass
class Maker:
    """The process that makes things now, or None; and the index files for which one ended without making all."""

    process: subprocess.Popen | None
    failed: set[Path]
    lock: threading.Lock


@st.cache_resource(show_spinner=False)
def _maker() -> Maker:
    return Maker(None, set(), threading.Lock())


def data_name() -> str:
    """Whose digits are looked up: MNIST's where it is at hand."""
    return "mnist" if mnist.is_at_hand() else "builtin"


def find(model: StoredModel) -> Index | None:
    """The model's index if there is one."""
    try:
        made = os.stat(neighbours.file_of(model, data_name())).st_mtime_ns
    except OSError:
        return None
    return _loaded(model.digest, data_name(), made, model)


@st.cache_resource(show_spinner=False, max_entries=3)
def _loaded(file: str, data: str, made: int, _model: StoredModel) -> Index | None:
    return neighbours.kept(_model, data)


def quality_of(model: StoredModel) -> dict[str, Quality] | None:
    """How good the model's maps are, once that was measured."""
    return quality.kept(model, data_name())


def is_busy() -> bool:
    """Whether something is being made, of whichever model: one at a time."""
    process = _maker().process
    return process is not None and process.poll() is None


def has_failed(model: StoredModel) -> bool:
    """Whether the last try for this very model ended without what it should have made."""
    return neighbours.file_of(model, data_name()) in _maker().failed


def make(model: StoredModel) -> None:
    """Start making what is missing of a model, unless that failed before or something is being made."""
    maker = _maker()
    with maker.lock:
        if is_busy() or has_failed(model):
            return
        command = paths.command("inside", "--model", model.name, "--data", data_name(), OMP_NUM_THREADS="1")
        try:
            maker.process = subprocess.Popen(**command)
        except OSError:
            log.exception("The digits alike cannot be made")
            maker.failed.add(neighbours.file_of(model, data_name()))
            return
        threading.Thread(target=_watch, args=(maker, maker.process, model), daemon=True).start()


def _watch(maker: Maker, process: subprocess.Popen, model: StoredModel) -> None:
    """Wait for the process, and look at what it left."""
    try:
        process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
    if neighbours.kept(model, data_name()) is None or quality_of(model) is None:
        log.warning("The digits alike of %s were not made: exit status %s", model.name, process.poll())
        maker.failed.add(neighbours.file_of(model, data_name()))
