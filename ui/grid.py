"""A picture with selectable or erasable cells: feature maps, or the pixels of a map or digit.

A custom component, since no existing one has clickable pixels; see `grid.js`.
"""

import numpy as np
import streamlit as st

from digit_core.reading import overlay
from ui import scripts

Cell = tuple[int, int]  # row, column

MOST_CELLS = 2000  # per message

_component = st.components.v2.component(
    "inkling_grid",
    html='<div class="scroll"><div class="grid" tabindex="0" role="application">'
    '<img alt="" draggable="false"><i hidden></i><span aria-live="polite"></span></div></div>',
    css="""
.scroll { overflow-x: auto; padding: 3px; margin: -3px; }
.grid { position: relative; line-height: 0; border-radius: 0.4rem; user-select: none; }
.grid img { width: 100%; image-rendering: pixelated; border-radius: 0.4rem; }
.grid:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
.grid i { position: absolute; box-sizing: border-box; border: 2px solid #e07b1f; border-radius: 2px;
  pointer-events: none; box-shadow: 0 0 0 1px #fff; }
.grid span { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
.grid b { position: absolute; background: #e07b1f; opacity: 0.8; pointer-events: none; }
""",
    js=scripts.alone("grid.js"),
)


def show(picture: np.ndarray, rows: int, columns: int, label: str, key: str, chosen: Cell | None = None,
         width: int = 0, paint: bool = False, least: int = 0) -> list[Cell]:  # fmt: skip
    """Show the picture. Return the cells selected just now: none, one, or with `paint` all erased cells.

    Args:
        picture: uint8 (height, width) or (height, width, 3), with cells of equal size.
        label: description for screen readers.
        chosen: the cell with a frame.
        width: maximum screen pixels; 0 for the full column width.
        least: minimum screen pixels; narrower screens scroll.
    """
    said = _component(
        key=key,
        data={
            "src": overlay.data_url(picture), "rows": rows, "columns": columns, "label": label,
            "chosen": list(chosen) if chosen else None, "width": width, "paint": paint, "least": least,
        },
        on_cells_change=lambda: None,
    )  # fmt: skip
    return _cells(said.cells, rows, columns)


def _cells(said, rows: int, columns: int) -> list[Cell]:
    """Parse the cells sent by the browser; drop invalid ones."""
    found = []
    for cell in said[:MOST_CELLS] if isinstance(said, list) else ():
        if not (isinstance(cell, list) and len(cell) == 2 and all(isinstance(value, int | float) for value in cell)):
            continue
        row, column = (int(value) if abs(value) < MOST_CELLS else -1 for value in cell)
        if 0 <= row < rows and 0 <= column < columns:
            found.append((row, column))
    return found
