"""The explanation of an answer: the ink that supports it, next to the ink that supports the runner-up."""

import numpy as np
import streamlit as st

from digit_core import Digit
from digit_core.explanation import occlusion
from digit_core.explanation.occlusion import Evidence
from digit_core.reading import wording
from ui import inside_digit, resources


def show(digit: Digit, key: str) -> None:
    """Show a collapsed section; compute the evidence when it is expanded."""
    unfolded = st.expander("Why?", icon=":material/psychology_alt:", key=f"{key}_why", on_change="rerun")
    if not unfolded.open or not digit.image.any():
        return
    evidence = resources.evidence(resources.chosen_recognizer(), digit.image)
    winner = digit.value
    second = int(np.argmax(np.where(np.arange(10) == winner, -1, digit.probabilities)))
    most = float(np.abs(evidence.maps[[winner, second]]).max())
    with unfolded:
        left, right = st.columns(2, gap="small", wrap=False)
        for place, value, title in ((left, winner, "Evidence for"), (right, second, "Runner-up:")):
            named = f"{title} {wording.with_article(value)}"
            picture = occlusion.coloured(digit.image, evidence.maps[value], most)
            place.image(picture, f"{named}, {digit.probabilities[value]:.0%}", width="stretch", alt=named)
        st.markdown(in_words(evidence, winner, second))
        inside_digit.link(digit.image)
        st.caption("Blue ink supports the digit, orange ink counts against it. Found by erasing ink bit by bit.")


def in_words(evidence: Evidence, winner: int, second: int, maps: np.ndarray | None = None) -> str:
    """Describe where the two digits differ, and whether the answer depends on a single patch of ink.

    Args:
        maps: float (10, 28, 28), if other maps than the evidence's own are shown; then patches are not mentioned.
    """
    between = evidence.between(winner, second) if maps is None else maps[winner] - maps[second]
    first, other = wording.with_article(winner), wording.with_article(second)
    if (between > 0).any():
        said = f"The ink {occlusion.place(between)} is the main reason for {first} rather than {other}."
    else:
        said = f"No ink supports {first} rather than {other}."
    if maps is not None:
        return said
    alone = int(evidence.probabilities.argmax())
    if alone != winner:
        return (
            f"{said} Alone, this network would read {wording.with_article(alone)}: the answer also weighs how the mark "
            "looks on the page."
        )
    others = evidence.without[(evidence.without >= 0) & (evidence.without != winner)]
    if not len(others):
        return f"{said} Erasing any single patch of ink would not change the answer."
    commonest = int(np.bincount(others).argmax())
    spot = occlusion.place(np.where(evidence.without == commonest, 1.0, np.where(evidence.without >= 0, -1e-9, 0)))
    return f"{said} Without a patch of ink {spot} it would be {wording.with_article(commonest)}."
