"""What all visitors share: loaded models, data sets, readings and figures, each cached."""

import contextlib
import ctypes
import gc
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
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

MOST_MEASURED = 16_000_000  # bytes of evaluations that are held in memory
MOST_DRAWN = 8_000_000  # bytes of readings of drawings, likewise
MOST_EXPLAINED = 8_000_000  # bytes of what was found out about digits, likewise
MOST_READ = 16_000_000  # bytes of uploaded pictures with their readings, likewise
RELEASED_EVERY, GROWN = 5, 20_000_000  # seconds, and bytes that the process has grown by since


@st.cache_resource(show_spinner=False)
def settle(page: str) -> None:
    """Call when a page has run: moves what is loaded by then out of the garbage collector's sight.

    Otherwise each full collection looks through all imported modules again. `page` makes this happen once a page.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def keep_memory_small() -> None:
    """Call when a page has run: from then on, memory that was freed goes back to the system after a few seconds.

    glibc keeps what was freed, and after large pictures and data sets that is most of what the server holds. Giving it
    back takes up to 0.2 s, so it is done only where the process has grown.
    """
    threading.Thread(target=_release, name="release", daemon=True).start()


def _release() -> None:
    with contextlib.suppress(OSError, AttributeError):  # other C libraries
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
    """The recognizer of that name, loaded once; anew where its files have changed, for a training may have gone on.

    The shipped default one does not change: next to nothing is read for it at every stroke.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    return _load_once(name, _files(name))


def _files(name: str | None) -> str:
    """Changes when the files of a model do; "" for the shipped default one, whose never do."""
    name = model_store.default_name() if name is None else name
    return "" if name == model_store.DEFAULT_MODEL else cache.key(name)


@st.cache_resource(show_spinner=False, max_entries=20)
def story(folder: Path) -> Story:
    """What a run has told; all who watch it share one, and `update` reads on where another left off."""
    return Story(folder)


@st.cache_resource(show_spinner=False, max_entries=40)
def _figures(folder: Path, quantity: str) -> dict:
    """The newest figure of a curve, under "version" and "figure"."""
    return {}


def figure(told: Story, quantity: str, run: Run) -> dict:
    """A run's curves of loss or accuracy; drawn once for all who watch."""
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
        raise LookupError(folder)  # not remembered
    return found


def watched(folder: Path) -> np.ndarray | None:
    """The digits that a run watches, uint8 (n, 28, 28), once it has chosen them."""
    try:
        return _watched(folder)
    except LookupError:
        return None


def some_digits(data: str) -> Split:
    """One digit of each kind of a data set, or of the built-in one where it is not at hand, to show what is done."""
    return _some_digits(data if data != "mnist" or mnist.is_at_hand() else "builtin")


@st.cache_resource(show_spinner=False)
def _some_digits(data: str) -> Split:
    try:
        return datasets.load(data).train.one_of_each()
    except DatasetError:  # it was at hand a moment ago, or is damaged; training will say so
        log.warning("%s cannot be shown", data, exc_info=True)
        return datasets.load("builtin").train.one_of_each()


def outline(architecture: str) -> list[dict]:
    """The layers of a network."""
    return summaries()[architecture]


def chosen_model() -> tuple[str | None, str]:
    """The chosen model's name and the state of its files: what a reading depends on beside the picture."""
    name = state.get("model")
    return name, _files(name)


def default_recognizer() -> Recognizer:
    """The default recognizer.

    Where it cannot be loaded, the visitor is told so and the run ends here.
    """
    try:
        return load(None)
    except ModelError as error:
        log.exception("The recognizer cannot be loaded")
        st.error(f"{components.plain(str(error))} Nothing can be read until this is fixed.", icon=":material/error:")
        st.stop()


def chosen_recognizer() -> Recognizer:
    """The one that the visitor reads with; the default one where that has gone."""
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
    """What is read on a canvas, uint8 (height, width, 3); the same picture is read once by each model."""
    name = None if recognizer.name == model_store.default_name() else recognizer.name
    key = hashlib.sha256(picture.tobytes()).hexdigest(), name, _files(name)
    return _drawings_read().get_or_make(
        key, lambda: _offload().read(name, key[2], picture, lambda: recognizer.read(picture))
    )


@st.cache_resource(show_spinner=False)
def _offload() -> Offload:
    return Offload()


@st.cache_resource(show_spinner=False)
def _drawings_read() -> Bounded:
    return Bounded(MOST_DRAWN)


def evidence(recognizer: Recognizer, digit: np.ndarray) -> Evidence:
    """What speaks for which digit in one, uint8 (28, 28); worked out once for all who look at it."""
    key = "evidence", recognizer.name, _files(recognizer.name), digit.tobytes()
    return _explained().get_or_make(key, lambda: occlusion.explain(recognizer.classify, digit))


def tips(recognizer: Recognizer, digit: np.ndarray, edit: Edit) -> list[Tip]:
    """Where the answer to a digit with changes tips over; likewise."""
    key = "tips", recognizer.name, _files(recognizer.name), digit.tobytes(), edit
    return _explained().get_or_make(key, lambda: edits.tips(recognizer.classify, digit, edit))


@st.cache_resource(show_spinner=False)
def _explained() -> Bounded:
    return Bounded(MOST_EXPLAINED)


@st.cache_resource(show_spinner=False, max_entries=4)
def _test_digits(data: str, trained_on: str | None) -> Split:
    _, split = datasets.load_test(data, trained_on=trained_on)
    return Split(split.images.copy(), split.labels.copy())  # without the training part behind it


def test_digits(data: str, model: str) -> Split:
    """The test digits of a data set, for a model that may have been trained on it; shared by all visitors.

    Raises:
        DatasetError: they cannot be had.
    """
    return _test_digits(data, None if data in datasets.DATASETS else model_store.find(model).trained_on)


@st.cache_resource(show_spinner=False)
def _measured() -> Bounded:
    """What was measured of models, by `evaluation.cache.key`; it is also kept on disk, where that can be written."""
    return Bounded(MOST_MEASURED)


@st.cache_resource(show_spinner=False)
def uploads_read() -> Bounded:
    """Uploaded pictures, reduced, and their readings, by the file's digest and `chosen_model`."""
    return Bounded(MOST_READ)


def _remembered(key: str, measure: Callable[[], Any]) -> Any:
    return _measured().get_or_make(key, measure)


def assessed(model: str, digits: Split, tell: OnProgress) -> Evaluation:
    """How a model reads digits: from memory, from the store, or now, telling how far it is.

    Raises:
        ModelError: there is no such model.
    """
    return _remembered(cache.key(model, digits.digest()), lambda: cache.assess(model, digits, tell))


def is_assessed(model: str, digits: Split) -> bool:
    """Whether `assessed` would answer at once."""
    return _measured().get(cache.key(model, digits.digest())) is not None or cache.is_kept(model, digits)


def robustness_of(model: str, digits: Split, tell: OnProgress) -> list[robustness.Curve]:
    """The curves of a model, likewise."""
    return _remembered(_robustness_key(model, digits), lambda: robustness.measure(model, digits, tell))


def is_robustness_measured(model: str, digits: Split) -> bool:
    """Whether `robustness_of` would answer at once."""
    return _measured().get(_robustness_key(model, digits)) is not None or robustness.is_kept(model, digits)


def _robustness_key(model: str, digits: Split) -> str:
    return cache.key(model, digits.digest(), "robustness")
