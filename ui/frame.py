"""The frame that all pages share: title, icon, navigation, style."""

from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st

from ui import bars, boxes, resources, state, visitor

PROJECT = Path(__file__).resolve().parent.parent
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 118 32">
<rect width="32" height="32" rx="8" fill="#2d5fd3"/>
<path d="M8 9.5c5.5 1.5 11 1 16-1l-9.5 16.5M12.5 18l10-1.5" fill="none" stroke="#fff" stroke-width="3"
 stroke-linecap="round" stroke-linejoin="round"/>
<text x="41" y="23" font-family="Source Sans,Segoe UI,Roboto,Helvetica,Arial,sans-serif" font-size="21"
 font-weight="700" fill="#4671dd">Inkling</text></svg>"""  # a blue with contrast on light and dark
ICON = Path(__file__).with_name("icon.png")  # local: a named icon would be fetched from a third party

TITLES = {
    "": "Inkling reads the numbers you write",
    "train": "Train · Inkling",
    "evaluate": "Evaluate · Inkling",
    "inside": "Inside · Inkling",
    "models": "Models · Inkling",
}

STYLE = """
<style>
[data-testid="stMain"] { scrollbar-gutter: stable; }  /* a scrollbar must not resize the canvas */
.block-container { max-width: 1120px; padding: 3.2rem 1rem 3rem; }
[data-testid="stToolbar"] > div:has([data-testid="stTopNav"]) { max-width: 1120px; margin: 0 auto; gap: 0.6rem;
  padding: 0; }  /* align with the content below */
.ink-brand { font-weight: 700; }
@media (min-width: 768px) {  /* the logo shows the name */
  .ink-title:has(.ink-brand) span { font-size: 1.6rem; font-weight: 700; opacity: 1; letter-spacing: -0.01em;
    display: inline-block; }
  .ink-title:has(.ink-brand) span::first-letter { text-transform: uppercase; }
  .ink-brand { position: absolute; clip-path: inset(50%); }
}
h1.ink-title { font-size: 1.6rem; margin: 0; padding: 0; font-weight: 700; line-height: 1.2; letter-spacing: -0.01em; }
.ink-title span { font-weight: 400; opacity: 0.75; font-size: 1.05rem; letter-spacing: 0; }
.ink-answer { font-size: clamp(3.2rem, 9vw, 5.5rem); font-weight: 700; line-height: 1.05;
  letter-spacing: -0.02em; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.ink-answer.long { font-size: clamp(2rem, 5vw, 3rem); }
.ink-example { width: 100%; display: block; border-radius: 0.5rem; border: 1px solid rgba(128, 136, 156, 0.35); }
[class*="st-key-example_button"] button { width: 100%; padding: 0.2rem 0.3rem; min-height: 2rem; }
[class*="st-key-example_button"] p { font-size: 0.8rem; }
.ink-line { display: inline-block; width: 100%; }
.ink-slash { font-size: 0; }
.ink-sentence { font-size: 1.15rem; }
[data-testid="stCaptionContainer"] { color: inherit; opacity: 0.8; }  /* Streamlit's own is too pale to read well */
.ink-answer [data-place] { cursor: pointer; }
.ink-answer.doubtful, .ink-answer .doubtful, .ink-answer.none, .ink-answer .none { color: #b45f06; }
.ink-acts { display: flex; flex-wrap: wrap; gap: 0.4rem; margin-top: 0.5rem; }
.ink-acts button { font: inherit; font-size: 0.85rem; color: inherit; background: none; cursor: pointer;
  border: 1px solid rgba(128, 136, 156, 0.5); border-radius: 1rem; padding: 0.15rem 0.75rem; min-height: 2rem; }
.ink-acts button:hover { border-color: currentcolor; }
.ink-acts button:disabled { opacity: 0.4; cursor: default; }
.ink-history { display: flex; flex-wrap: wrap; gap: 0.6rem; list-style: none; padding: 0 !important;
  margin: 0 0 0.6rem; }
.ink-history li { width: 104px; display: flex; flex-direction: column; margin: 0 !important; line-height: 1.3; }
.ink-history img { width: 100%; height: 72px; object-fit: contain; background: #fff; border-radius: 0.4rem;
  border: 1px solid rgba(128, 136, 156, 0.35); }
.ink-history b { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.st-key-history_box:not(:has(.ink-history)) .st-key-history_acts { display: none; }
.ink-invite { font-size: 1.35rem; line-height: 1.4; opacity: 0.8; padding: 1.2rem 0; }
[class*="st-key-pixels"] img { image-rendering: pixelated; border-radius: 0.4rem; }
/* clicking a digit's picture clicks its button */
[class*="st-key-tile_"] { position: relative; }
[class*="st-key-tile_"] :is([data-testid="stElementContainer"], .stButton, button) { position: static; }
[class*="st-key-tile_"] button::after { content: ""; position: absolute; inset: 0; cursor: pointer; }
[class*="st-key-tile_"] [data-testid="stElementToolbar"] { display: none; }
.st-key-canvas { position: relative; }
.st-key-canvas_answers { position: absolute; }
/* while the browser shows a newer answer, the last run's is there for screen readers only */
.st-key-reading[data-live] .st-key-canvas_answers { position: static; }
.st-key-reading[data-live] > :not(.st-key-canvas_answers) { position: absolute; clip-path: inset(50%); }
.ink-live { pointer-events: none; }
.st-key-canvas[data-blank]::before { content: "Write here"; position: absolute; inset: 0; z-index: 15;
  display: grid; place-items: center; font-size: 1.6rem; color: #8a8f9c; pointer-events: none; }
.st-key-phone_nav { display: none; }
@media (pointer: coarse) {  /* touch scrolls; `matrix.js` handles taps */
  .js-plotly-plot .nsewdrag { touch-action: pan-y !important; }
  .st-key-confusion :is(.draglayer, .draglayer *) { pointer-events: none !important; }
}
@media (max-width: 767px) {  /* Streamlit collapses its navigation here: show ours */
  .st-key-phone_nav { display: flex; flex-wrap: nowrap; gap: 0.2rem; }
  .st-key-phone_nav [data-testid="stPageLink-NavLink"] { padding: 0.25rem 0.45rem; gap: 0.3rem; }
  [data-testid="stExpandSidebarButton"], [data-testid="stHeaderLogo"] { display: none; }
  [data-testid="stHeader"] { background: none; pointer-events: none; }
  [data-testid="stHeader"] * { pointer-events: auto; }
  [data-testid="stToolbar"] { pointer-events: none !important; }
  .block-container { padding-top: 0.6rem; }
}
@media (max-width: 480px) { .st-key-phone_nav :has(> [data-testid="stIconMaterial"]) { display: none; } }
@media (max-width: 640px) {
  .block-container { padding-bottom: 2rem; }
  /* merge the columns into one: the answer above the canvas, its details below */
  [data-testid="stHorizontalBlock"]:has(.st-key-canvas) { flex-direction: column; flex-wrap: nowrap; gap: 0.6rem; }
  [data-testid="stHorizontalBlock"]:has(.st-key-canvas) > [data-testid="stColumn"],
  [data-testid="stHorizontalBlock"]:has(.st-key-canvas) > [data-testid="stColumn"] > [data-testid="stVerticalBlock"] {
    display: contents; }
  [data-testid="stHorizontalBlock"]:has(.st-key-canvas) [data-testid="stLayoutWrapper"]:has(> .st-key-reading) {
    order: -1; min-height: 7.4rem; }  /* room for two lines: the canvas must not move under the pen */
  .ink-live .ink-sentence { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2;
    overflow: hidden; }
  .ink-invite { padding: 0.4rem 0; }
  .ink-title span { display: block; }
}
</style>
"""


DARK = """
<style>
DARK_ROOT {
  /* white paper glares */
  .st-key-canvas, .st-key-drawn_boxed img, .ink-example, .ink-history img { filter: invert(0.9) hue-rotate(180deg); }
  .ink-answer.doubtful, .ink-answer .doubtful, .ink-answer.none, .ink-answer .none { color: #f0a63c; }
  [data-testid="stButtonGroup"] [data-selected] p { color: #a9c0ff; }
  [data-testid="stBaseButton-primary"] { background: #3a62cc; }
}
</style>
"""
# Exposes the active theme to CSS: the server sees a theme change only on the next rerun.
THEME = """
<script>
if (!document.documentElement.dataset.theme) {
  const app = document.querySelector(".stApp");
  const look = () => { document.documentElement.dataset.theme = getComputedStyle(app).colorScheme; };
  new MutationObserver(look).observe(app, { attributeFilter: ["class"] });
  look();
}
</script>
"""


def page_list() -> list:
    """Return all pages, the first one at `/`."""
    pages = PROJECT / "pages"
    return [
        st.Page(pages / "predict.py", title="Predict", icon=":material/draw:", default=True),
        st.Page(pages / "train.py", title="Train", icon=":material/school:"),
        st.Page(pages / "evaluate.py", title="Evaluate", icon=":material/fact_check:"),
        st.Page(pages / "inside.py", title="Inside", icon=":material/search:"),
        st.Page(pages / "models.py", title="Models", icon=":material/deployed_code:"),
    ]


def show() -> None:
    """Run the page that the visitor asked for, inside the frame."""
    st.set_page_config(page_title=_title(), page_icon=str(ICON), layout="wide")
    page = _navigate()
    st.logo(LOGO, size="large")
    was_dark = st.context.theme.type == "dark"  # holds until THEME reports the theme
    dark_root = ":root:not([data-theme=light])" if was_dark else ":root[data-theme=dark]"
    st.html(STYLE + bars.STYLE + boxes.STYLE + DARK.replace("DARK_ROOT", dark_root))
    st.html(THEME, unsafe_allow_javascript=True)
    with st.container(horizontal=True, gap="small", key="phone_nav"):  # a phone hides the navigation behind an arrow
        for other in page_list():
            st.page_link(other)
    visitor.meet()
    page.run()
    resources.settle(page.title)
    resources.keep_memory_small()


def _title() -> str:
    """Return the requested page's title, from the URL because navigation may not run yet."""
    name = urlsplit(st.context.url or "").path.rstrip("/").rpartition("/")[2]
    return TITLES.get(name, TITLES[""])


def require() -> None:
    """Call first in a page: count the run, and rerun with the frame if Streamlit ran the page file directly.

    A folder named `pages/` puts a new server into Streamlit's old multipage mode until `st.navigation` has run once.
    If the first request is for `/train`, Streamlit then runs `pages/train.py` without the entry point. Declaring the
    pages and rerunning fixes that.
    """
    state.put("run", state.get("run") + 1)
    if not state.get("framed"):
        _navigate()
        st.rerun()


def _navigate():
    page = st.navigation(page_list(), position="top")
    state.put("framed", True)
    return page
