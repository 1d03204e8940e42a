"""History of this tab: the last readings with thumbnails, to review, download or clear.

The session holds them, and the tab's session storage keeps them across reloads. They are stored nowhere else, and
nobody else sees them. Data from the browser is untrusted and therefore validated.
"""

import base64
import binascii
import csv
import datetime
import hashlib
import html
import io
import re
import time
import zipfile
from dataclasses import asdict, dataclass

import numpy as np
import streamlit as st

from digit_core import Reading, records
from digit_core.pictures import image_files
from digit_core.reading import overlay
from digit_core.spreadsheets import safe_cell
from ui import resources, state, visitor

MOST = 60  # readings
SIDE = 96  # pixels of a thumbnail
LARGEST = 12_000  # characters of its data URL
MOST_NAME, MOST_TEXT, MOST_SENTENCE = 80, 200, 300  # characters
DRAWN = "drawing"
PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+")
SENT = 3  # times each entry is sent to the browser
EVERY = 2  # seconds between refreshes of an open list

_JS = """
const STORE = "inkling-history", MOST = 60;

function kept() {
  try { return JSON.parse(window.sessionStorage.getItem(STORE) ?? "[]"); } catch (error) { return []; }
}

function clear(event) {  // at once: a reload may come before the server's answer
  if (!event.target.closest?.(".st-key-history_clear button")) return;
  try { window.sessionStorage.removeItem(STORE); } catch (error) { /* nothing is stored */ }
}

document.addEventListener("click", clear, true);

export default function ({ data, setStateValue }) {
  if (!data.known) {
    setStateValue("kept", JSON.stringify(kept()));
    return;
  }
  let entries = kept();
  if (data.cleared) entries = entries.filter((entry) => entry.when > data.cleared);
  for (const entry of data.newest) {
    const place = entries.findIndex((other) => other.id === entry.id);
    if (place >= 0) entries[place] = entry; else entries.push(entry);
  }
  try { window.sessionStorage.setItem(STORE, JSON.stringify(entries.slice(-MOST))); } catch (error) { /* full */ }
}
"""

_component = st.components.v2.component("inkling_history", html="<div></div>", css="div { height: 0; }", js=_JS)


@dataclass(frozen=True)
class Entry:
    """A reading: unique `id`, `when` in seconds since 1970, thumbnail `picture` as a data URL."""

    id: str
    when: float
    name: str
    text: str
    sentence: str
    model: str
    picture: str


def note_drawing(picture: np.ndarray | None, reading: Reading | None, sentence: str) -> None:
    """Record a drawing's reading; further strokes on the same sheet update its entry. None: the sheet is blank."""
    if picture is None or reading is None or not reading.digits:
        if picture is None:
            close()
        return
    if state.get("reloaded") and not _recognised(reading):
        return
    sheet = state.get("history_sheet")
    if sheet is None and reading.text == state.get("history_skipped"):
        return  # what was on the canvas when the history was cleared
    if sheet is None:
        sheet = f"{DRAWN}-{time.time_ns()}"
        state.put("history_sheet", sheet)
    last = _find(sheet)
    model = resources.chosen_recognizer().name
    if last and (last.text, last.sentence, last.model) == (reading.text, sentence, model):
        return
    _add(_entry(sheet, "Drawing", picture, reading, sentence, model))


def _recognised(reading: Reading) -> bool:
    """After a reload, find the entry of the drawing on the canvas; without one, it was cleared from the history.
    Return whether the browser has sent the entries."""
    if not state.get("history_known"):
        return False
    state.put("reloaded", False)
    drawn = [entry.id for entry in state.get("history") if entry.id.startswith(DRAWN)]
    state.put("history_sheet", drawn[-1] if drawn else None)
    state.put("history_skipped", None if drawn else reading.text)
    return True


def note_file(name: str, digest: str, picture: np.ndarray, reading: Reading, sentence: str) -> None:
    """Record a file's reading, once per model."""
    model = resources.chosen_recognizer().name
    one = hashlib.sha256(f"{digest} {model}".encode()).hexdigest()[:32]
    _add(_entry(one, name, picture, reading, sentence, model))


def close() -> None:
    """Start a new entry with the next drawing."""
    state.put("history_sheet", None)
    state.put("history_skipped", None)
    state.put("reloaded", False)


def keep(key: str) -> None:
    """Mount the component that stores readings in the browser and restores them after a reload."""
    said = (st.session_state.get(f"history_{key}") or {}).get("kept")
    if isinstance(said, str) and not state.get("history_known"):
        entries = {entry.id: entry for entry in [*unpacked(said), *state.get("history")]}
        state.put("history", list(entries.values())[-MOST:])
        state.put("history_known", True)
    known = state.get("history_known")
    newest = [asdict(entry) for entry, _ in state.get("history_new")]
    _component(
        key=f"history_{key}",
        data={"known": known, "newest": newest, "cleared": state.get("history_cleared")},
        default={"kept": None},
        on_kept_change=lambda: None,
    )
    if known:  # of runs in quick succession the browser sees only the last: send each entry several times
        left = [(entry, times + 1) for entry, times in state.get("history_new") if times + 1 < SENT]
        state.put("history_new", left)


def show() -> None:
    """Show the readings in an expander."""
    folded = st.expander("History", icon=":material/history:", key="history_list", on_change="rerun")
    if not folded.open:
        return
    with folded, st.container(key="history_box"):
        st.fragment(run_every=EVERY)(_list)()
        with st.container(key="history_acts"):  # hidden by CSS while empty
            st.button("Clear the history", key="history_clear", icon=":material/delete:", on_click=_clear)
            st.caption("It stays in this browser tab and is deleted when you close it.")


def _list() -> None:
    """Show the readings, refreshed every few seconds. Downloads are prepared before the click: Streamlit drops files
    made on click after two runs of any session, perhaps before they are fetched. They stay the same
    as long as the readings do."""
    entries = state.get("history")
    if not entries:
        st.caption("What is read in this tab is listed here. It stays in your browser until you close the tab.")
        return
    zone = visitor.zone()
    tiles = "".join(_tile(entry, zone) for entry in reversed(entries))
    st.html(f'<ul class="ink-history">{tiles}</ul>')
    with st.container(horizontal=True, gap="small"):
        st.download_button("Download as CSV", to_csv(entries, zone), "history.csv", "text/csv",
                           key="history_csv", icon=":material/download:", on_click="ignore")  # fmt: skip
        st.download_button("With pictures", to_zip(entries, zone), "history.zip", "application/zip",
                           key="history_zip", icon=":material/download:", on_click="ignore")  # fmt: skip


def _tile(entry: Entry, zone: datetime.tzinfo | None) -> str:
    when = f"{datetime.datetime.fromtimestamp(entry.when, zone):%H:%M}"
    said = html.escape(entry.text.replace("/", " / ") or "nothing")
    title = html.escape(f"{entry.name}, {when}: {entry.sentence}", quote=True)
    return f'<li title="{title}"><img src="{entry.picture}" alt=""><b>{said}</b><small>{when}</small></li>'


def _clear() -> None:
    state.put("history_cleared", time.time())
    drawn = _find(state.get("history_sheet") or "")
    close()
    state.put("history_skipped", drawn.text if drawn else None)
    state.put("history", [])
    state.put("history_new", [])


def to_csv(entries: list[Entry], zone: datetime.tzinfo | None = None) -> str:
    """Return the readings as CSV, with times in `zone` or the machine's."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["time", "what", "reads", "remark", "model"])
    for entry in entries:
        when = f"{datetime.datetime.fromtimestamp(entry.when, zone):%Y-%m-%d %H:%M:%S}"
        rows.writerow([when, *map(safe_cell, (entry.name, entry.text, entry.sentence, entry.model))])
    return text.getvalue()


def to_zip(entries: list[Entry], zone: datetime.tzinfo | None = None) -> bytes:
    """Return a zip of the table and thumbnails; equal entries give equal bytes, so that links to it stay valid."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("history.csv"), to_csv(entries, zone))
        for number, entry in enumerate(entries, 1):
            ending = "png" if "image/png" in entry.picture[:20] else "jpg"
            archive.writestr(
                zipfile.ZipInfo(f"{number:02d}.{ending}"), base64.b64decode(entry.picture.partition(",")[2])
            )
    return packed.getvalue()


def unpacked(text: str) -> list[Entry]:
    """Parse the entries stored in the browser; drop invalid ones."""
    if len(text) > MOST * (LARGEST + 1000):
        return []
    try:
        found = records.parse(f'{{"entries": {text}}}'.encode())["entries"]
    except (ValueError, KeyError):
        return []
    entries = [_checked(value) for value in found[-MOST:]] if isinstance(found, list) else []
    return [entry for entry in entries if entry]


def _checked(value) -> Entry | None:
    if not isinstance(value, dict):
        return None
    longest = {"id": MOST_NAME, "name": MOST_NAME, "text": MOST_TEXT, "sentence": MOST_SENTENCE, "model": MOST_NAME}
    texts = {name: value.get(name) for name in longest}
    picture, when = value.get("picture"), value.get("when")
    if not all(isinstance(text, str) and len(text) <= longest[name] for name, text in texts.items()):
        return None
    if not isinstance(picture, str) or len(picture) > LARGEST or not PICTURE.fullmatch(picture):
        return None
    try:
        base64.b64decode(picture.partition(",")[2], validate=True)
        time.localtime(records.number(when))
    except (binascii.Error, ValueError, TypeError, OverflowError, OSError):
        return None
    return Entry(**texts, picture=picture, when=float(when))


def _entry(name: str, called: str, picture: np.ndarray, reading: Reading, sentence: str, model: str) -> Entry:
    left, top, width, height = overlay.window(picture, reading.digits)
    part = np.ascontiguousarray(picture[top : top + height, left : left + width])
    small = image_files.working_size(part, SIDE)
    return Entry(
        id=name,
        when=time.time(),
        name=called[:MOST_NAME],
        text=reading.text[:MOST_TEXT],
        sentence=sentence[:MOST_SENTENCE],
        model=model[:MOST_NAME],
        picture=overlay.data_url(small, ".jpg" if small.ndim == 3 else ".png"),  # photographs compress badly as PNG
    )


def _find(name: str) -> Entry | None:
    return next((entry for entry in state.get("history") if entry.id == name), None)


def _add(entry: Entry) -> None:
    """Append an entry, replacing any older one with its id."""
    if len(entry.picture) > LARGEST:
        return
    others = [other for other in state.get("history") if other.id != entry.id]
    state.put("history", [*others, entry][-MOST:])
    waiting = [other for other in state.get("history_new") if other[0].id != entry.id]
    state.put("history_new", [*waiting, (entry, 0)][-MOST:])
