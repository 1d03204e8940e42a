"""Precomputed data for the Inside page: a model's index of similar digits and the quality of its maps.

Both are computed once per model, in a separate low-priority process, so that the server stays responsive.
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
    """The current process, or None, and the index files of models whose process did not finish its work."""

    process: subprocess.Popen | None
    failed: set[Path]
    lock: threading.Lock


@st.cache_resource(show_spinner=False)
def _maker() -> Maker:
    return Maker(None, set(), threading.Lock())


def data_name() -> str:
    """Return the data set to search: MNIST if it is available locally, else the built-in one."""
    return "mnist" if mnist.is_at_hand() else "builtin"


def find(model: StoredModel) -> Index | None:
    """Return the model's index, or None if there is none."""
    try:
        made = os.stat(neighbours.file_of(model, data_name())).st_mtime_ns
    except OSError:
        return None
    return _loaded(model.digest, data_name(), made, model)


@st.cache_resource(show_spinner=False, max_entries=3)
def _loaded(file: str, data: str, made: int, _model: StoredModel) -> Index | None:
    return neighbours.kept(_model, data)


def quality_of(model: StoredModel) -> dict[str, Quality] | None:
    """Return the quality of the model's maps, or None if it has not been measured."""
    return quality.kept(model, data_name())


def is_busy() -> bool:
    """Return whether a process is running, for any model; only one runs at a time."""
    process = _maker().process
    return process is not None and process.poll() is None


def has_failed(model: StoredModel) -> bool:
    """Return whether the last attempt for this model failed."""
    return neighbours.file_of(model, data_name()) in _maker().failed


def make(model: StoredModel) -> None:
    """Start computing a model's missing data, unless that failed before or a process is running."""
    maker = _maker()
    with maker.lock:
        if is_busy() or has_failed(model):
            return
        command = paths.command("inside", "--model", model.name, "--data", data_name(), OMP_NUM_THREADS="1")
        try:
            maker.process = subprocess.Popen(**command)
        except OSError:
            log.exception("The index of similar digits cannot be made")
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
        log.warning("The index of similar digits for %s was not made: exit status %s", model.name, process.poll())
        maker.failed.add(neighbours.file_of(model, data_name()))
