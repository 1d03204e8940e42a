"""Inkling's entry: `streamlit run streamlit_app.py`."""

from ui import frame

frame.show()
