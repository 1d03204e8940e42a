"""Predict page: draw, upload or photograph digits, and see the predictions."""

import streamlit as st

from ui import actions, drawing_view, frame, history, model_choice, tabs, uploads

frame.require()

st.html('<h1 class="ink-title"><b class="ink-brand">Inkling</b> <span>reads the numbers you write.</span></h1>')
model_choice.show()


@st.fragment
def upload(shown: bool) -> None:
    """Read uploaded pictures. In a hidden tab, only keep the list of files."""
    tabs.rerun_if_changed("Upload", shown)
    files = uploads.chooser()
    if files:
        uploads.keep(files)
    if shown:
        uploads.read_all(uploads.shown(files))
        history.keep("uploaded")


@st.fragment
def camera() -> None:
    """Read a camera snapshot like an upload, beside its answer."""
    tabs.rerun_if_changed("Camera")
    left, right = st.columns([6, 5], gap="medium")
    snapshot = left.camera_input("Hold a number up to the camera", key="camera")
    if snapshot:
        with right:
            uploads.read_beside(snapshot)
    history.keep("taken")


drawing_tab, upload_tab, camera_tab = st.tabs(["Draw", "Upload", "Camera"], key=tabs.KEY, on_change="rerun")
with drawing_tab:
    if drawing_tab.open:
        drawing_view.show()
with upload_tab:
    upload(upload_tab.open)
with camera_tab:
    if camera_tab.open:  # a hidden camera would ask for permission
        camera()
history.show()
actions.listen()
