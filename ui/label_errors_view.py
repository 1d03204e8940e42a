"""Likely label errors in the available data: suggestions for review, never changed automatically."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from digit_core.data import datasets, mnist
from digit_core.data.datasets import DatasetError, Split
from digit_core.evaluation import cross_validation, label_errors
from digit_core.evaluation.label_errors import Suspect
from digit_core.models.store import ModelError
from ui import components, resources

CORRECTIONS, FILE = "corrections", "file"
MOST = 48  # suspects that are shown
FEWEST = 500  # digits that a classifier of their own can learn from
BY_MODEL = "The model is confident that these digits are something other than their label (confident learning)."
BY_OTHERS = (
    "A classifier that learnt from the other digits only (cross-validation) is confident that these are something "
    "other than their label (confident learning). The model itself may have memorised wrong labels."
)


@dataclass(frozen=True)
class Found:
    """Number of digits checked, how, number of suspects, and the most likely suspects with pictures."""

    digits: int
    words: str
    number: int
    shown: list[tuple[Suspect, np.ndarray]]


def show() -> None:
    """Show a data set selector and its suspects."""
    st.markdown("**Likely label errors**")
    parts = _parts()
    chosen = st.selectbox("Data set", list(parts), index=None, format_func=parts.get, key="label_errors_data",
                          placeholder="Choose a data set")  # fmt: skip
    if chosen is None:
        return
    try:
        with st.spinner("Reading the digits ..."):
            version = _version() if chosen == CORRECTIONS else 0
            found = _suspects(chosen, version, *resources.chosen_model())
    except (DatasetError, ModelError) as error:
        st.error(components.plain(str(error)), icon=":material/error:")
        return
    st.caption(f"{found.number:,} of {found.digits:,}. {found.words}")
    with st.container(horizontal=True, gap="small", key="label_errors"):
        for suspect, image in found.shown:
            with st.container(width=92, gap="xxsmall"):
                said = f"{suspect.label}, likely {suspect.likely}"
                st.image(components.enlarged(image), width=88, alt=f"Labelled {said}")
                st.caption(said)


def _parts() -> dict[str, str]:
    """Return the data that can be checked, with labels."""
    names = {CORRECTIONS: "Corrections"}
    files = [name for name in datasets.at_hand() if name not in datasets.DATASETS]
    names |= {f"{name} {FILE}": name for name in files}
    for data in ["mnist", "builtin"] if mnist.is_at_hand() else ["builtin"]:
        called = "MNIST" if data == "mnist" else "Built-in digits"
        names |= {f"{data} {part}": f"{called}, {part} part" for part in ("train", "validation", "test")}
    return names


@st.cache_resource(show_spinner=False, max_entries=20)
def _suspects(which: str, version: int, model: str | None, files: str) -> Found:
    digits = _digits(which)
    labels = digits.labels.astype(int)
    if _may_have_taught(which) and len(digits) >= FEWEST:
        probabilities, words = cross_validation.probabilities(digits.images, labels), BY_OTHERS
    else:
        probabilities, words = resources.load(model).classify(digits.images), BY_MODEL
    found = label_errors.suspects(probabilities, labels)
    shown = [(suspect, digits.images[suspect.place].copy()) for suspect in found[:MOST]]
    return Found(len(digits), words, len(found), shown)


def _may_have_taught(which: str) -> bool:
    """Whether a model may have been trained on these digits: anything but a part kept for validation or testing."""
    return not which.endswith((" validation", " test"))


def _digits(which: str) -> Split:
    if which == CORRECTIONS:
        from digit_core.feedback import corrections

        return Split(*corrections.digits(with_held=True)[:2])
    data, _, part = which.rpartition(" ")
    if part == FILE:
        return datasets.load_test(datasets.at_hand()[data])[1]
    return getattr(datasets.load(data), part)


def _version() -> int:
    """Changes when corrections do."""
    from digit_core.feedback import corrections

    return hash(tuple(corrections.labels(with_held=True)))
