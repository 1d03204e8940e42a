"""The Inside page's digit, edits and model, all kept in the URL.

URLs are untrusted input: invalid values are ignored.
"""

import base64
import binascii
import logging
import zlib
from dataclasses import dataclass, fields

import numpy as np
import streamlit as st

from digit_core import Recognizer
from digit_core.data import datasets
from digit_core.explanation import edits, gradients
from digit_core.explanation.edits import LIMITS, Edit
from digit_core.explanation.network import Network, Values, network_of
from digit_core.models import store as model_store
from digit_core.models.grad_cam import Compiled
from digit_core.models.store import ModelError, StoredModel
from ui import address, components, model_choice, resources, state

log = logging.getLogger(__name__)

LONGEST = 1400  # characters of a packed digit
PIXELS = 28 * 28
FIRST = 271  # index of the built-in test digit shown by default: a 5 that could be a 3


@dataclass(frozen=True)
class Subject:
    """The inspected digit and its model.

    Attributes:
        image: uint8 (28, 28), the edited digit.
        before: the same without any edit.
        edit: the edits made by the sliders.
        values: each layer's output for `image`.
    """

    model: StoredModel
    recognizer: Recognizer
    network: Network
    image: np.ndarray
    before: np.ndarray
    edit: Edit
    values: Values

    @property
    def probabilities(self) -> np.ndarray:
        return self.values[self.network.layers[-1].name]

    @property
    def winner(self) -> int:
        return int(self.probabilities.argmax())

    @property
    def runner_up(self) -> int:
        return int(self.probabilities.argsort()[-2])


def pack(image: np.ndarray) -> str:
    """Encode a digit, uint8 (28, 28), as short text for a URL."""
    return base64.urlsafe_b64encode(zlib.compress(image.tobytes(), 9)).decode().rstrip("=")


def unpack(text: str) -> np.ndarray | None:
    """Decode a digit from `pack`; None for any other text."""
    if not text or len(text) > LONGEST:
        return None
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        content = zlib.decompressobj().decompress(packed, PIXELS + 1)
    except (ValueError, binascii.Error, zlib.error):
        return None
    return np.frombuffer(content, np.uint8).reshape(28, 28).copy() if len(content) == PIXELS else None


def link(image: np.ndarray, label: str = "Look inside", model: str | None = None) -> None:
    """Show a link to this page for a digit, with the given model or the visitor's current one."""
    parameters = {"digit": pack(image), "model": model or state.get("model") or model_store.default_name()}
    st.page_link("pages/inside.py", label=label, icon=":material/search:", query_params=parameters)


def is_presented() -> bool:
    """Whether the controls are hidden and the type is large, for a classroom."""
    return address.text("present") == "1"


def model() -> StoredModel:
    """Let the visitor choose a model; default to the URL's, else the visitor's current one."""
    known = {found.name: found for found in model_choice.known()}
    asked = address.text("model")
    if asked and asked not in known:
        st.warning(f"There is no model called {components.plain(asked)} here. Another one is shown.")
    usual = state.get("model") if state.get("model") in known else model_store.default_name()
    chosen = address.choose("inside_model", "model", known, usual)
    if not is_presented():
        chosen = st.selectbox("Network", list(known), format_func=model_choice.called, key="inside_model")
    address.put(model=chosen)
    return known[chosen]


def digit() -> np.ndarray:
    """Return the unedited digit: the URL's, else the last selected mark, else a test digit."""
    if (another := st.session_state.pop("inside_next", None)) is not None:
        start_with(another)
    found = unpack(address.text("digit"))
    if found is None:
        looked_at = state.get("looked_at")
        found = sample_digit(FIRST) if looked_at is None else looked_at[0]
    address.put(digit=pack(found))
    return found


def start_with(image: np.ndarray) -> None:
    """Switch to another, unedited digit; call before the sliders."""
    for name in LIMITS:
        st.session_state[_key(name)] = 0.0
    address.put(digit=pack(image), edit=None, map=None, pixel=None)


def sample_digit(number: int) -> np.ndarray:
    """Return a built-in test digit, shipped with the program."""
    images = _sample_digits()
    return images[number % len(images)]


@st.cache_resource(show_spinner=False)
def _sample_digits() -> np.ndarray:
    split = datasets.load("builtin").test
    return split.images[np.random.default_rng(1).permutation(len(split.images))[:400]].copy()


def edit() -> Edit:
    """Show the sliders, initialised from the URL. Return the edits."""
    found = {}
    begun = _edit_of(address.text("edit"))
    is_moved = _sliders() != st.session_state.get("inside_sliders", _sliders())  # it may come with a stale URL
    if address.went_back("edit", address.LAG) and not is_moved:
        st.session_state.update({_key(name): getattr(begun, name) for name in LIMITS})
    for place, (name, (least, most, step)) in enumerate(LIMITS.items()):
        st.session_state.setdefault(_key(name), getattr(begun, name))
        if is_presented():
            found[name] = st.session_state[_key(name)]
            continue
        if place % 2 == 0:
            row = st.columns(2, gap="medium")
        label, form = SLIDERS[name]
        found[name] = row[place % 2].slider(label, least, most, step=step, format=form, key=_key(name))
    changed = Edit(**found)
    address.put(edit=_text_of(changed) or None)
    st.session_state["inside_sliders"] = _sliders()
    return changed


def _sliders() -> dict[str, float | None]:
    """Return the slider values."""
    return {name: st.session_state.get(_key(name)) for name in LIMITS}


SLIDERS = {  # label and number format of each
    "turn": ("Turn", "%d°"),
    "slant": ("Slant", "%.2f"),
    "pen": ("Thicken", "%.2f pixels"),
    "noise": ("Noise", "%.2f"),
    "right": ("Move right", "%.1f pixels"),
    "down": ("Move down", "%.1f pixels"),
}


def _key(name: str) -> str:
    return f"inside_{name}"


def _text_of(changed: Edit) -> str:
    """Encode edits as text: "turn_10~pen_-1"."""
    return "~".join(f"{f.name}_{getattr(changed, f.name):g}" for f in fields(Edit) if getattr(changed, f.name))


def _edit_of(text: str) -> Edit:
    """Decode edits from `_text_of`; ignore invalid parts."""
    found = {}
    for part in text[:200].split("~"):
        name, _, amount = part.partition("_")
        try:
            value = float(amount)
        except ValueError:
            continue
        if name in LIMITS and LIMITS[name][0] <= value <= LIMITS[name][1]:
            found[name] = value
    return Edit(**found)


@st.cache_resource(show_spinner=False, max_entries=8)
def _network(file: str, _model: StoredModel) -> Network:
    return network_of(_model)


def network(found: StoredModel) -> Network:
    """The layers of a model, loaded once.

    Raises:
        ModelError: its layers cannot be read.
    """
    return _network(found.digest, found)


@st.cache_resource(show_spinner=False, max_entries=4)
def _compiled(file: str, _model: StoredModel) -> Compiled | None:
    try:
        return Compiled(_model.litert_bytes())
    except (ValueError, ModelError):  # other last layers, saved before models had one, or just deleted
        return None


def grad_cam(subject: Subject) -> np.ndarray:
    """A coarse map per digit, float32 (10, height, width), by the function compiled into the model's file."""
    compiled = _compiled(subject.model.digest, subject.model)
    return gradients.grad_cam(subject.network, subject.values) if compiled is None else compiled(subject.image)


def subject(found: StoredModel, image: np.ndarray, changed: Edit) -> Subject:
    """Run the edited digit through the network. If that fails, show an error and stop the run."""
    try:
        own, recognizer = network(found), resources.load(None if found.is_default else found.name)
    except ModelError as error:
        log.warning("A network cannot be looked into", exc_info=True)
        st.error(components.plain(str(error)), icon=":material/error:")
        st.stop()
    done, before = edits.apply(image, changed), unrubbed(image)
    return Subject(found, recognizer, own, done, image if before is None else before, changed, own.run(done))


def unrubbed(image: np.ndarray) -> np.ndarray | None:
    """The digit as it was before ink was erased from it; None if none was."""
    rubbed, before = st.session_state.get("inside_unrubbed", ("", ""))
    return unpack(before) if rubbed == pack(image) else None
