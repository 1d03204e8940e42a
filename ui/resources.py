"""The only caches round the core: what all visitors share."""

import gc
import logging
from pathlib import Path

import numpy as np
import streamlit as st

from digit_core import Recognizer, assessment, charts, datasets, robustness, run_events
from digit_core.assessment import OnProgress
from digit_core.datasets import Split
from digit_core.evaluation import Evaluation
from digit_core.model_store import ModelError
from digit_core.outlines import outlines
from digit_core.run_events import Story
from digit_core.runs import Run
from ui import components, state

log = logging.getLogger(__name__)

MOST_MEASURED = 24  # evaluations that are held in memory


@st.cache_resource(show_spinner=False)
def settle(page: str) -> None:
    """Call when a page has run: what is loaded by now stays, so that nobody need look through it again.

    Streamlit collects garbage after every run, also of a fragment that looks at a training each second; with all
    modules among what is looked through, that took more time than everything else.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False, max_entries=12)
def _load_once(name: str | None, files: str) -> Recognizer:
    return Recognizer.load(name)


def _load(name: str | None) -> Recognizer:
    """Loaded once; a model that came from a training anew where its files have changed, for that may have gone on.

    The default one ships with the program and does not change: nothing is read for it at every stroke.
    """
    return _load_once(name, "" if name is None else assessment.key(name))


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
        drawn = charts.training_curves(
            charts.run_curves(told.curve(), told.epochs, quantity), quantity, run.id, run.settings.epochs
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


@st.cache_resource(show_spinner=False)
def some_digits() -> Split:
    """One built-in digit of each kind, to show what is done to digits."""
    split = datasets.load("builtin").train
    places = [int(np.flatnonzero(split.labels == digit)[1]) for digit in range(10)]
    return Split(split.images[places], split.labels[places])


def outline(architecture: str) -> list[dict]:
    """The layers of a network."""
    return outlines()[architecture]


def recognizer(name: str | None = None) -> Recognizer:
    """The recognizer of that name, the default one for None; loaded once, safe to share.

    Where it cannot be loaded, the visitor is told so and the run ends here.
    """
    try:
        return _load(name)
    except ModelError as error:
        log.exception("The recognizer cannot be loaded")
        st.error(f"{components.plain(str(error))} Nothing can be read until that is mended.", icon=":material/error:")
        st.stop()


def chosen_recognizer() -> Recognizer:
    """The one that the visitor reads with; the default one where that has gone."""
    name = state.get("model")
    if name is not None:
        try:
            return _load(name)
        except ModelError as error:
            log.warning("A chosen model cannot be loaded: %s", error)
            state.put("model", None)
            st.warning(f"The model {components.plain(name)} is no longer there. Inkling's own reads instead.")
    return recognizer()


@st.cache_resource(show_spinner=False, max_entries=4)
def _test_digits(data: str) -> Split:
    _, split = datasets.load_test(data)
    return Split(split.images.copy(), split.labels.copy())  # without the training part behind it


def test_digits(data: str) -> Split:
    """The test digits of a data set, shared by all visitors.

    Raises:
        DatasetError: they cannot be had.
    """
    return _test_digits(data)


@st.cache_resource(show_spinner=False)
def _measured() -> dict:
    """What was measured of models, by `assessment.key`; it is also kept on disk, where that can be written."""
    return {}


def _remember(key: str, result) -> None:
    measured = _measured()
    measured[key] = result
    while len(measured) > MOST_MEASURED:
        measured.pop(next(iter(measured)), None)


def assessed(model: str, digits: Split, tell: OnProgress) -> Evaluation:
    """How a model reads digits: from memory, from the store, or now, telling how far it is.

    Raises:
        ModelError: there is no such model.
    """
    key = assessment.key(model, digits.digest())
    if key not in _measured():
        _remember(key, assessment.assess(model, digits, tell))
    return _measured()[key]


def is_assessed(model: str, digits: Split) -> bool:
    """Whether `assessed` would answer at once."""
    return assessment.key(model, digits.digest()) in _measured() or assessment.is_kept(model, digits)


def robustness_of(model: str, digits: Split, tell: OnProgress) -> list[robustness.Curve]:
    """The curves of a model, likewise."""
    key = assessment.key(model, digits.digest(), "robustness")
    if key not in _measured():
        _remember(key, robustness.measure(model, digits, tell))
    return _measured()[key]


def is_robustness_measured(model: str, digits: Split) -> bool:
    """Whether `robustness_of` would answer at once."""
    return assessment.key(model, digits.digest(), "robustness") in _measured() or robustness.is_kept(model, digits)
