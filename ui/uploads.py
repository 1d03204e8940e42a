"""Uploaded pictures: read each once, show each with its bounding boxes, and list them all in a table.

A session stores only the answer and a downscaled picture with boxes for each file. Full readings are in a cache
shared by all visitors, and are recomputed once evicted.
"""

import csv
import hashlib
import io
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

from digit_core import Digit, Reading, UnreadableImageError
from digit_core.pictures import image_files
from digit_core.reading import overlay, wording
from digit_core.spreadsheets import safe_cell
from ui import boxes, components, feedback, history, resources, state, why

log = logging.getLogger(__name__)

EXAMPLES = Path(__file__).resolve().parent.parent / "sample_images"
EXAMPLE_NAMES = {"note": "A note", "form": "A form", "board": "A board"}
LARGEST = 10  # megabytes a file
SHOWN_SIDE = 900  # pixels; larger pictures are reduced
JPEG = ".jpg"
MOST = 50  # files at a time
NOTHING = "Nothing in this picture looks like a digit."


@dataclass(frozen=True)
class Summary:
    """What is stored for a file: its answer and its picture with marks, or an error message."""

    text: str = ""
    sentence: str = ""
    confidence: float | None = None  # of the least certain digit
    picture: str = ""  # upright, a data URL
    marks: tuple[boxes.Mark, ...] = ()
    error: str | None = None


def chooser() -> list:
    """Show the file uploader and return its files."""
    return st.file_uploader(
        f"Photographs or scans of numbers, up to {LARGEST} MB each. You can also paste a picture (Ctrl+V).",
        accept_multiple_files=True,
        key="upload",
        max_upload_size=LARGEST,
        on_change=_forget,
    )


def _forget() -> None:
    """Discard the remembered files when the visitor changes the selection."""
    state.put("uploaded", [])
    state.put("photo_first", False)


@dataclass(frozen=True)
class Kept:
    """A file that the uploader no longer holds: its name and digest."""

    name: str
    digest: str


def kept() -> list[Kept]:
    """Return the files that were read before a page change, if their summaries are still available."""
    model, known = resources.chosen_model(), state.get("summaries")
    files = state.get("uploaded")
    if files and not all((file.digest, *model) in known for file in files):
        st.info("You switched models. Add your pictures again to read them with this one.")
        files = []
    elif files:
        st.button("Remove these pictures", icon=":material/close:", on_click=_forget)
    return files


def keep(files: list) -> None:
    """Remember the uploader's files across page changes."""
    state.put("uploaded", [Kept(file.name, _digest(file)) for file in files[:MOST]])


def shown(files: list) -> list:
    """Return the files to read: the uploaded ones, else the remembered ones, else an example photo."""
    if state.get("photo_first"):
        return example()
    return files or kept() or example()


@dataclass(frozen=True)
class Example:
    """A synthetic example photo that ships with the app."""

    name: str

    def getvalue(self) -> bytes:
        return (EXAMPLES / f"{self.name}.jpg").read_bytes()


def example() -> list:
    """Show the example photos and return the selected one as a list of files."""
    st.caption("No photo at hand? Try one of these.")
    with st.container(horizontal=True, gap="small"):
        for name, label in EXAMPLE_NAMES.items():
            with st.container(width=112, gap="xxsmall"):
                st.image(EXAMPLES / f"{name}.jpg", width="stretch", alt=f"{label}, with handwritten numbers")
                st.button(
                    label,
                    key=f"example_button_{name}",
                    width="stretch",
                    on_click=state.put,
                    args=("photo", name),
                )
    chosen = state.get("photo")
    return [Example(chosen)] if chosen else []


def read_all(files: list) -> None:
    """Read each file once and show the results."""
    if len(files) > MOST:
        st.warning(f"You added {len(files)} files. Only the first {MOST} were read.")
        files = files[:MOST]
    summaries = _summaries(files)
    if len(files) == 1:
        _show_one(files[0], summaries[0])
    elif files:
        _show_many(files, summaries)


def _summaries(files: list) -> list[Summary]:
    known = state.get("summaries")
    bar = st.progress(0.0, "Reading ...") if len(files) > 3 else None
    now = {}
    model = resources.chosen_model()
    keys = [(_digest(file), *model) for file in files]
    for number, (file, key) in enumerate(zip(files, keys, strict=True), 1):
        now[key] = now.get(key) or known.get(key) or _summary(file)
        if bar:
            bar.progress(number / len(files), f"Read {number} of {len(files)}")
    if bar:
        bar.empty()
    kept = {file.digest for file in state.get("uploaded")}
    state.put("summaries", {key: told for key, told in known.items() if key[0] in kept} | now)  # drop the others
    return [now[key] for key in keys]


def _summary(file) -> Summary:
    try:
        picture, reading = _read(file)
    except UnreadableImageError as error:
        log.info("%s cannot be read", file.name, exc_info=True)
        return Summary(error=str(error))
    except Exception:  # a bad file must not affect the others
        log.warning("%s cannot be read", file.name, exc_info=True)
        return Summary(error="This picture cannot be read.")
    least = min((digit.confidence for digit in reading.digits), default=None)
    is_said = any(digit.trusted for digit in reading.digits)
    text, sentence = (reading.text, wording.sentence(reading)) if is_said else ("", NOTHING)
    if text:
        history.note_file(file.name, _digest(file), picture, reading, sentence)
    upright = np.rot90(picture, reading.turned // 90)
    height, width = upright.shape[:2]
    turned = [overlay.turned(digit, picture.shape[:2], reading.turned // 90) for digit in reading.digits]
    url = overlay.data_url(image_files.working_size(np.ascontiguousarray(upright), SHOWN_SIDE), JPEG)
    return Summary(text, sentence, least, url, tuple(boxes.marks(turned, (0, 0, width, height))))


def _read(file) -> tuple[np.ndarray, Reading]:
    """Read a file; cache its picture and reading for `_opened`."""
    recognizer = resources.chosen_recognizer()
    picture = image_files.decode(file.getvalue())
    reading = recognizer.read(picture)
    resources.uploads_read().put((_digest(file), *resources.chosen_model()), _reduced(picture, reading))
    return picture, reading


def _reduced(picture: np.ndarray, reading: Reading) -> tuple[np.ndarray, Reading]:
    """The picture in working size, with its reading; the boxes are in its pixels."""
    small = image_files.working_size(picture)
    down, right = small.shape[0] / picture.shape[0], small.shape[1] / picture.shape[1]
    digits = []
    for digit in reading.digits:
        x, y, width, height = digit.box
        box = round(x * right), round(y * down), max(round(width * right), 1), max(round(height * down), 1)
        digits.append(replace(digit, box=box))
    return small, replace(reading, digits=digits)


def _opened(file) -> tuple[np.ndarray, Reading] | None:
    """Return a file's downscaled picture and its reading; None if the file is gone and they are no longer cached."""
    found = resources.uploads_read().get((_digest(file), *resources.chosen_model()))
    if found is None and isinstance(file, Kept):
        return None
    if found is None:
        return _reduced(*_read(file))
    return found


def read_beside(file) -> None:
    """Read one file whose picture is already shown, and show the result."""
    [summary] = _summaries([file])
    if summary.error:
        _complain(file, summary)
        return
    with st.container(key="reading"):
        _say(summary, "taken")
        if summary.text and (opened := _opened(file)):
            _asked(opened, components.details(*opened, "taken"), "taken")
        else:
            _ask_of_one(file, "taken")


def _show_one(file, summary: Summary) -> None:
    if summary.error:
        _complain(file, summary)
        return
    left, right = st.columns([6, 5], gap="large")
    with left:
        picture = st.empty()
    with right, st.container(key="reading"):
        _say(summary, "uploaded")
        if summary.text and (opened := _opened(file)):
            _asked(opened, components.details(*opened, "uploaded", boxed=False), "uploaded")
        else:
            _ask_of_one(file, "uploaded")
    with picture:
        _show_picture(summary, "uploaded")


def _ask_of_one(file, key: str) -> None:
    """If the only mark was rejected as not a digit, ask whether that is right."""
    opened = _opened(file)
    if opened and len(opened[1].digits) == 1:
        feedback.show(*opened, opened[1].digits[0], key)


def _asked(opened: tuple[np.ndarray, Reading], digit: Digit, key: str) -> None:
    """Ask whether the reading is right, and offer an explanation."""
    feedback.show(*opened, digit, key)
    why.show(digit, key)


def _show_many(files: list, summaries: list[Summary]) -> None:
    _table(files, summaries)
    for number, (file, summary) in enumerate(zip(files, summaries, strict=True), 1):
        if summary.error:
            _complain(file, summary)
            continue
        with st.container(border=True):
            left, right = st.columns([2, 3], gap="medium")
            with left:
                _show_picture(summary, f"uploaded_{number}")
            with right:
                st.caption(components.plain(file.name))
                with st.container(key=f"reading_{number}"):
                    _say(summary, f"uploaded_{number}")
                label = f"Look closer at {components.plain(file.name)}"
                if summary.text and st.toggle(label, key=f"closer_{_digest(file)}_{number}"):
                    if opened := _opened(file):
                        digit = components.details(*opened, f"uploaded_{number}", boxed=False)
                        _asked(opened, digit, f"uploaded_{number}")
                    else:
                        st.caption("Add this picture again to look closer.")


def _show_picture(summary: Summary, group: str) -> None:
    chosen = st.session_state.get(f"{group}_digit_{len(summary.marks)}", 0) if summary.text else None
    boxes.show(summary.picture, summary.marks, _alternative(summary), group, chosen)


def _say(summary: Summary, group: str) -> None:
    if summary.text:
        components.answer(summary.text, summary.sentence, [mark.certainty for mark in summary.marks], group)
        components.acts(summary.text, summary.sentence)
    else:
        components.invitation(summary.sentence)


def _complain(file, summary: Summary) -> None:
    st.error(f"**{components.plain(file.name)}**: {summary.error}", icon=":material/broken_image:")


def _table(files: list, summaries: list[Summary]) -> None:
    """Show a table of all files, with a CSV download."""
    rows = [_row(file, summary) for file, summary in zip(files, summaries, strict=True)]
    st.dataframe(rows, hide_index=True, width="stretch")
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows({column: safe_cell(value) for column, value in row.items()} for row in rows)
    st.download_button(
        "Download as CSV", text.getvalue(), "readings.csv", "text/csv", key="csv", icon=":material/download:"
    )


def _row(file, summary: Summary) -> dict[str, str]:
    return {
        "File": file.name,
        "Answer": summary.text,
        "Lowest confidence": "" if summary.confidence is None else f"{summary.confidence:.0%}",
        "Note": summary.error or summary.sentence,
    }


def _alternative(summary: Summary) -> str:
    return f"The picture with its marks boxed: {summary.text or 'none found'}"


def _digest(file) -> str:
    """Return a digest of the file's content; file names are not unique."""
    return file.digest if isinstance(file, Kept) else hashlib.sha256(file.getvalue()).hexdigest()[:16]
