"""Caches shared by all visitors: models, data sets, readings and figures."""

import contextlib
import ctypes
import gc
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from digit_core import Reading, Recognizer, training_charts
from digit_core.data import datasets, mnist
from digit_core.data.datasets import DatasetError, Split
from digit_core.evaluation import cache, robustness
from digit_core.evaluation.cache import OnProgress
from digit_core.evaluation.metrics import Evaluation
from digit_core.explanation import edits, occlusion
from digit_core.explanation.edits import Edit, Tip
from digit_core.explanation.occlusion import Evidence
from digit_core.models import store as model_store
from digit_core.models.store import ModelError
from digit_core.reading.offload import Offload
from digit_core.runs import events as run_events
from digit_core.runs.events import Story
from digit_core.runs.store import Run
from digit_core.training.layer_summary import summaries
from ui import components, state
from ui.bounded import Bounded

log = logging.getLogger(__name__)

# Cache limits in bytes
MOST_MEASURED = 16_000_000  # evaluations
MOST_DRAWN = 8_000_000  # readings of drawings
MOST_EXPLAINED = 8_000_000  # explanations of digits
MOST_READ = 16_000_000  # uploaded pictures with their readings
RELEASED_EVERY, GROWN = 5, 20_000_000  # seconds between checks; growth in bytes that triggers a release
MMAP_THRESHOLD, LARGE = -3, 3_000_000  # of mallopt(3): allocations of this many bytes are returned when freed


@st.cache_resource(show_spinner=False)
def settle(page: str) -> None:
    """Exclude everything loaded so far from garbage collection; call after a page has run.

    Otherwise each full collection scans all imported modules again. `page` is the cache key: this runs once per page.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def keep_memory_small() -> None:
    """Return freed memory to the system: large arrays at once, the rest every few seconds. Call after a page has run.

    glibc keeps freed memory, which is most of the server's memory after large pictures and data sets. Returning it
    takes up to 0.2 s, so it is done only if the process has grown. Without a fixed threshold, glibc would also place
    ever larger arrays on its heap, which small objects then keep from shrinking.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc; Windows raises TypeError
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, LARGE)
        threading.Thread(target=_release, name="release", daemon=True).start()


def _release() -> None:
    with contextlib.suppress(OSError):
        trim, least = ctypes.CDLL(None).malloc_trim, 0
        while True:
            if _held() > least + GROWN:
                trim(0)
                least = _held()
            time.sleep(RELEASED_EVERY)


def _held() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@st.cache_resource(show_spinner=False, max_entries=12)
def _load_once(name: str | None, files: str) -> Recognizer:
    return Recognizer.load(name)


def load(name: str | None) -> Recognizer:
    """Return the cached recognizer; reload it if its files have changed, for example after more training.

    The files of the shipped default never change, so they are not checked on every stroke.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    return _load_once(name, _files(name))


def _files(name: str | None) -> str:
    """Return a fingerprint of a model's files; "" for the shipped default, whose files never change."""
    name = model_store.default_name() if name is None else name
    return "" if name == model_store.DEFAULT_MODEL else cache.key(name)


@st.cache_resource(show_spinner=False, max_entries=20)
def story(folder: Path) -> Story:
    """Return a run's events. All viewers share one object, and `update` continues from the last read position."""
    return Story(folder)


@st.cache_resource(show_spinner=False, max_entries=40)
def _figures(folder: Path, quantity: str) -> dict:
    """Return the cache entry of a curve, with "figure" and the "version" of the data it shows."""
    return {}


def figure(told: Story, quantity: str, run: Run) -> dict:
    """Return a run's loss or accuracy curves, drawn once for all viewers."""
    newest = _figures(told.folder, quantity)
    if newest.get("version") != told.version:
        drawn = training_charts.training_curves(
            training_charts.run_curves(told.curve(), told.epochs, quantity), quantity, run.id, run.settings.epochs
        )
        newest |= {"figure": drawn, "version": told.version}
    return newest["figure"]


@st.cache_resource(show_spinner=False, max_entries=20)
def _watched(folder: Path) -> np.ndarray:
    found = run_events.watched(folder)
    if found is None:
        raise LookupError(folder)  # exceptions are not cached
    return found


def watched(folder: Path) -> np.ndarray | None:
    """Return the digits that a run watches, uint8 (n, 28, 28), or None if it has not chosen them yet."""
    try:
        return _watched(folder)
    except LookupError:
        return None


def some_digits(data: str) -> Split:
    """Return one example of each digit from a data set, or from the built-in one if MNIST is not available locally."""
    return _some_digits(data if data != "mnist" or mnist.is_at_hand() else "builtin")


@st.cache_resource(show_spinner=False)
def _some_digits(data: str) -> Split:
    try:
        return datasets.load(data).train.one_of_each()
    except DatasetError:  # just deleted, or damaged; training will report it
        log.warning("%s cannot be shown", data, exc_info=True)
        return datasets.load("builtin").train.one_of_each()


def outline(architecture: str) -> list[dict]:
    """The layers of a network."""
    return summaries()[architecture]


def chosen_model() -> tuple[str | None, str]:
    """Return the chosen model's name and file fingerprint: with the picture, the cache key of a reading."""
    name = state.get("model")
    return name, _files(name)


def default_recognizer() -> Recognizer:
    """Return the default recognizer, or show an error and stop the script if it cannot be loaded."""
    try:
        return load(None)
    except ModelError as error:
        log.exception("The recognizer cannot be loaded")
        st.error(f"{components.plain(str(error))} Nothing can be read until this is fixed.", icon=":material/error:")
        st.stop()


def chosen_recognizer() -> Recognizer:
    """Return the recognizer that the visitor chose, or the default if it no longer exists."""
    name = state.get("model")
    if name is not None:
        try:
            return load(name)
        except ModelError as error:
            log.warning("A chosen model cannot be loaded: %s", error)
            state.put("model", None)
            st.warning(f"The model {components.plain(name)} is no longer there. The default model is used instead.")
    return default_recognizer()


def read_drawing(picture: np.ndarray, recognizer: Recognizer) -> Reading:
    """Return the reading of a canvas picture, uint8 (height, width, 3), cached per model."""
    name = None if recognizer.name == model_store.default_name() else recognizer.name
    key = hashlib.sha256(picture.tobytes()).hexdigest(), name, _files(name)
    return _drawings_read().get_or_make(
        key, lambda: _offload().read(name, key[2], picture, lambda: recognizer.read(picture)), waits=True
    )


@st.cache_resource(show_spinner=False)
def _offload() -> Offload:
    return Offload()


@st.cache_resource(show_spinner=False)
def _drawings_read() -> Bounded:
    return Bounded(MOST_DRAWN)


def evidence(recognizer: Recognizer, digit: np.ndarray) -> Evidence:
    """Return the cached evidence for each class in a digit, uint8 (28, 28)."""
    key = "evidence", recognizer.classifier_digest, digit.tobytes()
    return _explained().get_or_make(key, lambda: occlusion.explain(recognizer.classify, digit), waits=True)


def tips(recognizer: Recognizer, digit: np.ndarray, edit: Edit) -> list[Tip]:
    """Return the cached amounts of change at which the answer to an edited digit flips."""
    key = "tips", recognizer.classifier_digest, digit.tobytes(), edit
    return _explained().get_or_make(key, lambda: edits.tips(recognizer.classify, digit, edit), waits=True)


def begin(*explanations: Callable[[], object]) -> None:
    """Start to compute, in a thread, explanations that this run shows further down. What an earlier run of the same
    visitor no longer needs is dropped, unless it is being computed. Nobody waits for others' explanations: a run
    computes what has not been begun itself."""
    for outdated in st.session_state.pop("explanations_begun", ()):
        outdated.cancel()
    st.session_state["explanations_begun"] = [_ahead().submit(explain) for explain in explanations]


@st.cache_resource(show_spinner=False)
def _ahead() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "explanations")


@st.cache_resource(show_spinner=False)
def _explained() -> Bounded:
    return Bounded(MOST_EXPLAINED)


@st.cache_resource(show_spinner=False, max_entries=4)
def _test_digits(data: str, trained_on: tuple[str, ...]) -> Split:
    _, split = datasets.load_test(data, trained_on=trained_on)
    return Split(split.images.copy(), split.labels.copy())  # copies, so that the training part can be freed


def test_digits(data: str, model: str) -> Split:
    """Return the test digits of a data set, for a model that may have been trained on it; cached for all visitors.

    Raises:
        DatasetError: the data set cannot be loaded.
    """
    return _test_digits(data, () if data in datasets.DATASETS else model_store.find(model).trained_on)


@st.cache_resource(show_spinner=False)
def _measured() -> Bounded:
    """The cache of measurements by `evaluation.cache.key`; they are also stored on disk if it is writable."""
    return Bounded(MOST_MEASURED)


@st.cache_resource(show_spinner=False)
def uploads_read() -> Bounded:
    """The cache of downscaled uploads and their readings, by file digest and `chosen_model`."""
    return Bounded(MOST_READ)


def _remembered(key: str, measure: Callable[[], Any]) -> Any:
    return _measured().get_or_make(key, measure)


def assessed(model: str, digits: Split, tell: OnProgress) -> Evaluation:
    """Return a model's evaluation from memory or disk, or compute it and report progress to `tell`.

    Raises:
        ModelError: there is no such model.
    """
    return _remembered(cache.key(model, digits.digest()), lambda: cache.assess(model, digits, tell))


def is_assessed(model: str, digits: Split) -> bool:
    """Whether `assessed` would answer at once."""
    return _measured().get(cache.key(model, digits.digest())) is not None or cache.is_kept(model, digits)


def robustness_of(model: str, digits: Split, tell: OnProgress) -> list[robustness.Curve]:
    """Return a model's robustness curves, cached in the same way."""
    return _remembered(_robustness_key(model, digits), lambda: robustness.measure(model, digits, tell))


def is_robustness_measured(model: str, digits: Split) -> bool:
    """Whether `robustness_of` would answer at once."""
    return _measured().get(_robustness_key(model, digits)) is not None or robustness.is_kept(model, digits)


def _robustness_key(model: str, digits: Split) -> str:
    return cache.key(model, digits.digest(), "robustness")
