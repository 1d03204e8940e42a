"""The index of digits alike, and how good a model's maps are: made once a model, in a process of its own, so that
nobody waits for it."""

import os
import subprocess
import sys
import threading

import streamlit as st

from digit_core import paths
from digit_core.data import mnist
from digit_core.explanation import neighbours, quality
from digit_core.explanation.neighbours import Index
from digit_core.explanation.quality import Quality
from digit_core.models import store as model_store
from digit_core.models.store import StoredModel

LONGEST = 600  # seconds that making one may take
_lock = threading.Lock()


def data_name() -> str:
    """Whose digits are looked up: MNIST's where it is at hand."""
    return "mnist" if mnist.is_at_hand() else "builtin"


def find(model: StoredModel) -> Index | None:
    """The model's index if there is one."""
    try:
        made = os.stat(neighbours.file_of(model, data_name())).st_mtime_ns
    except OSError:
        return None
    return _loaded(model.name, data_name(), made)


@st.cache_resource(show_spinner=False, max_entries=3)
def _loaded(name: str, data: str, made: int) -> Index | None:
    return neighbours.kept(model_store.find(name), data)


def quality_of(model: StoredModel) -> dict[str, Quality] | None:
    """How good the model's maps are, once that was measured."""
    return quality.kept(model, data_name())


@st.cache_resource(show_spinner=False)
def _makers() -> dict[str, subprocess.Popen]:
    """The process that makes, or has made, the index of a model."""
    return {}


def is_busy() -> bool:
    """Whether an index is being made, of whichever model: one at a time."""
    return any(process.poll() is None for process in _makers().values())


def has_failed(model: StoredModel) -> bool:
    """Whether the last try ended without an index."""
    maker = _makers().get(model.name)
    return maker is not None and maker.poll() not in (None, 0)


def make(model: StoredModel) -> None:
    """Start making a model's index, unless one is being made."""
    with _lock:
        if is_busy():
            return
        environment = {**os.environ, "DIGIT_HOME": str(paths.home()), "OMP_NUM_THREADS": "1"}
        if folder := paths.data_dir():
            environment["DIGIT_DATA_DIR"] = str(folder)
        command = [sys.executable, "-m", "digit_core", "inside", "--model", model.name, "--data", data_name()]
        process = subprocess.Popen(command, cwd=paths.PROJECT, env=environment, stdin=subprocess.DEVNULL)
        _makers()[model.name] = process
    stopper = threading.Timer(LONGEST, process.kill)
    stopper.daemon = True
    stopper.start()
