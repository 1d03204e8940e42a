"""The models page: every network there is to read with, shipped or trained here."""

import streamlit as st

from digit_core.models import store as model_store
from ui import corrections_view, frame, model_bring, model_list, visitor

frame.require()

st.html('<h1 class="ink-title">Models <span>every network there is to read with.</span></h1>')
visitor.meet()

models = model_store.list_models()
model_list.table(models)
for model in models:
    model_list.card(model)
model_bring.show()
corrections_view.show()
st.page_link("pages/train.py", label="Train another", icon=":material/school:")
visitor.ask_for_password()
