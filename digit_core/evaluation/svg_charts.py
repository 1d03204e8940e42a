"""Charts as SVG text for saved pages: small, and rendered by any browser without a script.

Interactive charts are drawn by `digit_core.charts` with Plotly, whose library alone takes 4.5 MB.
"""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 44  # pixels round the plot
BLUE, QUIET = "#4c7de0", "#8a92a4"
CELL = 40  # pixels of a side in the matrix


@dataclass(frozen=True)
class Axis:
    """An axis: its title, range, tick positions and tick formatter."""

    title: str
    low: float
    high: float
    ticks: Sequence[float]
    written: Callable[[float], str] = "{:g}".format


def curve(
    x: Sequence[float],
    y: Sequence[float],
    across: Axis,
    up: Axis,
    said: str,
    intervals: Sequence[tuple[float, float]] = (),
    joined: bool = True,
    sizes: Sequence[float] = (),
    diagonal: bool = False,
) -> str:
    """Points (x, y), joined by a line or not.

    Args:
        said: text alternative for the chart.
        intervals: of each y, drawn as error bars.
        sizes: radius of each point in pixels; empty for a line without points.
        diagonal: whether to draw a dotted line where x equals y.
    """

    def at(a: float, b: float) -> tuple[float, float]:
        wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return (
            LEFT + wide * (a - across.low) / (across.high - across.low),
            HEIGHT - BOTTOM - high * (b - up.low) / (up.high - up.low),
        )

    parts = [_grid(across, up, at)]
    if diagonal:
        (x0, y0), (x1, y1) = at(across.low, up.low), at(across.high, up.high)
        parts.append(f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{QUIET}" stroke-dasharray="3 4"/>')
    places = [at(a, b) for a, b in zip(x, y, strict=True)]
    if joined and places:
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        parts.append(f'<path d="M{path}" fill="none" stroke="{BLUE}" stroke-width="2"/>')
    for (place, _), a, (low, high) in zip(places, x, intervals, strict=False):
        (_, bottom), (_, top) = at(a, low), at(a, high)
        parts.append(f'<path d="M{place:.1f} {bottom:.1f}V{top:.1f}" stroke="{BLUE}"/>')
    for (a, b), radius in zip(places, sizes, strict=False):
        parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius:.1f}" fill="{BLUE}"/>')
    return _svg(WIDTH, HEIGHT, said, "".join(parts))


def matrix(counts: np.ndarray, said: str) -> str:
    """A confusion matrix, int (10, 10); row: true digit, column: predicted. Mistakes are coloured by their number."""
    mistakes = counts * (1 - np.eye(len(counts), dtype=int))
    strength = np.sqrt(mistakes / max(int(mistakes.max()), 1))
    parts = []
    for (true, read), count in np.ndenumerate(counts):
        x, y, weight = CELL * (read + 1), CELL * (true + 1), strength[true, read]
        parts.append(f'<rect x="{x + 1}" y="{y + 1}" width="{CELL - 2}" height="{CELL - 2}" fill="#c2600c" '
                     f'fill-opacity="{0.04 + 0.6 * weight:.2f}"/>')  # fmt: skip
        if count:
            parts.append(_text(x + CELL / 2, y + CELL / 2 + 5, str(count), "middle"))
    for digit in range(len(counts)):
        parts.append(_text(CELL * (digit + 1.5), CELL - 8, f"{digit}", "middle", bold=True))
        parts.append(_text(CELL - 12, CELL * (digit + 1.5) + 5, f"{digit}", "end", bold=True))
    side = CELL * (len(counts) + 1)
    return _svg(side, side, said, "".join(parts))


def _grid(across: Axis, up: Axis, at) -> str:
    parts = []
    for tick in up.ticks:
        (x0, y), (x1, _) = at(across.low, tick), at(across.high, tick)
        parts.append(f'<path d="M{x0:.1f} {y:.1f}H{x1:.1f}" stroke="{QUIET}" stroke-opacity="0.3"/>')
        parts.append(_text(x0 - 6, y + 4, up.written(tick), "end"))
    for tick in across.ticks:
        x, y = at(tick, up.low)
        parts.append(_text(x, y + 16, across.written(tick), "middle"))
    parts.append(_text(LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8, across.title, "middle"))
    middle = TOP + (HEIGHT - TOP - BOTTOM) / 2
    parts.append(f'<g transform="rotate(-90 12 {middle})">{_text(12, middle, up.title, "middle")}</g>')
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str, bold: bool = False) -> str:
    weight = ' font-weight="700"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="12" fill="currentColor"{weight}>{html.escape(text)}</text>'


def _svg(width: int, height: int, said: str, content: str) -> str:
    return (
        f'<svg role="img" aria-label="{html.escape(said)}" viewBox="0 0 {width} {height}" '
        f'style="width:100%;max-width:{width}px" xmlns="http://www.w3.org/2000/svg">{content}</svg>'
    )
