"""The rest of the Inside page: other digits, erasing, preprocessing, other networks, quality of the maps."""

import logging
from dataclasses import replace

import numpy as np
import streamlit as st

from digit_core.explanation import stations
from digit_core.explanation.network import Network
from digit_core.models import store as model_store
from digit_core.models.store import ModelError
from digit_core.pictures import normalization
from ui import address, components, inside_digit, inside_view, model_choice, neighbour_index, state
from ui.inside_digit import Subject

log = logging.getLogger(__name__)

LARGE = """
<style>
/* for a projector: larger type, no controls */
html { font-size: 125%; }
[data-testid="stHeader"], .st-key-phone_nav { display: none !important; }
.block-container { max-width: 1400px; padding-top: 1rem; }
</style>
"""
UNTRAINED = "*"  # no model's name
SAME = 50  # grey levels by which normalising again may change a digit: 96 % of MNIST's validation digits change by less
STAGE_WIDTH = 104  # pixels on the screen


def buttons(image: np.ndarray) -> None:
    """Show buttons for another digit, the visitor's own, undoing edits, and presentation mode."""
    if inside_digit.is_presented():
        if st.button("Show the controls", key="present", icon=":material/tune:", type="tertiary"):
            address.put(present=None)
            st.rerun()
        return
    with st.container(horizontal=True, gap="small"):
        if st.button("Another digit", key="inside_another", icon=":material/shuffle:"):
            number = st.session_state.get("inside_number", inside_digit.FIRST) + 1
            st.session_state["inside_number"] = number
            _start_with(inside_digit.sample_digit(number))
        looked_at = state.get("looked_at")
        has_drawn = looked_at is not None and not np.array_equal(looked_at[0], image)
        if has_drawn and st.button("My drawing", key="inside_drawn", icon=":material/draw:"):
            _start_with(looked_at[0])
        if st.button("Present", key="present", icon=":material/cast_for_education:", help="Large type, no controls"):
            address.put(present="1")
            st.rerun()
        before = inside_digit.unrubbed(image)
        is_changed = before is not None or any(st.session_state.get(f"inside_{n}") for n in inside_digit.LIMITS)
        if is_changed and st.button("Undo changes", key="inside_undo", icon=":material/undo:"):
            _start_with(image if before is None else before)


def rub_out(subject: Subject, cells: list[tuple[int, int]]) -> None:
    """Erase ink; slider edits become part of the digit."""
    changed = subject.image.copy()
    changed[tuple(np.array(cells).T)] = 0
    if not np.array_equal(changed, subject.image):
        _start_with(changed, unrubbed=subject.before)


def _start_with(image: np.ndarray, unrubbed: np.ndarray | None = None) -> None:
    """Switch digits in the next run: sliders can only be set before they are shown."""
    st.session_state["inside_next"] = image
    if unrubbed is not None:
        st.session_state["inside_unrubbed"] = inside_digit.pack(image), inside_digit.pack(unrubbed)
    st.rerun()


def stages(looked_at: tuple | None, image: np.ndarray) -> None:
    """Show how the visitor's mark became 28x28, or how another digit would; if that would change it, as after ink was
    erased, only the digit itself."""
    own = looked_at is not None and looked_at[1] is not None and np.array_equal(looked_at[0], image)
    ink, called = (looked_at[1], "Your ink") if own else (image, "The original digit")
    steps = normalization.steps(ink) if ink.any() else {}
    if not own and not _ends_in(steps, image):
        called, steps = "The digit, as the network sees it", {}
    with st.container(horizontal=True, gap="small"):
        for caption, stage in {called: ink, **steps}.items():
            height, width = stage.shape[:2]
            st.image(components.enlarged(stage), f"{caption}  \n{width} × {height}", width=STAGE_WIDTH, alt=caption)
    if not own and not inside_digit.is_presented():
        st.caption("Draw a digit on the Predict page and open “Why?” to see here how it becomes 28 × 28.")


def _ends_in(steps: dict[str, np.ndarray], image: np.ndarray) -> bool:
    """Whether the last of these pictures is that digit, up to rounding."""
    last = list(steps.values())[-1:] or [np.zeros_like(image)]
    return bool(np.abs(last[0].astype(int) - image).max() <= SAME)


def compare(subject: Subject) -> None:
    """The same digit in a second network."""
    names = [UNTRAINED, *(m.name for m in model_choice.known() if m.name != subject.model.name)]
    address.choose("inside_other", "beside_model", names, UNTRAINED)
    if inside_digit.is_presented():
        chosen = st.session_state["inside_other"]
    else:
        chosen = st.selectbox("The other network", names, format_func=_called, key="inside_other")
    address.put(beside_model=None if chosen == UNTRAINED else chosen)
    try:
        if chosen == UNTRAINED:
            network = _untrained(subject.model.name, subject.model.digest)
        else:
            network = inside_digit.network(model_store.find(chosen))
    except ModelError as error:
        log.warning("A network cannot be compared", exc_info=True)
        st.warning(components.plain(str(error)))
        return
    other = replace(subject, network=network, values=network.run(subject.image))
    names = model_choice.called(subject.model.name), "Untrained" if chosen == UNTRAINED else _called(chosen)
    for place, own, name in zip(st.columns(2, gap="medium"), (subject, other), names, strict=True):
        with place:
            shares = own.probabilities
            st.markdown(
                f"**{components.plain(name)}**: {own.winner} with {inside_view.percent(shares[own.winner])}, "
                f"then {own.runner_up} with {inside_view.percent(shares[own.runner_up])}"
            )
            inside_view.walk_beside(own, stations.stations(own.network))


@st.cache_resource(show_spinner=False, max_entries=4)
def _untrained(name: str, file: str) -> Network:
    return inside_digit.network(model_store.find(name)).untrained(seed=1)


def _called(name: str) -> str:
    return "Untrained: the same layers, before any training" if name == UNTRAINED else model_choice.called(name)


def quality_table(subject: Subject) -> None:
    """Show quality metrics of this network's explanation maps."""
    with st.expander("How good are these explanations?", icon=":material/science:"):
        found = neighbour_index.quality_of(subject.model)
        if found is None:
            failed = neighbour_index.has_failed(subject.model)
            st.caption("It could not be measured." if failed else "Still measuring; this happens once per network. "
                       "Check back in a few minutes.")  # fmt: skip
            return
        digits = min(own.digits for own in found.values())
        st.dataframe(
            [
                {
                    "Map": name[0].upper() + name[1:],
                    "Deletion": own.deletion,
                    "Insertion": own.insertion,
                    "Shuffled": own.shuffled,
                    "Runner-up": own.runner_up,
                }
                for name, own in found.items()
            ],
            hide_index=True,
            width="stretch",
            column_config={name: st.column_config.NumberColumn(format="%.2f")
                           for name in ("Deletion", "Insertion", "Shuffled", "Runner-up")},
        )  # fmt: skip
        st.caption(
            f"On {digits} test digits. **Deletion**: ink is removed in the map's order; area under the curve of "
            "the answer's probability, lower is better. **Insertion**: ink is added in that order; higher is better. "
            "**Shuffled**: correlation with the map of the same network with shuffled weights, on every tenth digit; "
            "should be near 0. **Runner-up**: correlation with the runner-up's map; 1 would mean that the map does not "
            "tell them apart."
        )
