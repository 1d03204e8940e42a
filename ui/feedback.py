"""Feedback on a reading: one tap to confirm it, or a label for each mark. Nothing is saved without a tap."""

import hashlib
import secrets

import numpy as np
import streamlit as st

from digit_core import Digit, Reading
from digit_core.reading import wording
from digit_core.runs.limits import limits
from ui import components, resources, state

CHOICES = {**{value: str(value) for value in range(10)}, -1: "no digit", -2: "two digits"}
MOST_SHOWN = 12
KEPT = "Saved: the picture of each mark, the reading and your answer. Nothing about you."


def is_allowed() -> bool:
    """Whether this host takes corrections."""
    return limits().feedback


def show(picture: np.ndarray, reading: Reading, digit: Digit, key: str) -> None:
    """Ask whether a reading is right.

    Args:
        digit: the selected mark, which a correction applies to.
        key: key of the reading, as in `components.details`.
    """
    if not is_allowed() or not reading.digits:
        return
    place = next(place for place, other in enumerate(reading.digits) if other is digit)
    said, name = state.get("feedback").get(key, {}), _name(reading)
    if said.get("name") != name:
        asks = said.get("asks", False) and said["text"] == reading.text  # the picture may change after the stroke
        said = {"name": name, "text": reading.text, "marks": {}, "asks": asks, "error": None}
        _remember(key, said)
    with st.container(key="feedback" if key == components.DRAWING else f"feedback_{key}", gap="xsmall"):
        if said["error"]:
            st.caption(said["error"])
        if len(said["marks"]) == len(reading.digits):
            _thank(said, key)
        else:
            _ask(picture, reading, place, said, key)


def _ask(picture: np.ndarray, reading: Reading, place: int, said: dict, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Right?", width="content")
        everything = {
            number: mark.value if mark.trusted else -1
            for number, mark in enumerate(reading.digits)
            if number not in said["marks"]
        }
        st.button("Yes", key=f"{key}_right", icon=":material/thumb_up:", on_click=_save,
                  args=(picture, reading, everything, key))  # fmt: skip
        st.button("No", key=f"{key}_wrong", icon=":material/thumb_down:", on_click=_change,
                  args=(key,), kwargs={"asks": True})  # fmt: skip
        if said["marks"]:
            _offer_back(key)
        st.caption("Your answer is saved with the marks and the reading, but nothing about you.")
    if not said["asks"]:
        return
    which = "this" if len(reading.digits) == 1 else wording.place(reading, place)
    if place in said["marks"]:
        st.caption(f"{_capital(which)} is saved. Choose another one above.")
        return
    name = f"{key}_truth_{place}"
    st.pills(f"What is {which}?", list(CHOICES), format_func=CHOICES.get, key=name, on_change=_choose,
             args=(picture, reading, place, key, name))  # fmt: skip


def _choose(picture: np.ndarray, reading: Reading, place: int, key: str, name: str) -> None:
    if st.session_state[name] is not None:
        _save(picture, reading, {place: st.session_state[name]}, key)


def _thank(said: dict, key: str) -> None:
    told = [CHOICES[truth] for _, (_, truth) in sorted(said["marks"].items())]
    shown = " ".join(told) if len(told) <= MOST_SHOWN else f"{len(told)} marks"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Thank you. Saved as {shown}.", help=KEPT, width="content")
        _offer_back(key)


def _offer_back(key: str) -> None:
    st.button("Take it back", key=f"{key}_take_back", type="tertiary", on_click=_take_back, args=(key,))


def _save(picture: np.ndarray, reading: Reading, truths: dict[int, int], key: str) -> None:
    """Save the true labels of some marks."""
    from digit_core.feedback import corrections  # loads the database library on the first tap
    from digit_core.feedback.database import FeedbackError

    model, usual = resources.chosen_recognizer().name, resources.default_recognizer()
    made = {}
    for place, truth in truths.items():
        digit = reading.digits[place]
        believed = digit.probabilities if usual.name == model else usual.classify(digit.image[np.newaxis])[0]
        made[place] = corrections.of(digit, truth, reading.text, model, session(), picture, believed)
    places = list(made)
    for start in range(0, len(places), corrections.MOST_AT_ONCE):
        some = places[start : start + corrections.MOST_AT_ONCE]
        try:
            corrections.save([made[place] for place in some])
        except FeedbackError as error:
            _change(key, error=str(error))
            return
        saved = {place: (made[place].id, truths[place]) for place in some}  # what can be taken back
        _change(key, marks={**state.get("feedback")[key]["marks"], **saved})


def _take_back(key: str) -> None:
    from digit_core.feedback import corrections
    from digit_core.feedback.database import FeedbackError

    try:
        corrections.remove_session(session(), [mark[0] for mark in state.get("feedback")[key]["marks"].values()])
    except FeedbackError as error:
        _change(key, error=str(error))
        return
    _change(key, marks={}, asks=True)


def _change(key: str, **changes) -> None:
    _remember(key, {**state.get("feedback")[key], "error": None, **changes})


def _remember(key: str, said: dict) -> None:
    state.put("feedback", {**state.get("feedback"), key: said})


def session() -> str:
    """This session's random tag."""
    if not state.get("tag"):
        state.put("tag", secrets.token_hex(16))
    return state.get("tag")


def _name(reading: Reading) -> str:
    """Return a hash of the reading, so that each drawing gets its own question."""
    marks = b"".join(digit.image.tobytes() for digit in reading.digits)
    return hashlib.sha256(reading.text.encode() + marks).hexdigest()[:16]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
