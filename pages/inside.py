"""Inside page: how a network turns a digit into an answer, and the evidence for it."""

from functools import partial

import streamlit as st

from digit_core.explanation import occlusion, stations
from ui import (
    components,
    frame,
    grid,
    inside_digit,
    inside_layers,
    inside_others,
    inside_view,
    inside_words,
    resources,
    state,
)

frame.require()
presented = inside_digit.is_presented()
st.html(inside_view.STYLE + (inside_others.LARGE if presented else ""))
st.html('<h1 class="ink-title">Inside <span>every calculation from your ink to the answer.</span></h1>')

with st.container(key="inside"):
    picture, answer, controls = st.columns([5, 5, 2] if presented else [4, 4, 5], gap="medium")
    with controls:
        model = inside_digit.model()
        image = inside_digit.digit()
        changed = inside_digit.edit()
        inside_others.buttons(image)
    subject = inside_digit.subject(model, image, changed)
    with picture:
        if presented:
            with st.container(key="pixels_inside"):
                st.image(components.enlarged(subject.image), width="stretch", alt="The digit")
        else:
            rubbed = grid.show(subject.image, 28, 28, "The digit", "inside_picture", width=330, paint=True)
            if rubbed:
                inside_others.rub_out(subject, rubbed)
            st.caption("This is all that the network sees: 28 × 28 pixels. Drag over it to erase ink.")
    if not (subject.image >= occlusion.INKED).any():
        answer.info("There is no ink left. Draw a digit on the Predict page, or take another one.")
        st.stop()
    find_evidence = partial(resources.evidence, subject.recognizer, subject.image)
    find_tips = partial(resources.tips, subject.recognizer, image, changed)
    resources.begin(find_evidence, find_tips)  # they take longest
    with answer:
        inside_view.answer(subject)
        inside_view.before(subject)
        tips = st.container()

    inside_words.title(1)
    inside_others.stages(state.get("looked_at"), image)

    found = stations.stations(subject.network)
    inside_words.title(2)
    inside_layers.overview(subject, found)
    inside_layers.look_closer(subject, found)

    inside_words.title(4)
    evidence = st.container()

    inside_words.title(5)
    inside_view.sums(subject)

    inside_words.title(6)
    inside_view.alike(subject)

    inside_words.title(8)
    inside_others.compare(subject)
    inside_others.quality_table(subject)

    with evidence:
        way, other = inside_layers.which_evidence(subject)
        inside_view.evidence(subject, find_evidence(), way, other)
    with tips:
        inside_view.tips(find_tips())
