"""Fine-tuning a model on corrections, in a separate process. The new model is used only if the user chooses it.

What was learnt last is read from the newest taught model's card, so that it outlives the server.
"""

import logging
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from digit_core import paths, records
from digit_core.models import store as model_store
from digit_core.models.store import ModelError, StoredModel
from digit_core.runs import wording
from digit_core.runs.limits import limits
from ui import components, feedback, model_choice, state, visitor

log = logging.getLogger(__name__)

NAME = "my-hand"  # of taught models, with a number from the second on
STOPPED = (130, 143, -signal.SIGTERM)  # exit statuses of a process that was stopped
LONGEST = 900  # seconds that the process may take
EVERY = 0.5  # seconds between progress updates


@dataclass
class Teaching:
    """The current or last teaching process, with its progress.

    Attributes:
        done: fraction completed, 0..1.
        has_taught: whether it has stored a model.
        error: error message if it failed, else "".
        watch: thread that reads the process's output; teaching runs as long as it is alive.
    """

    process: subprocess.Popen | None = None
    watch: threading.Thread | None = None
    done: float = 0.0
    has_taught: bool = False
    error: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_running(self) -> bool:
        return self.watch is not None and self.watch.is_alive()


@st.cache_resource(show_spinner=False)
def _teaching() -> Teaching:
    return Teaching()


def show() -> None:
    """Show the offer to teach, the progress and the result, to the owner of this host only."""
    if not limits().training or visitor.who() is not None:
        return
    count = _count()
    if count is None or not (count or feedback.is_allowed()):
        return
    with st.container(border=True, key="teaching"):
        st.subheader("Teach it my handwriting", anchor=False)
        teaching = _teaching()
        if teaching.is_running:
            st.fragment(run_every=EVERY)(_progress)()
            return
        if (taught := _newest()) is not None:
            _gained(taught)
        if teaching.error:
            st.error(components.plain(teaching.error), icon=":material/error:")
        _offer(count)


def _count() -> int | None:
    """Return the number of corrections to learn from, or None if they cannot be read."""
    from digit_core.feedback import corrections
    from digit_core.feedback.database import FeedbackError, is_there

    try:
        return len(corrections.labels()) if is_there() else 0
    except FeedbackError as error:
        log.info("Corrections cannot be counted: %s", error)
        return None


def _offer(count: int) -> None:
    from digit_core.feedback.teaching import FEWEST

    if count < FEWEST:
        st.markdown(
            "Correct wrong answers on the Predict page. After "
            f"{FEWEST} corrections, a network can learn your handwriting here. So far there are {count}."
        )
        return
    name = components.plain(model_choice.called(state.get("model") or model_store.default_name()))
    if not _can_learn():
        st.markdown(f"{name} exists only as a LiteRT file, which can't be trained further. Choose another model.")
        return
    st.markdown(
        f"**{count} corrections** are saved. {name} learns from them in a minute or two and is compared with the "
        "original. Nothing changes until you choose the new model."
    )
    st.button("Teach it", key="teach_start", type="primary", icon=":material/school:", on_click=_start)


def _can_learn() -> bool:
    """Return whether the current model has a Keras file that can be trained."""
    try:
        return model_store.find(state.get("model")).has_keras
    except ModelError:
        return False


def _start() -> None:
    teaching, model = _teaching(), state.get("model") or model_store.default_name()
    with teaching.lock:
        if teaching.is_running or not limits().training:
            return
        command = paths.command("teach", "--json", "--model", model, "--name", _free_name())
        teaching.done, teaching.has_taught, teaching.error = 0.0, False, ""
        try:
            teaching.process = subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except OSError:
            log.exception("The teaching process cannot be started")
            teaching.error = "Teaching cannot be started at the moment."
            return
        teaching.watch = threading.Thread(target=_watch, args=(teaching, teaching.process), daemon=True)
        teaching.watch.start()


def _watch(teaching: Teaching, process: subprocess.Popen) -> None:
    """Read the process's output until it ends."""
    timer = threading.Timer(LONGEST, process.kill)
    timer.daemon = True  # must not delay server shutdown
    timer.start()
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr), daemon=True)
    reader.start()
    for line in process.stdout:
        said = _parsed(line)
        if "of" in said:
            teaching.done = said["done"] / said["of"]
        elif "name" in said:
            teaching.has_taught = True
    code = process.wait()
    timer.cancel()
    reader.join(5)
    if not teaching.has_taught and code not in STOPPED:
        log.warning("Teaching ended with %s: %s", code, "".join(errors)[-2000:])
        said = [line for line in errors if line.strip()]
        is_sentence = code == 1 and said and not any("Traceback" in line for line in said)
        teaching.error = said[-1].strip() if is_sentence else "Teaching failed. The server's log has the details."


def _parsed(line: str) -> dict[str, Any]:
    """Parse a progress or result line; return {} for any other line."""
    try:
        return records.parse(line)
    except ValueError:
        return {}


def _progress() -> None:
    """Show a progress bar; rerun the whole page when the process has ended."""
    teaching = _teaching()
    if not teaching.is_running:
        st.rerun()
    starts = teaching.done == 0
    st.progress(teaching.done, "Starting ..." if starts else "Measuring ..." if teaching.done == 1 else "Learning ...")
    st.button("Stop", key="teach_stop", icon=":material/stop:", on_click=teaching.process.terminate)


def _newest() -> StoredModel | None:
    """The model that was taught last."""
    taught = [model for model in model_store.list_models() if "taught" in model.card]
    return max(taught, key=lambda model: model.card["created"], default=None)  # ISO times in UTC


def _gained(model: StoredModel) -> None:
    """Show the accuracy before and after, and the actions for the taught model."""
    result = model.card["taught"]
    own, base = st.columns(2)
    apart = f"{result['kept_apart']} corrections kept for testing" if result["kept_apart"] else "its corrections"
    tested = f"the test digits of {components.plain(wording.data_set(result['base']))}"
    for place, label, kind in ((own, apart, "own"), (base, tested, "base")):
        before, after = result[f"{kind}_before"], result[f"{kind}_after"]
        place.metric(
            f"Correct on {label}", f"{after:.2%}", f"{100 * (after - before):+.2f} points, {before:.2%} before"
        )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if (state.get("model") or model_store.default_name()) == model.name:
            st.caption("In use.", width="content")
            st.button("Undo", key="teach_undo", icon=":material/undo:", on_click=_undo, args=(model,))
        else:
            st.button("Use this model", key="teach_use", icon=":material/draw:", on_click=_use, args=(model.name,))
        st.page_link("pages/models.py", label="All models", icon=":material/deployed_code:")


def _use(name: str) -> None:
    model_choice.use(None if name == model_store.default_name() else name)


def _undo(model: StoredModel) -> None:
    """Bring back the model that this one was taught from, for everybody if it was the default."""
    before = model.card["taught"]["from"]
    try:
        if model.is_default:
            model_store.choose_default(before)
    except ModelError as error:
        _teaching().error = str(error)
        return
    _use(before)


def _free_name() -> str:
    taken = {model.name for model in model_store.list_models()}
    names = [NAME, *(f"{NAME}-{number}" for number in range(2, 1000))]
    return next(name for name in names if name not in taken)
