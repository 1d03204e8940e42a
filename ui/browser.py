"""What only the browser knows: how wide a column is, what the pen draws just now, what was kept over a reload.

A component without a picture of its own. It tells a screen reader what the canvas is, marks
a blank one, and hides the canvas's own tools, which double ours and whose pencil turns the pen off (the
canvas has no setting for these, and keeps foreign styles out). It reports the width of its column, and whenever
that changes; it keeps the text it is given in the tab's session storage, which survives a
reload and is seen by nobody else, and hands back what it found there when it was mounted.

While the pen moves it sends pictures of the canvas, one at a time: the next goes when the last was answered, and
shows what is there by then. When the pen is lifted it sends at once, 200 ms before the canvas itself does. With each
picture go the strokes that the canvas has not sent yet. A slow server gets only the picture after each stroke, or where
the pen rests. A click on a tool waits until the server has answered the last stroke, so that Undo takes back the one
that is seen, and the last click: of two, Streamlit would make one.
"""

from dataclasses import dataclass

import streamlit as st

CANVAS_LABEL = "Drawing canvas. Without a pen or mouse, the button Try a sample puts a number on it."
MOST_STROKES, MOST_POINTS = 60, 2000  # of strokes that the canvas has not sent yet, and of each
LARGEST_KEPT = 2_000_000  # characters; browsers allow a few megabytes a site

_JS = """
const STORE = "inkling-drawing";
const LONGEST = 3000;  // ms that an answer is waited for
const MOST_CLICKS = 30;  // on tools that wait
const PAUSE = 130, BUSY = 600;  // ms between two pictures of a stroke at least; an answer that takes longer is late
const RESTS = 400;  // ms without a movement after which a slow server too gets a picture
const watched = new WeakMap();
let waiting = null;
const pen = { down: false, moved: false, lifted: false, number: 0, sent: 0, took: 0, answered: 0, timer: null,
  send: () => {}, stroke: null, strokes: [] };  // of points, each in canvas pixels

let mostPoints = 0;  // of a stroke

function layers() {
  for (const host of document.querySelectorAll(".st-key-canvas *")) {
    const found = host.shadowRoot?.querySelectorAll("canvas");
    if (found?.length) return [...found];
  }
  return [];
}

function picture() {
  const [first, ...others] = layers();
  if (!first?.clientWidth) return null;
  const sheet = document.createElement("canvas");
  sheet.width = first.clientWidth;
  sheet.height = first.clientHeight;
  const brush = sheet.getContext("2d");
  brush.fillStyle = "#ffffff";
  brush.fillRect(0, 0, sheet.width, sheet.height);
  for (const layer of [first, ...others]) {
    if (layer.width && layer.height) brush.drawImage(layer, 0, 0, sheet.width, sheet.height);
  }
  return sheet.toDataURL("image/png");
}

function tell() {
  clearTimeout(pen.timer);
  const data = picture();
  if (!data) return;
  pen.moved = pen.lifted = false;
  pen.number = Math.max(Date.now(), pen.number + 1);  // grows, also over a reload
  pen.sent = performance.now();
  pen.send({ number: pen.number, down: pen.down, data, strokes: pen.strokes });
}

function draw(event) {
  const box = layers()[0]?.getBoundingClientRect();
  if (box && pen.stroke?.points.length < mostPoints) pen.stroke.points.push(
    [Math.round(10 * (event.clientX - box.x)) / 10, Math.round(10 * (event.clientY - box.y)) / 10]);
}

function move(event) {  // also outside the canvas, which goes on drawing there
  if (!pen.down) return;
  pen.moved = true;
  draw(event);
  tellSoon();
}

function tellSoon() {  // at most one picture is on its way while the pen is down
  clearTimeout(pen.timer);
  if (!pen.down || !pen.moved) return;
  const since = performance.now() - pen.sent, waits = pen.answered < pen.number && since < LONGEST;
  if (waits) return;
  if (pen.took > BUSY) pen.timer = setTimeout(tell, RESTS);
  else if (since >= PAUSE) tell();
  else pen.timer = setTimeout(tellSoon, PAUSE - since);
}

function lift() {
  if (!pen.down) return;
  pen.down = false;
  pen.stroke.number = Math.max(Date.now(), pen.number + 1);
  pen.strokes.push(pen.stroke);
  pen.lifted = true;
  // the canvas draws the stroke in the next frame; a hidden tab has none
  requestAnimationFrame(() => setTimeout(() => { if (pen.lifted) tell(); }, 0));
  setTimeout(() => { if (pen.lifted) tell(); }, 100);
}

const KEYS = { "Ctrl+Z": "undo", "Ctrl+Shift+Z": "redo", Delete: "clear", S: "sample" };

function press(event) {  // the tools under the canvas
  const typing = event.target.closest?.("input, textarea, select, [contenteditable=true]");
  if (typing || event.altKey || event.defaultPrevented) return;
  const held = (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + (event.shiftKey ? "Shift+" : "");
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const button = document.querySelector(`.st-key-${KEYS[held + key]} button`);
  if (!button?.checkVisibility()) return;
  event.preventDefault();
  if (!event.repeat) click(KEYS[held + key]);
}

let sheet = 0;  // number of the one that the server has put on the canvas last
let acted = null;  // { sheet, time } of the last click on a tool
let letsPass = false;
const queue = [];  // names of the tools that were clicked since, and wait
let cleared = false;  // until the server has forgotten the drawing, or a tool or the pen makes another

function click(name, tries = 60) {  // while a run goes on, the tools may be those of the drawing before
  const button = document.querySelector(`.st-key-${name} button`);
  if (button && !button.disabled) return button.click();
  if (tries && document.querySelector("[data-test-script-state=running]")) setTimeout(() => click(name, tries - 1), 50);
}

function isWaiting() {  // for the answer to the last stroke, or to the last click
  const now = performance.now();
  return (pen.answered < pen.number && now - pen.sent < LONGEST)
    || (acted && acted.sheet === sheet && now - acted.time < LONGEST);
}

function hold(event) {  // a tool works on what is drawn: the server must know the last stroke first
  const name = Object.values(KEYS).find((own) => event.target.closest?.(`.st-key-${own} button`));
  if (!name) return;
  cleared = name === "clear";
  if (cleared) storage((s) => s.removeItem(STORE));  // a reload a moment later must not bring it back
  if (pen.lifted) tell();
  if (letsPass || !(queue.length || isWaiting())) {
    acted = { sheet, time: performance.now() };
    return;
  }
  event.stopImmediatePropagation();
  if (queue.length < MOST_CLICKS) queue.push(name);
  setTimeout(letGo, LONGEST);
}

function letGo() {
  if (!queue.length || isWaiting()) return;
  letsPass = true;
  click(queue.shift(), 0);
  letsPass = false;
  setTimeout(letGo, 50);  // where that one had nothing to do
}

addEventListener("click", hold, true);
addEventListener("keydown", press);
addEventListener("pointermove", move, true);
addEventListener("pointerup", lift, true);
addEventListener("pointercancel", lift, true);

function storage(action) {
  try { return action(window.sessionStorage); } catch (error) { return null; }  // private modes refuse
}

function dressCanvas({ label, blank }, tries = 200) {
  const canvas = document.querySelector(".st-key-canvas");
  let dressed = false;
  if (canvas) {
    canvas.toggleAttribute("data-blank", blank && !pen.down && !pen.lifted);  // shows the prompt
    canvas.onpointerdown = (event) => {
      canvas.removeAttribute("data-blank");
      cleared = false;
      pen.down = event.button <= 0;
      pen.stroke = { points: [] };
      draw(event);
      pen.took = Math.min(pen.took, BUSY);  // each stroke tries once whether the server is quick again
    };
  }
  for (const host of document.querySelectorAll(".st-key-canvas *")) {
    const drawing = host.shadowRoot?.querySelector(".dc-root");
    dressed ||= Boolean(drawing);
    if (!drawing || drawing.getAttribute("aria-label") === label) continue;
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", label);
    const style = document.createElement("style");
    style.textContent = ".dc-toolbar { display: none !important; }";
    host.shadowRoot.append(style);
  }
  for (const [keys, name] of Object.entries(KEYS)) {
    const button = document.querySelector(`.st-key-${name} button`);
    button?.setAttribute("aria-keyshortcuts", keys.replace("Ctrl", "Control"));
    button?.setAttribute("title", keys);
  }
  clearTimeout(waiting);  // this script may run before the canvas is there
  if (!dressed && tries) waiting = setTimeout(() => dressCanvas({ label, blank }, tries - 1), 50);
}

export default function ({ data, parentElement, setStateValue }) {
  let observer = watched.get(parentElement);
  dressCanvas(data);
  mostPoints = data.most_points;
  pen.send = (live) => setStateValue("live", live);
  pen.strokes = pen.strokes.filter((stroke) => stroke.number > data.settled);
  if (data.answered > pen.answered) {
    pen.answered = data.answered;
    if (data.answered === pen.number) pen.took = performance.now() - pen.sent;
    tellSoon();
  }
  sheet = data.sheet;
  letGo();
  if (!observer) {
    setStateValue("kept", storage((s) => s.getItem(STORE)) ?? "");
    const probe = parentElement.querySelector(".probe");
    let last = 0;
    observer = new ResizeObserver(() => {
      const width = Math.floor(probe.getBoundingClientRect().width);
      if (width > 0 && width !== last) setStateValue("width", (last = width));
    });
    observer.observe(probe);
    watched.set(parentElement, observer);
  } else if (data.keep === "") {
    cleared = false;
    storage((s) => s.removeItem(STORE));
  } else if (data.keep !== null && !cleared) {
    storage((s) => s.setItem(STORE, data.keep));
  }
  return () => { observer.disconnect(); watched.delete(parentElement); };
}
"""

_component = st.components.v2.component(
    "inkling_browser", html='<div class="probe"></div>', css=".probe { width: 100%; height: 0; }", js=_JS
)


@dataclass(frozen=True)
class Live:
    """A picture of the canvas.

    Attributes:
        number: grows from picture to picture, and from stroke to stroke.
        down: whether the pen was on the canvas.
        data: a PNG as a data URL.
        strokes: the strokes that were ended and are not settled, each its number and its points in canvas pixels.
    """

    number: int
    down: bool
    data: str
    strokes: list[tuple[int, list[tuple[float, float]]]]


@dataclass(frozen=True)
class Browser:
    """`width` of the column in CSS pixels, or None until the browser has told; `kept` and `live` likewise."""

    width: int | None
    kept: str | None
    live: Live | None


def look(key: str) -> Browser:
    """What the browser said the last time; `listen` under the same key must follow in the same run."""
    said = st.session_state.get(key) or {}
    width, kept = said.get("width"), said.get("kept")
    return Browser(
        width=int(width) if isinstance(width, int | float) and 0 < width < 10_000 else None,
        kept=(kept if len(kept) <= LARGEST_KEPT else "") if isinstance(kept, str) else None,
        live=_live(said.get("live")),
    )


def _live(said) -> Live | None:
    """What the browser says was drawn, if that can be."""
    try:
        strokes = [(_number(stroke["number"]), _points(stroke["points"])) for stroke in said["strokes"][:MOST_STROKES]]
        live = Live(_number(said["number"]), bool(said["down"]), said["data"], strokes)
    except (TypeError, KeyError, ValueError):
        return None
    return live if isinstance(live.data, str) and len(live.data) <= LARGEST_KEPT else None


def _number(value) -> int:
    if not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise ValueError(value)
    return int(value)


def _points(value) -> list[tuple[float, float]]:
    points = [(float(x), float(y)) for x, y in value[:MOST_POINTS]]
    if not points or not all(abs(v) < 10_000 for point in points for v in point):  # NaN is refused as well
        raise ValueError("no points of a canvas")
    return points


def listen(key: str, keep: str | None, blank: bool, answered: int, settled: int, sheet: int) -> None:
    """Mount the component in this column. `keep` is stored, "" forgets, None changes nothing.

    `blank`: nothing is on the canvas, so that its prompt may show; `answered`: number of the live picture that this
    run has answered; `settled`: number up to which strokes have come from the canvas, or are forgotten;
    `sheet`: number of the drawing that the canvas was last told to show.
    """
    _component(
        key=key,
        data={
            "keep": keep,
            "label": CANVAS_LABEL,
            "blank": blank,
            "answered": answered,
            "settled": settled,
            "sheet": sheet,
            "most_points": MOST_POINTS,
        },
        default={"width": None, "kept": None, "live": None},
        on_width_change=lambda: None,
        on_kept_change=lambda: None,
        on_live_change=lambda: None,
    )
