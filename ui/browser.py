"""What only the browser knows: how wide a column is, and the drawing it kept over a reload.

A component without a picture of its own. It tells a screen reader what the canvas is, marks
a blank one, and hides the canvas's own tools, which double ours and whose pencil turns the pen off (the
canvas has no setting for these, and keeps foreign styles out). It reports the width of its column, and whenever
that changes; it keeps the text it is given in the tab's session storage, which survives a
reload and is seen by nobody else, and hands back what it found there when it was mounted.
"""

from dataclasses import dataclass

import streamlit as st

CANVAS_LABEL = "Drawing canvas. Without a pen or mouse, the button Try a sample puts a number on it."
LARGEST_KEPT = 2_000_000  # characters; browsers allow a few megabytes a site

_JS = """
const STORE = "inkling-drawing";
const watched = new WeakMap();

function storage(action) {
  try { return action(window.sessionStorage); } catch (error) { return null; }  // private modes refuse
}

function dressCanvas({ label, blank }) {
  const canvas = document.querySelector(".st-key-canvas");
  if (canvas) {
    canvas.toggleAttribute("data-blank", blank);  // shows the prompt, until the pen touches the sheet
    canvas.onpointerdown = () => canvas.removeAttribute("data-blank");
  }
  for (const host of document.querySelectorAll(".st-key-canvas *")) {
    const drawing = host.shadowRoot?.querySelector(".dc-root");
    if (!drawing || drawing.getAttribute("aria-label") === label) continue;
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", label);
    const style = document.createElement("style");
    style.textContent = ".dc-toolbar { display: none !important; }";
    host.shadowRoot.append(style);
  }
}

export default function ({ data, parentElement, setStateValue }) {
  let observer = watched.get(parentElement);
  dressCanvas(data);
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
    storage((s) => s.removeItem(STORE));
  } else if (data.keep !== null) {
    storage((s) => s.setItem(STORE, data.keep));
  }
  return () => { observer.disconnect(); watched.delete(parentElement); };
}
"""

_component = st.components.v2.component(
    "inkling_browser", html='<div class="probe"></div>', css=".probe { width: 100%; height: 0; }", js=_JS
)


@dataclass(frozen=True)
class Browser:
    """`width` of the column in CSS pixels, or None until the browser has told; `kept` likewise."""

    width: int | None
    kept: str | None


def look(key: str) -> Browser:
    """What the browser said the last time; `listen` under the same key must follow in the same run."""
    said = st.session_state.get(key) or {}
    width, kept = said.get("width"), said.get("kept")
    return Browser(
        width=int(width) if isinstance(width, int | float) and 0 < width < 10_000 else None,
        kept=kept if isinstance(kept, str) and len(kept) <= LARGEST_KEPT else None,
    )


def listen(key: str, keep: str | None, blank: bool) -> None:
    """Mount the component in this column. `keep` is stored, "" forgets, None changes nothing.

    `blank`: nothing is on the canvas, so that its prompt may show.
    """
    _component(
        key=key,
        data={"keep": keep, "label": CANVAS_LABEL, "blank": blank},
        default={"width": None, "kept": None},
        on_width_change=lambda: None,
        on_kept_change=lambda: None,
    )
