"""A picture with a bounding box per mark, as HTML; clicking a box selects its mark (see `actions`)."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from digit_core import Digit
from digit_core.reading import wording

MOST = 300  # boxes; more would be illegible

STYLE = """
<style>
.ink-boxes { position: relative; line-height: 0; }
.ink-boxes img { width: 100%; border-radius: 0.4rem; }
.ink-boxes i { position: absolute; border: 2px solid #2d5bd0; border-radius: 3px; cursor: pointer; }
.ink-boxes i b { position: absolute; left: -2px; bottom: 100%; padding: 0 0.3em; background: #2d5bd0; color: #fff;
  font: 700 0.75rem/1.35 sans-serif; border-radius: 3px 3px 0 0; }
.ink-boxes i.doubtful { border-color: #b45f06; } .ink-boxes i.doubtful b { background: #b45f06; }
.ink-boxes i.none { border-color: #b45f06; border-style: dashed; } .ink-boxes i.none b { background: #b45f06; }
.ink-boxes i.chosen { border-width: 4px; }
.ink-boxes.many i b { display: none; } .ink-boxes.many i.chosen b { display: block; }
</style>
"""


@dataclass(frozen=True)
class Mark:
    """A mark to show: its text, its certainty ("sure", "doubtful" or "none"), and its bounding box as fractions of the
    picture: left, top, width, height."""

    text: str
    certainty: str
    box: tuple[float, float, float, float]


def marks(digits: Sequence[Digit], window: tuple[float, float, float, float]) -> list[Mark]:
    """Return the marks relative to a window (left, top, width, height) of their picture, in pixels."""
    left, top, width, height = window
    return [
        Mark(
            digit.text,
            wording.certainty(digit),
            ((x - left) / width, (y - top) / height, wide / width, high / height),
        )
        for digit in digits
        for x, y, wide, high in [digit.box]
    ]


def show(url: str, found: Sequence[Mark], alt: str, group: str, chosen: int | None = None, width: int = 0) -> None:
    """Show the picture of a data URL with its boxes, at column width or at most `width` pixels."""
    boxes = "".join(
        f'<i class="{mark.certainty}{" chosen" if place == chosen else ""}" data-group="{group}" data-place="{place}" '
        f'style="left:{100 * x:.2f}%;top:{100 * y:.2f}%;width:{100 * wide:.2f}%;height:{100 * high:.2f}%">'
        f"<b>{html.escape(mark.text)}</b></i>"
        for place, mark in enumerate(found[:MOST])
        for x, y, wide, high in [mark.box]
    )
    limit = f' style="max-width:{width}px"' if width else ""
    many = " many" if len(found) > 20 else ""
    st.html(f'<div class="ink-boxes{many}"{limit}><img src="{url}" alt="{html.escape(alt)}">{boxes}</div>')
