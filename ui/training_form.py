"""The form for a new training run: a preset and a button, with all settings in a collapsed section."""

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from digit_core import layer_charts
from digit_core.data import augmentation, datasets, file_formats
from digit_core.data.datasets import DatasetError
from digit_core.data.file_formats import DigitFileError
from digit_core.runs import store as runs
from digit_core.runs import wording as run_wording
from digit_core.runs.limits import Limits
from digit_core.training.settings import (
    ARCHITECTURES,
    DROPOUT,
    OPTIMIZERS,
    PRESETS,
    SCHEDULES,
    TrainingSettings,
    settings_from,
    with_enough_steps,
)
from ui import components, resources, visitor

PRESET_NAMES = {"quick": "Quick look", "standard": "Standard", "best": "Best"}
PRESET_WORDS = {
    "quick": "A small network, two passes over the digits: about a minute.",
    "standard": "A classic beginner's network, trained thoroughly: a few minutes.",
    "best": "The network behind Inkling, trained the same way: an hour or more.",
}
DATA = {"mnist": "MNIST, 70,000 digits", "builtin": "The built-in set, 1,797 digits", "own": "My own file"}
DISTORTION = {"none": "None", "slight": "Slight", "gentle": "Gentle", "strong": "Strong"}
OWN_TYPES = ["npz", "csv", "gz", "jsonl", "zip"]
BOUNDS = {  # label, minimum and maximum; the host limits the epochs
    "batch_size": ("Batch size", 8, 1024),
    "learning_rate": ("Learning rate", 0.00001, 1.0),
    "dropout": ("Dropout", 0.0, 0.9),
    "validation_share": ("Validation share", 0.01, 0.5),
    "patience": ("Early stopping", 0, 50),
    "seed": ("Seed", 0, 2**32 - 1),
}
OPTIONAL = ("dropout", "validation_share")  # may be left empty
LARGEST_UNPACKED = 120_000_000  # bytes of an upload
MOST_ROWS = 60_000  # rows of a text upload, or pictures in a zip


@dataclass(frozen=True)
class Wish:
    """The content of the form: settings, title, and the visitor's own training file if any. `wants_own` is whether
    a file is to be used, even if there is none yet. `missing` is a sentence about what is needed before training can
    start, or ""."""

    settings: TrainingSettings
    title: str = ""
    data: tuple[str, bytes] | None = None
    wants_own: bool = False
    missing: str = ""


def show(allowed: Limits) -> None:
    """Show the form with its start button, which opens the new run."""
    preset = st.segmented_control(
        "Preset", list(PRESETS), format_func=PRESET_NAMES.get, default="quick", required=True, key="preset"
    )
    words, begin = st.empty(), st.container(horizontal=True, vertical_alignment="center", gap="small")
    wishes = st.session_state.setdefault("wishes", {})  # keeps the settings when they are collapsed
    with st.expander("All settings", icon=":material/tune:", key="settings", on_change="rerun") as unfolded:
        wish = wishes.get(preset) or Wish(_within(PRESETS[preset], allowed))
        if unfolded.open:
            wish = wishes[preset] = _settings(preset, wish, allowed)
    words.caption(_in_words(preset, wish))
    pressed = begin.button(
        "Start training", type="primary", icon=":material/play_arrow:", key="train_start", disabled=bool(wish.missing)
    )
    if wish.missing:
        begin.caption(wish.missing)
    elif pressed:
        _start(wish)


def _in_words(preset: str, wish: Wish) -> str:
    """Describe the training that the button starts."""
    if wish.settings == PRESETS[preset] and not wish.data:
        return PRESET_WORDS[preset]
    return f"Changed: {run_wording.settings(wish.settings, run_wording.OWN if wish.data else None)}."


def _start(wish: Wish) -> None:
    try:
        with st.spinner("Starting ..."):
            run = runs.start(wish.settings, wish.title, wish.data, visitor.who())
    except runs.BusyError as busy:
        st.session_state["train_notice"] = f"{busy} You can watch it here."
        run = busy.run
    except runs.RunError as error:
        st.error(components.plain(str(error)), icon=":material/error:")
        return
    st.query_params["run"] = run.id
    st.rerun()


def _within(settings: TrainingSettings, allowed: Limits) -> TrainingSettings:
    return replace(settings, epochs=min(settings.epochs, allowed.epochs))


def _keep(key: str, value) -> str:
    """Initialise a widget's value if it has none, and return its key; Streamlit drops values of hidden widgets."""
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def _settings(preset: str, before: Wish, allowed: Limits) -> Wish:
    """Show all settings with their previous values, and return the new ones."""
    was = before.settings

    def key(name: str, value) -> str:
        return _keep(f"{name}_{preset}", value)  # each preset begins with its own values

    title = st.text_input(
        "Name of this run", max_chars=runs.LONGEST_TITLE, key=_keep("run_title", before.title), placeholder="Optional"
    )
    left, right = st.columns(2, gap="medium")
    architecture = left.selectbox(
        "Network", ARCHITECTURES, format_func=run_wording.NETWORKS.get, key=key("network", was.architecture)
    )
    data = right.selectbox(
        "Digits",
        list(DATA),
        format_func=DATA.get,
        key=key("data", "own" if before.wants_own else was.data),
        on_change=_fit_to_digits,
        args=(preset, allowed),
    )
    outline = resources.outline(architecture)
    st.plotly_chart(
        layer_charts.picture(outline),
        key=f"layers_{architecture}",
        config={"displayModeBar": False},
        alt=layer_charts.text(outline),
    )
    places = st.columns(3, gap="medium")
    numbers = _numbers(places, key, was, architecture)
    wrong = _wrong(numbers, allowed)
    if wrong:
        places[0].error(wrong, icon=":material/error:")
        numbers = {name: getattr(was, name) for name in numbers}
    changes = {"architecture": architecture, "data": "mnist" if data == "own" else data, **numbers}
    own, missing = _own_file(preset, before, allowed, changes["validation_share"]) if data == "own" else (None, "")
    digits = own.sample if own else resources.some_digits(data if data != "own" else "builtin")
    changes["augmentation"] = _augmentation(key("augmentation", was.augmentation), digits)
    wish = Wish(settings_from(preset, **changes), title, own.file if own else None, data == "own", wrong or missing)
    if data != "mnist" and not wish.missing:
        _warn_of_few_steps(
            places[0], wish.settings, own.counts["train"] if own else len(datasets.load("builtin").train), allowed
        )
    return wish


def _wrong(numbers: dict[str, Any], allowed: Limits) -> str:
    """Return an error message for the form's numbers, or "" if they are valid.

    With limits of their own, Streamlit's fields would ignore an out-of-range number and keep the previous one.
    """
    for name, (label, low, high) in {**BOUNDS, "epochs": ("Epochs", 1, allowed.epochs)}.items():
        value = numbers[name]
        if not ((value is None and name in OPTIONAL) or (value is not None and low <= value <= high)):
            return f"{label} must be between {low:,} and {high:,}."
    return ""


def _numbers(places, key: Callable, was: TrainingSettings, architecture: str) -> dict[str, Any]:
    """Show the numeric and multiple-choice settings in three columns, starting from the values in `was`."""
    first, second, third = places
    return {
        "epochs": first.number_input(
            "Epochs", step=1, key=key("epochs", was.epochs), help="Passes over the training digits"
        ),
        "batch_size": second.number_input(
            "Batch size", step=8, key=key("batch", was.batch_size), help="Digits per training step"
        ),
        "learning_rate": third.number_input(
            "Learning rate", step=0.0005, format="%.5f", key=key("rate", was.learning_rate),
            help="The maximum during training",
        ),
        "optimizer": first.selectbox("Optimizer", OPTIMIZERS, key=key("optimizer", was.optimizer)),
        "schedule": second.selectbox(
            "Schedule", SCHEDULES, key=key("schedule", was.schedule),
            help="cosine: steps get smaller towards the end",
        ),
        "dropout": third.number_input(
            "Dropout", step=0.05, placeholder=f"{DROPOUT[architecture]:g} (default)",
            key=key(f"dropout_{architecture}", was.dropout if architecture == was.architecture else None),
            help="Fraction of the activations dropped before dense layers during training",
        ),
        "validation_share": first.number_input(
            "Validation share", step=0.01, placeholder="default",
            key=key("validation", was.validation_share),
            help="Fraction of the training digits held back to check progress",
        ),
        "patience": second.number_input(
            "Early stopping", step=1, key=key("patience", was.patience),
            help="Stop after this many epochs without improvement; 0: never",
        ),
        "seed": third.number_input("Seed", step=1, key=key("seed", was.seed), help="Same seed, same run"),
    }  # fmt: skip


def _warn_of_few_steps(place, settings: TrainingSettings, digits: int, allowed: Limits) -> None:
    enough = with_enough_steps(settings, digits, allowed.epochs)
    if enough != settings:
        smaller = "" if enough.batch_size == settings.batch_size else f" and batches of {enough.batch_size}"
        place.warning(
            f"You have only {digits:,} digits. Choose {enough.epochs} epochs{smaller}, or the network learns little.",
            icon=":material/timer:",
        )


def _fit_to_digits(preset: str, allowed: Limits) -> None:
    """Adjust to newly chosen digits: a small set needs more epochs, or smaller batches if epochs are limited."""
    chosen, digits = st.session_state[f"data_{preset}"], None
    if chosen == "builtin":
        digits = len(datasets.load("builtin").train)
    elif chosen == "own":
        with contextlib.suppress(DatasetError, DigitFileError):  # the form shows the error
            own = _looked_through(st.session_state.get("own_digits"), st.session_state.get(f"validation_{preset}"))
            digits = own.counts["train"] if own else None
    settings = PRESETS[preset]
    if digits:
        settings = with_enough_steps(settings, digits, allowed.epochs)
    st.session_state[f"epochs_{preset}"] = min(settings.epochs, allowed.epochs)
    st.session_state[f"batch_{preset}"] = settings.batch_size


def _augmentation(key: str, digits: datasets.Split) -> str:
    """Show the distortion slider with a preview of distorted training digits."""
    chosen = st.select_slider(
        "Distortion of the training digits", list(DISTORTION), format_func=DISTORTION.get, key=key
    )
    rng = np.random.default_rng(st.session_state.setdefault("preview", 0))
    distorted = [
        augmentation.distort(digits.images, digits.labels, augmentation.DISTORTIONS[chosen], rng) for _ in range(2)
    ]
    rows = [digits.images] if chosen == "none" else [digits.images, *distorted]
    with st.container(key="pixels_preview"):
        st.image(
            components.sprite(rows),
            width="stretch",
            alt=f"{len(digits)} digits before and after {DISTORTION[chosen].lower()} distortion",
        )
    if chosen == "none":
        st.caption("The digits are used unchanged.")
        return chosen
    st.caption(
        "Top: the original digits. Below: examples of what the network trains on. Some people cross their 7 or add a "
        "flag to their 1, so such strokes are added too."
    )
    if st.button("Distort again", icon=":material/casino:", key="preview_again", type="tertiary"):
        st.session_state["preview"] += 1
        st.rerun()
    return chosen


@dataclass(frozen=True)
class OwnDigits:
    """A visitor's file: its name and content, the number of digits in each split, and some samples."""

    file: tuple[str, bytes]
    counts: dict[str, int]
    sample: datasets.Split


def _own_file(
    preset: str, before: Wish, allowed: Limits, validation_share: float | None
) -> tuple[OwnDigits | None, str]:
    """Return the visitor's digits, from a new file or the previous one, and ""; or None and an error message."""
    file = st.file_uploader(
        "NPZ with x_train and y_train, CSV with the label first, pen strokes as JSON lines, or a zip of folders named "
        "0 to 9 with pictures",
        OWN_TYPES,
        key="own_digits",
        max_upload_size=allowed.upload,
        on_change=_fit_to_digits,
        args=(preset, allowed),
    )
    if not file and not before.data:
        return None, "First choose a file with your digits, under All settings."
    try:
        own = _looked_through(file, validation_share) if file else _look_through(*before.data, validation_share)
    except (DatasetError, DigitFileError) as error:
        own, wrong = None, components.plain(str(error))
    else:
        wrong = "" if own else "Inkling can't find digits in this file."
    if wrong:
        st.error(wrong, icon=":material/error:")
        return None, wrong
    if not file:
        st.caption("Using the file that you chose before.")
    st.caption("Anyone who opens this page can see this training and ten of your digits.")
    train, test = own.counts["train"], own.counts["test"]
    st.success(f"{train:,} digits to train on, {test:,} to test on.", icon=":material/check:")
    return own, ""


def _looked_through(file, validation_share: float | None) -> OwnDigits | None:
    """Load an uploaded file; return None if there is none or its extension is unknown.

    Raises:
        DatasetError, DigitFileError: the file is invalid.
    """
    ends = reversed(datasets.OWN_ENDS)
    suffix = next((end for end in ends if file and file.name.lower().endswith(end)), None)
    return _look_through(f"own{suffix}", file.getvalue(), validation_share) if suffix else None


@st.cache_data(show_spinner="Loading your digits ...", max_entries=4)
def _look_through(name: str, content: bytes, validation_share: float | None) -> OwnDigits:
    """Load the digits of an upload.

    Raises:
        DatasetError, DigitFileError: the file is invalid.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        file_formats.check_size(path, LARGEST_UNPACKED, MOST_ROWS)
        try:
            dataset = datasets.load(str(path), validation_share=validation_share)
        except (DatasetError, DigitFileError) as error:
            raise DatasetError(str(error).replace(str(path), "Your file")) from error
    counts = {part: len(getattr(dataset, part)) for part in ("train", "validation", "test")}
    return OwnDigits((name, content), counts, dataset.train.one_of_each())
