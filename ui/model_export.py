"""Exports of a model to other formats, made in a separate process and cached in `$DIGIT_HOME/exports/`."""

import importlib.util
import logging
import os
import shutil
import subprocess
import threading
from collections import deque
from pathlib import Path

import streamlit as st

from digit_core import paths
from digit_core.models.export import STEPS
from digit_core.models.store import StoredModel

log = logging.getLogger(__name__)

FORMATS = {  # `export` format -> display name and file suffix
    "litert-int8": ("LiteRT in 8 bits", ".int8.tflite"),
    "onnx": ("ONNX", ".onnx"),
    "saved_model": ("SavedModel", ".saved_model.zip"),
}
MOST_KEPT = 30  # files
LONGEST = 300  # seconds that an export may take
_lock = threading.Lock()


@st.cache_resource(show_spinner=False)
def _state() -> dict:
    """The state of exports: "running" is the current file or None, "step" its progress, "failed" the failed files."""
    return {"running": None, "step": 0, "failed": set()}


def formats() -> list[str]:
    """Return the formats that this installation can write; ONNX needs extra packages."""
    has_onnx = all(importlib.util.find_spec(package) for package in ("onnx", "tf2onnx", "onnxruntime"))
    return [form for form in FORMATS if form != "onnx" or has_onnx]


def file_of(model: StoredModel, form: str) -> Path:
    """Return the path of an export; its name contains the model's digest."""
    return paths.home() / "exports" / f"{model.digest[:24]}{FORMATS[form][1]}"


def is_running(model: StoredModel, form: str) -> bool:
    return _state()["running"] == file_of(model, form)


def progress() -> tuple[float, str]:
    """Return the progress of the running export, 0..1, and a description of its step."""
    step = _state()["step"]
    return (step + 0.5) / len(STEPS), f"{STEPS[step]} ..."


def is_busy() -> bool:
    return _state()["running"] is not None


def has_failed(model: StoredModel, form: str) -> bool:
    return file_of(model, form) in _state()["failed"]


def start(model: StoredModel, form: str) -> None:
    """Export in a background thread, unless another export is running."""
    state, file = _state(), file_of(model, form)
    with _lock:
        if state["running"] is not None:
            return
        state["running"], state["step"] = file, 0
        state["failed"].discard(file)
    threading.Thread(target=_export, args=(state, model.name, form, file), daemon=True).start()


def _run(command: dict, state: dict) -> None:
    """Run the command. Raises subprocess.SubprocessError with its last output if it fails or times out."""
    said: deque[str] = deque(maxlen=20)
    with subprocess.Popen(**command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        too_long = threading.Timer(LONGEST, process.kill)
        too_long.daemon = True  # must not delay server shutdown
        too_long.start()
        try:
            for line in process.stderr:
                said.append(line)
                state["step"] = next((n for n, step in enumerate(STEPS) if line.startswith(step)), state["step"])
        finally:
            has_ended = too_long.is_alive()
            too_long.cancel()
    if not has_ended:
        raise subprocess.TimeoutExpired(process.args, LONGEST, stderr="".join(said))
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args, stderr="".join(said))


def _export(state: dict, name: str, form: str, file: Path) -> None:
    scratch = file.with_name(f".{file.name}.new")
    command = paths.command("export", "--model", name, "--format", form, "--out", str(scratch))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _run(command, state)
        if scratch.is_dir():
            packed = shutil.make_archive(str(scratch) + ".packed", "zip", scratch)
            shutil.rmtree(scratch)
            scratch = Path(packed)
        os.replace(scratch, file)
        paths.keep_newest(file.parent, MOST_KEPT)
    except (OSError, subprocess.SubprocessError) as error:
        log.exception("%s cannot be exported as %s:\n%s", name, form, getattr(error, "stderr", ""))
        state["failed"].add(file)
    finally:
        state["running"] = None
