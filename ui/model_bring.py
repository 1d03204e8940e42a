"""Upload of a user's own network. A separate process checks and runs it before it is stored."""

import json
import logging
import subprocess
import tempfile
from pathlib import Path

import streamlit as st

from digit_core import paths
from digit_core.models import store as model_store
from digit_core.models.store import ModelError
from ui import components, visitor

log = logging.getLogger(__name__)

TYPES = ["keras", "tflite"]
LONGEST = 180  # seconds
MOST_MEMORY = 12_000  # megabytes of address space; TensorFlow reserves thousands but uses few of them


def show() -> None:
    """Show the upload form, to the owner of this host only."""
    if visitor.who() is not None:
        return
    if notice := st.session_state.pop("bring_notice", None):
        st.success(components.plain(notice), icon=":material/check:")
    with st.expander("Add your own network", icon=":material/upload_file:", key="bring"):
        st.markdown(
            "A Keras 3 `.keras` file that uses only built-in layers, or a `.tflite` file. It must take 28x28 "
            "images and return ten classes. Inkling tests it before saving it."
        )
        file = st.file_uploader("Network", TYPES, key="bring_file")
        name = st.text_input("Name", key="bring_name", max_chars=64, placeholder="my-network")
        if st.button("Add it", key="bring_start", icon=":material/upload:", disabled=not (file and name)):
            _bring(file, name)


def _bring(file, name: str) -> None:
    try:
        model_store.check_name(name)
    except ModelError as error:
        st.error(components.plain(str(error)), icon=":material/error:")
        return
    with tempfile.TemporaryDirectory() as folder, st.spinner("Checking the network on test digits ..."):
        path = Path(folder) / f"network{Path(file.name).suffix.lower()}"
        command = paths.command("bring", str(path), "--name", name, "--json", "--most-memory", str(MOST_MEMORY))
        try:
            path.write_bytes(file.getvalue())
            done = subprocess.run(**command, capture_output=True, text=True, timeout=LONGEST, check=False)
        except subprocess.TimeoutExpired:
            st.error("This network takes too long to check.", icon=":material/error:")
            return
        except OSError:
            log.warning("A network cannot be added", exc_info=True)
            st.error("The network can't be checked at the moment.", icon=":material/error:")
            return
    if done.returncode:
        log.warning("A network was refused (%s): %s", done.returncode, done.stderr[-2000:])
        st.error(components.plain(_sentence(done)), icon=":material/error:")
        return
    said = json.loads(done.stdout.splitlines()[-1])
    reads = f"{said['accuracy']:.2%} of {said['data']}'s test digits"
    st.session_state["bring_notice"] = f"{said['name']} reads {reads} correctly."
    st.rerun()


def _sentence(done: subprocess.CompletedProcess) -> str:
    """Return the command's error message, or a general one if it crashed."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    is_said = done.returncode in (1, 2) and lines and not any("Traceback" in line for line in lines)
    return lines[-1] if is_said else "This network cannot be run."
