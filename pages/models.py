"""Models page: all available networks, shipped or trained here."""

import streamlit as st

from ui import corrections_view, frame, model_bring, model_choice, model_list, page_networks, visitor

frame.require()

st.html('<h1 class="ink-title">Models <span>all networks that can read your digits.</span></h1>')

models = model_choice.known()
model_list.table(models)
for model in models:
    model_list.card(model)
page_networks.show()
model_bring.show()
corrections_view.show()
st.page_link("pages/train.py", label="Train another", icon=":material/school:")
visitor.ask_for_password()
