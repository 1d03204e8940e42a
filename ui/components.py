"""Shared widgets for showing the reading of a picture."""

import html
import logging
import re
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import streamlit as st

from digit_core import Digit, Reading
from digit_core.pictures import image_files, normalization
from digit_core.reading import overlay, wording
from ui import bars, boxes, state

log = logging.getLogger(__name__)

DRAWING = "drawn"  # key of the drawing's reading, as in `details`
LONG = 7  # characters; longer answers are set in smaller type
BOXED_HEIGHT = 150  # screen pixels; fixed to avoid layout shifts
STEP_HEIGHT = 104  # pixels on the screen
BOXED_SIDE, STEP_SIDE = 880, 300  # pixels sent: twice those shown
LARGEST_INK = 200_000  # bytes of a mark's ink that a session keeps
LINK_BEGINS = re.compile(r"www|https?|mailto|xmpp|@", re.IGNORECASE)  # what Markdown turns into a link


def answer(text: str, sentence: str, certainties: Sequence[str], group: str) -> None:
    """Show the recognised text in large type and the confidence sentence below; screen readers announce it.

    Text lines are stacked; the slash between them is invisible and only there for copying. Clicking a mark selects it.

    Args:
        certainties: `wording.certainty` of each mark.
        group: key of the reading, as in `details`.
    """
    _announce(_answer_html(text, sentence, certainties, group))


def invitation(text: str) -> None:
    """Show a placeholder while there is no answer."""
    _announce(_invitation_html(text))


def drawing_answer(reading: Reading | None) -> None:
    """Show the answer to a drawing, or that nothing is found in it."""
    _announce(reading_html(reading))


def reading_html(reading: Reading | None) -> str:
    """The HTML of `drawing_answer`."""
    if reading is None or not reading.digits:
        return _invitation_html("I can't find a digit in this drawing yet.")
    certainties = [wording.certainty(digit) for digit in reading.digits]
    return _answer_html(reading.text, wording.sentence(reading), certainties, DRAWING)


def _announce(content: str) -> None:
    st.html(f'<div role="status" aria-live="polite">{content}</div>')


def _answer_html(text: str, sentence: str, certainties: Sequence[str], group: str) -> str:
    lines = text.split("/")
    size = " long" if max(map(len, lines)) > LONG or len(lines) > 2 else ""
    if len(text) == 1:  # nothing to select
        size, shown = f" {certainties[0]}", html.escape(text)
    else:
        slash = '<span class="ink-slash">/</span>'
        shown = slash.join(f'<span class="ink-line">{line}</span>' for line in _marked(lines, certainties, group))
    return f'<div class="ink-answer{size}">{shown}</div><div class="ink-sentence">{html.escape(sentence)}</div>'


def _invitation_html(text: str) -> str:
    return f'<div class="ink-invite">{html.escape(text)}</div>'


def _marked(lines: Sequence[str], certainties: Sequence[str], group: str) -> list[str]:
    """Return each line as HTML with clickable marks; signs are not marks."""
    place, found = 0, []
    for line in lines:
        parts = []
        for sign in line:
            if sign in ".-" or place >= len(certainties):
                parts.append(html.escape(sign))
                continue
            parts.append(f'<span class="{certainties[place]}" data-group="{group}" data-place="{place}">{sign}</span>')
            place += 1
        found.append("".join(parts))
    return found


def acts(text: str, sentence: str, drawing: str | None = None) -> None:
    """Show buttons to copy, share and save, handled in the browser (see `actions`).

    Args:
        drawing: the drawing encoded for a link; "" if it has none, None if there is no drawing.
    """
    quoted = html.escape(text, quote=True)
    buttons = [f'<button data-act="copy" data-text="{quoted}">Copy</button>']
    if drawing is not None:
        hidden = "" if drawing else " disabled"
        buttons.append(f'<button data-act="share" data-drawing="{drawing}"{hidden}>Copy a link</button>')
        buttons.append(
            f'<button data-act="save" data-text="{quoted}" data-sentence="{html.escape(sentence, quote=True)}"{hidden}>'
            "Save as a picture</button>"
        )
    st.html(f'<div class="ink-acts">{"".join(buttons)}</div>')


def download(label: str, file: Path, name: str, key: str) -> None:
    """Show a download button for a file; none if the file has just been deleted.

    The file is read before the click: Streamlit drops content made on click after two runs of any session.
    """
    try:
        content = file.read_bytes()
    except OSError:
        log.info("%s is gone", file, exc_info=True)
        return
    st.download_button(label, content, name, icon=":material/download:", key=key, on_click="ignore")


def send() -> None:
    """Let Streamlit send the elements so far before the run continues.

    Streamlit flushes every 10 ms, and pictures keep server and browser busy.
    """
    time.sleep(0.015)


def details(
    picture: np.ndarray, reading: Reading, key: str, boxed: bool = True, newest: tuple[float, float] | None = None
) -> Digit:
    """Show a digit selector, its probabilities, the network's input and the steps. Return the selected digit.

    Args:
        boxed: whether to show the picture with bounding boxes.
        newest: a point of the picture; the nearest mark is selected until another is chosen.
    """
    place = _choose(reading, key, _nearest(reading, newest))
    if boxed and len(reading.digits) > 1:
        with st.container(key=f"{key}_boxed"):
            _boxed(picture, reading, place, key)
    digit = reading.digits[place]
    state.put("looked_at", (digit.image, digit.ink if digit.ink.nbytes <= LARGEST_INK else None))
    shares, seen = st.columns([3, 1], vertical_alignment="center", gap="small", wrap=False)
    with shares, st.container(key=f"{key}_bars"):
        if digit.trusted:
            bars.show(digit.probabilities)
        else:
            st.markdown(f"If it is a digit, it is most likely {wording.with_article(digit.value)}.")
    with seen, st.container(key=f"pixels_{key}"):
        st.image(enlarged(digit.image), width="stretch", alt=f"What the network saw, read as {digit.text}")
        st.caption("What the network saw")
    unfolded = st.expander("Show the steps", icon=":material/footprint:", key=f"{key}_steps", on_change="rerun")
    if unfolded.open:
        with unfolded:
            _steps(picture, reading, digit)
    return digit


def _nearest(reading: Reading, point: tuple[float, float] | None) -> int:
    """Index of the mark nearest to a point, 0 without one."""
    if point is None:
        return 0
    x, y, width, height = np.array([digit.box for digit in reading.digits]).T
    return int(np.hypot(x + width / 2 - point[0], y + height / 2 - point[1]).argmin())


def _boxed(picture: np.ndarray, reading: Reading, place: int, key: str) -> None:
    """Show the picture cropped to its marks, each with a bounding box."""
    turns = reading.turned // 90
    digits = [overlay.turned(digit, picture.shape[:2], turns) for digit in reading.digits]
    upright = np.rot90(picture, turns)
    left, top, width, height = window = overlay.window(upright, digits)
    shown = np.ascontiguousarray(upright[top : top + height, left : left + width])
    boxes.show(
        overlay.data_url(image_files.working_size(shown, BOXED_SIDE)),
        boxes.marks(digits, window),
        f"The picture with {len(reading.digits)} marks boxed: {reading.text}",
        key,
        place,
        width=min(round(BOXED_HEIGHT * width / height), 440),
    )


def _steps(picture: np.ndarray, reading: Reading, digit: Digit) -> None:
    """Show the captioned stages from the picture to the network's 28x28."""
    stages = {"Your picture": picture}
    stages["The ink it found" + (f", turned by {reading.turned}°" if reading.turned else "")] = reading.ink
    if len(reading.digits) > 1:
        stages["Everything it found"] = overlay.draw_boxes(picture, reading.digits, close_up=True)
    stages["The ink of this digit"] = digit.ink
    stages |= normalization.steps(digit.ink)
    with st.container(horizontal=True, gap="small"):
        for caption, stage in stages.items():
            height, width = stage.shape[:2]
            shown_width = _shown_width(stage)
            shown = image_files.working_size(enlarged(stage), STEP_SIDE)  # a photo of many megapixels need not be sent
            st.image(shown, f"{caption}  \n{width} × {height}", width=shown_width, alt=caption)
    st.caption(wording.acceptance_sentence(digit))


def enlarged(picture: np.ndarray) -> np.ndarray:
    """Enlarge a small picture without interpolation, so that the browser does not blur it."""
    factor = -(-112 // max(picture.shape[:2]))
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST) if factor > 1 else picture


def sprite(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Tile rows of equally many digits, each uint8 (n, 28, 28), into one picture with small gaps."""
    lines = [np.concatenate([np.pad(digit, 2) for digit in row], axis=1) for row in rows]
    return cv2.resize(np.concatenate(lines), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)


def plain(text: str) -> str:
    """Escape untrusted text for Markdown: no emphasis, no links.

    Markdown links URLs even if their punctuation is escaped; an invisible word joiner inside them prevents that.
    """
    text = LINK_BEGINS.sub("\\g<0>\u2060", text)
    return "".join("\\" + c if c in "\\`*_{}[]()<>#+-.!|~$:" else c for c in text)


def _shown_width(picture: np.ndarray) -> int:
    """Return the width at which a picture has the row's height, within limits."""
    height, width = picture.shape[:2]
    return max(40, min(150, round(STEP_HEIGHT * width / height)))


def _choose(reading: Reading, key: str, first: int) -> int:
    """Return the selected digit's index, `first` until another is chosen. Show a selector for several."""
    count = len(reading.digits)
    if count == 1:
        return 0
    name = f"{key}_digit_{count}"
    if st.session_state.get(f"{key}_newest") != (count, first):  # the drawing changed: reset the choice
        st.session_state[f"{key}_newest"] = count, first
        st.session_state[name] = first
    chosen = st.segmented_control(
        "Digit to look at",
        range(count),
        # The control tells its options apart by their labels: invisible spaces make equal digits differ.
        format_func=lambda place: reading.digits[place].text + "\u200b" * place,
        required=True,
        key=name,
        label_visibility="collapsed",
    )
    return first if chosen is None else chosen
