"""Inkling's entry point: `streamlit run streamlit_app.py`.

Streamlit imports this file once, for its server, and runs it for every visitor.
"""

import streamlit as st

from ui import frame, server

if __name__ == "__main__":
    frame.show()
elif __name__ == "streamlit_app":
    app = st.App(__file__, **server.ADDITIONS)
