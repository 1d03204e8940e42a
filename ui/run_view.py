"""One training run: its live progress and its final results."""

import csv
import io

import numpy as np
import streamlit as st

from digit_core import charts
from digit_core.explanation import pictures
from digit_core.models import store as model_store
from digit_core.models.store import ModelError
from digit_core.reading import overlay
from digit_core.runs import filters
from digit_core.runs import store as runs
from digit_core.runs import wording as run_wording
from digit_core.runs.events import Story
from digit_core.runs.limits import limits
from digit_core.runs.store import Run, RunError
from digit_core.training.settings import LEARNT
from ui import components, model_choice, resources, visitor

EVERY = 1.0  # seconds between updates while a run trains
ICONS = {"finished": ":material/check_circle:", "stopped": ":material/pause_circle:", "failed": ":material/error:",
         "interrupted": ":material/power_off:"}  # fmt: skip


def show(run: Run) -> None:
    """Show the run, and refresh it every second while it trains."""
    st.subheader(components.plain(run_wording.title(run, visitor.zone())), anchor=False)
    st.caption(run_wording.settings(run.settings))
    watching = st.fragment(run_every=EVERY if run.is_running else None)(_live)
    watching(run.id, run.state)
    if run.result:
        _misread(run)


def _live(run_id: str, state_before: str) -> None:
    """Show what changes during training; rerun the whole page when it ends."""
    try:
        run = runs.find(run_id)
    except RunError as error:
        st.info(components.plain(str(error)))
        return
    if run.is_running != (state_before in runs.RUNNING):
        st.rerun()
    story = resources.story(run.folder).update()
    with st.container(key="train_progress"):
        _progress(run, story)
    _buttons(run)
    if run.result and not run.is_running:
        _reached(run)
    if story.batches:
        _curves(run, story)
    elif run.is_running:
        _before_the_first_point(run, story)
    if story.glimpse is not None:
        _watched(run, story)
        _filters(run)


def _progress(run: Run, story: Story) -> None:
    said = components.plain(run_wording.state(run, story.last, story.digits))
    if run.is_running:
        begun = run.status.get("epoch", 0) / run.settings.epochs
        share = {"starting": min(begun, 1.0), "training": run_wording.share(story.last)}.get(run.state, 1.0)
        st.progress(share, said)
    elif run.state == "failed":
        st.error(said, icon=ICONS[run.state])
    else:
        st.info(said, icon=ICONS[run.state])
    if run.state in ("failed", "interrupted") and (tail := runs.log_tail(run)):
        with st.expander("The log's last lines", icon=":material/notes:"):
            st.code(tail, language=None, wrap_lines=True)


def _buttons(run: Run) -> None:
    if not limits().training or not visitor.may_change(run):
        return
    if run.is_running:
        asked = runs.is_stopping(run)
        st.button(
            "Stopping ..." if asked else "Stop and save progress",
            key="train_stop",
            icon=":material/stop:",
            disabled=asked or run.state == "storing",
            on_click=attempt,
            args=(lambda: runs.stop(run, visitor.who()),),
        )
    elif run.can_resume:
        pressed = st.button("Resume", key="train_resume", icon=":material/play_arrow:", type="primary")
        if pressed and attempt(lambda: runs.resume(run, visitor.who())):
            st.rerun()


def attempt(action) -> bool:
    """Run an action and return whether it succeeded; show its error if not."""
    try:
        action()
    except RunError as error:
        st.error(components.plain(str(error)), icon=":material/error:")
        return False
    return True


def _before_the_first_point(run: Run, story: Story) -> None:
    """Show the startup steps until there is data to plot."""
    steps, now = run_wording.first_steps(run, story.digits)
    shown = "".join(
        f'<li class="{"done" if place < now else "now" if place == now else ""}">{step}</li>'
        for place, step in enumerate(steps)
    )
    st.html(f'<ol class="ink-steps">{shown}</ol>')


def _curves(run: Run, story: Story) -> None:
    """Show the loss and accuracy curves side by side."""
    for place, quantity in zip(st.columns(2, gap="medium"), ("loss", "accuracy"), strict=True):
        place.plotly_chart(
            resources.figure(story, quantity, run),
            key=f"curve_{quantity}",
            config={"displayModeBar": False},
            alt=run_wording.curve(story.epochs, quantity),
        )


def _watched(run: Run, story: Story) -> None:
    """Show ten validation digits with the network's current predictions."""
    digits = resources.watched(run.folder)
    if digits is None or len(digits) != len(story.labels):
        return
    cells, count = [], 0
    for image, label, shares in zip(digits, story.labels, story.glimpse, strict=True):
        guess = int(shares.argmax())
        right = guess == label
        count += right
        cells.append(
            f'<div class="ink-glimpse{"" if right else " wrong"}">'
            f'<img alt="a handwritten {label}" src="{overlay.data_url(image)}">'
            f"<b>{guess}</b><span>{shares[guess]:.0%}</span></div>"
        )
    title = "Watch it learn" if run.is_running else "Result"
    st.html(
        f'<div class="ink-watch-title">{title}: {count} of {len(cells)} correct, on digits it never trains on</div>'
        f'<div class="ink-watch">{"".join(cells)}</div>'
    )


def _filters(run: Run) -> None:
    """Show how the first layer's filters develop: one row per snapshot, newest last."""
    moments = filters.read(run.folder)
    if moments is None or len(moments) < 2:
        return
    side, count = moments.shape[1], moments.shape[3]
    rows = moments.transpose(1, 2, 0, 3).reshape(side, side, len(moments) * count)
    picture = pictures.montage(rows, count)
    st.html(
        '<div class="ink-watch-title">What the first layer looks for, from the start (top) to now (bottom)</div>'
        f'<img class="ink-filters" src="{overlay.data_url(picture)}" '
        f'alt="{count} filters at {len(moments)} points in training">'
    )


def _reached(run: Run) -> None:
    """Show the run's results and the actions for its model."""
    result, model = run.result, runs.model(run)
    if result["validation"] < LEARNT:
        st.warning("The network has barely learned anything. Try more epochs or more digits.")
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        st.metric(
            "Validation",
            f"{result['validation']:.2%}",
            help="Digits used only to choose the best epoch",
            width="content",
        )
        st.metric(
            "Test", f"{result['test']:.2%}", help=f"Evaluated once, at the end: {result['test_digits']:,} digits",
            width="content",
        )  # fmt: skip
        if model:
            pressed = st.button("Use it on the Predict page", type="primary", icon=":material/draw:", key="train_use")
            looked = st.button("Look closer on the Evaluate page", icon=":material/fact_check:", key="train_evaluate")
            inside = st.button("Look inside", icon=":material/search:", key="train_inside")
            if pressed or looked or inside:
                _use(run, "predict" if pressed else "evaluate" if looked else "inside")
    with st.container(horizontal=True, gap="small"):
        if model:
            components.download("Keras", model.folder / "model.keras", f"{run.model_name}.keras", "train_Keras")
            components.download("LiteRT", model.litert_file, f"{run.model_name}.tflite", "train_LiteRT")
        st.download_button(
            "Log as CSV", _csv(run), f"{run.model_name}.csv", "text/csv", icon=":material/download:",
            key="train_csv", on_click="ignore",
        )  # fmt: skip


def _misread(run: Run) -> None:
    """The confusion matrix of its test digits."""
    counts = np.array(run.result["test_confusion"])
    st.plotly_chart(
        charts.confusion(counts),
        key="train_confusion",
        width=560,
        config={"displayModeBar": False},
        alt=charts.confusion_text(counts),
    )


def _use(run: Run, page: str) -> None:
    """Save the run's model, select it, and open the given page."""
    own = [model.name for model in model_store.list_models() if not model.is_shipped]
    if visitor.who() is not None and run.model_name not in own and len(own) >= limits().runs:
        st.error("This server cannot store any more models.", icon=":material/error:")
        return
    try:
        name = runs.keep_model(run, run_wording.title(run, visitor.zone()), visitor.who()).name
    except (RunError, ModelError) as error:
        st.error(components.plain(str(error)), icon=":material/error:")
        return
    model_choice.use(name)
    st.switch_page(f"pages/{page}.py")


def _csv(run: Run) -> bytes:
    """Return the log of the run as CSV, one row per batch or epoch."""
    story = Story(run.folder).update()
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"])
    rows = [(place, loss, accuracy, "", "") for place, loss, accuracy in story.batches]
    rows += [(e.epoch, e.loss, e.accuracy, e.validation_loss, e.validation_accuracy) for e in story.epochs]
    writer.writerows(sorted(rows, key=lambda row: (row[0], row[3] != "")))
    return text.getvalue().encode()


STYLE = """
<style>
.ink-watch-title { font-weight: 600; margin: 0.4rem 0 0.5rem; }
.ink-watch { display: grid; grid-template-columns: repeat(10, minmax(0, 1fr)); gap: 0.5rem; }
.ink-glimpse { text-align: center; border-radius: 0.6rem; padding: 0.35rem; background: rgba(128, 136, 156, 0.12); }
.ink-glimpse img { width: 100%; image-rendering: pixelated; border-radius: 0.4rem; display: block; }
.ink-glimpse b { display: block; font-size: 1.7rem; line-height: 1.3; }
.ink-glimpse span { font-size: 0.8rem; opacity: 0.8; }
.ink-filters { width: 100%; max-width: 46rem; image-rendering: pixelated; border-radius: 0.4rem; }
.ink-glimpse.wrong { outline: 2px solid #c2600c; }
.ink-glimpse.wrong b { text-decoration: line-through; color: #c2600c; }
.ink-steps { list-style: none; padding: 1rem 0 !important; display: flex; flex-wrap: wrap; gap: 0.4rem 1.6rem;
  min-height: 200px; align-content: flex-start; }
.ink-steps li { opacity: 0.65; margin: 0; }
.ink-steps li::before { content: "○"; margin-right: 0.5rem; }
.ink-steps li.done::before { content: "✓"; }
.ink-steps li.now { opacity: 1; font-weight: 600; }
.ink-steps li.now::before { content: "●"; }
@media (max-width: 640px) { .ink-watch { grid-template-columns: repeat(5, minmax(0, 1fr)); } }
</style>
"""
