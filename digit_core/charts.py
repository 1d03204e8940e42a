"""Plotly figures from numbers, with one palette and fixed axes from 0 to 9. Independent of the user interface.

The colours follow Okabe and Ito (Color Universal Design, 2008), which colour-blind people
can distinguish, in shades that stand out on light and dark pages.
"""

import html
from collections.abc import Sequence

import numpy as np
import pandas  # noqa: F401 - import it fully first: Plotly uses it even while another thread is importing it
import plotly.graph_objects as go

ACCENT = "#4c7de0"
QUIET = "rgba(128, 136, 156, 0.45)"
GRID = "rgba(128, 136, 156, 0.25)"
QUIET_TEXT = "#717a8f"  # on light and on dark
PAPER = "rgba(76, 125, 224, 0.05)"
ORANGES = [[0, PAPER], [0.0001, "#f8dcc0"], [0.6, "#ea9a55"], [0.75, "#c2600c"], [1, "#9c4300"]]
BLUES = [[0, PAPER], [0.0001, "#dde8fc"], [0.6, "#8fb0f0"], [0.75, "#3565c8"], [1, "#234a9e"]]
PALETTE = ("#4c7de0", "#e07b1f", "#0f9d74", "#c25fa0", "#3aa6d8", "#b58900", "#8b6bd6")
MOST_POINTS = 300  # per curve; more are indistinguishable and slow down the page


def as_text(name: str) -> str:
    """Escape a user-supplied name: Plotly would render `<a href=...>` in it as a link."""
    return html.escape(name, quote=False)


def thinned(x: np.ndarray, y: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Reduce to at most `most` points: means over neighbours, and the last point unchanged."""
    if len(x) <= most:
        return x, y
    edges = np.linspace(0, len(x) - 1, most).astype(int)
    counts = np.diff(edges)
    return (
        np.append(np.add.reduceat(x[:-1], edges[:-1]) / counts, x[-1]),
        np.append(np.add.reduceat(y[:-1], edges[:-1]) / counts, y[-1]),
    )


def confusion(
    counts: np.ndarray, dim_diagonal: bool = True, shares: bool = False, chosen: tuple[int, int] | None = None
) -> go.Figure:
    """Confusion matrix: rows are true digits, with 0 at the top; columns are predictions.

    An invisible marker covers each cell, because heat maps do not report clicks; its `customdata` is
    [true, predicted, count].

    Args:
        counts: int (10, 10), row: true digit, column: predicted.
        dim_diagonal: leave correct readings uncoloured, so that mistakes stand out.
        shares: show each cell as a fraction of its row.
        chosen: the cell (true, predicted) that is framed.
    """
    counts = np.asarray(counts)
    totals = np.maximum(counts.sum(1, keepdims=True), 1)
    values = counts / totals if shares else counts.astype(float)
    coloured = values.copy()
    if dim_diagonal:
        np.fill_diagonal(coloured, 0)
    strength = np.sqrt(coloured / max(coloured.max(), 1e-9))  # keeps rare mistakes visible next to frequent ones
    axis = {"dtick": 1, "fixedrange": True, "showgrid": False, "zeroline": False, "constrain": "domain"}
    layout = {
        "height": 420,
        "shapes": [_frame_round(*chosen)] if chosen else [],
        "dragmode": False,
        "margin": {"l": 40, "r": 8, "t": 36, "b": 8},
        "xaxis": {**axis, "title": {"text": "read as"}, "side": "top", "range": [-0.5, 9.5]},
        "yaxis": {**axis, "title": {"text": "true digit"}, "range": [9.5, -0.5]},
    }
    heat = _heat(strength, ORANGES if dim_diagonal else BLUES)
    return go.Figure({"data": [heat, _cells(counts, values, strength, shares)], "layout": layout})


def _heat(strength: np.ndarray, colours: list) -> dict:
    """The colours of the cells, (10, 10), 0..1."""
    return {
        "type": "heatmap",
        "z": strength.tolist(),
        "x": list(range(10)),
        "y": list(range(10)),
        "hoverinfo": "skip",
        "colorscale": colours,
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }


def _cells(counts: np.ndarray, values: np.ndarray, strength: np.ndarray, shares: bool) -> dict:
    """The text of the cells, and an invisible marker over each."""
    places = [(t, p) for t in range(10) for p in range(10)]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "text": [_cell(values[t, p], shares) for t, p in places],
        "textfont": {"color": [_ink_on(strength[t, p]) for t, p in places]},
        "x": [p for _, p in places],
        "y": [t for t, _ in places],
        "customdata": [[t, p, int(counts[t, p])] for t, p in places],
        "hovertemplate": "%{customdata[0]} read as %{customdata[1]}: %{customdata[2]}<extra></extra>",
        "marker": {"symbol": "square", "size": 30, "opacity": 0},
        "selected": {"marker": {"opacity": 0}},
        "unselected": {"marker": {"opacity": 0}},
        "showlegend": False,
    }


def _frame_round(true: int, predicted: int) -> dict:
    """A frame round one cell."""
    sides = {"x0": predicted - 0.48, "x1": predicted + 0.48, "y0": true - 0.48, "y1": true + 0.48}
    return {"type": "rect", **sides, "line": {"color": ACCENT, "width": 3}}


def _ink_on(strength: float) -> str:
    """The colour of a number on a cell of that colour, 0..1."""
    return QUIET_TEXT if not strength else "#2b1800" if strength < 0.75 else "#ffffff"


def _cell(value: float, share: bool) -> str:
    if not value:
        return ""
    return f"{value:.1%}" if share else f"{value:.0f}"


def confusion_text(counts: np.ndarray) -> str:
    """The mistakes in words, the most frequent first."""
    counts = np.asarray(counts)
    pairs = sorted(((n, t, p) for (t, p), n in np.ndenumerate(counts) if t != p and n), key=lambda pair: -pair[0])
    said = ", ".join(f"{t} as {p}: {n}" for n, t, p in pairs[:10])
    return f"Which digit was read as which. {counts.diagonal().sum():,} right. Mistakes: {said or 'none'}."


def per_digit(precision: np.ndarray, recall: np.ndarray) -> go.Figure:
    """Recall and precision of each digit, 0 to 9.

    Args:
        precision, recall: (10,), 0..1, NaN where there are none.
    """
    pairs = (("recall: of its pictures, read as it", recall, 0), ("precision: of what was read as it", precision, 1))
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": (np.arange(10) + (0.12 if place else -0.12)).tolist(),
            "y": np.asarray(values, float).tolist(),
            "marker": {"size": 11, "color": PALETTE[place], "symbol": ("circle", "diamond")[place]},
            "customdata": list(range(10)),
            "hovertemplate": "%{customdata}: %{y:.2%}<extra></extra>",
        }
        for name, values, place in pairs
    ]
    lowest = float(np.nanmin([*precision, *recall, 1.0]))
    room = 0.08 * (1.02 - lowest)  # so that no marker is cut
    layout = {
        "height": 300,
        "margin": {"l": 56, "r": 8, "t": 36, "b": 36},
        "dragmode": False,  # a finger scrolls the page
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {"dtick": 1, "range": [-0.5, 9.5], "fixedrange": True, "showgrid": False, "zeroline": False,
                  "title": {"text": "digit"}},
        "yaxis": {"range": [max(lowest - room, 0), 1 + room], "fixedrange": True, "gridcolor": GRID,
                  "tickformat": ".1%"},
    }  # fmt: skip
    return go.Figure({"data": traces, "layout": layout})


def reliability(bands: Sequence[dict]) -> go.Figure:
    """Reliability diagram: accuracy against confidence, one point per bin; on the line, they agree.

    Args:
        bands: as `metrics.Evaluation.reliability` gives them.
    """
    line = {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "name": "confidence equals accuracy",
            "hoverinfo": "skip", "line": {"color": QUIET, "dash": "dot"}}  # fmt: skip
    sizes = np.sqrt([band["digits"] for band in bands])
    points = {
        "type": "scatter",
        "mode": "markers",
        "name": "measured",
        "x": [band["confidence"] for band in bands],
        "y": [band["accuracy"] for band in bands],
        "customdata": [[band["digits"], *band["interval"]] for band in bands],
        "hovertemplate": "said %{x:.0%}, right %{y:.1%} of %{customdata[0]} digits<br>"
        "95 % interval: %{customdata[1]:.1%} to %{customdata[2]:.1%}<extra></extra>",
        "error_y": {
            "type": "data",
            "array": [band["interval"][1] - band["accuracy"] for band in bands],
            "arrayminus": [band["accuracy"] - band["interval"][0] for band in bands],
            "thickness": 1,
            "width": 0,
        },
        "marker": {"size": (7 + 15 * sizes / max(sizes.max(initial=1), 1)).tolist(), "color": ACCENT},
    }
    share = {"range": [-0.03, 1.06], "tickformat": ".0%", "fixedrange": True, "gridcolor": GRID, "zeroline": False}
    layout = {
        "height": 340,
        "margin": {"l": 56, "r": 8, "t": 36, "b": 44},
        "dragmode": False,  # a finger scrolls the page
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {**share, "title": {"text": "confidence"}},
        "yaxis": {**share, "title": {"text": "accuracy"}},
    }
    return go.Figure({"data": [line, points], "layout": layout})


def coverage(unread: np.ndarray, misread: np.ndarray, most: float = 0.05) -> go.Figure:
    """The error rate if the least confident digits are left unread.

    Args:
        unread: fraction left unread, increasing, 0..1; `misread` is the fraction misread among the rest.
        most: upper end of the axis.
    """
    shown = unread <= most
    x, y = thinned(unread[shown], misread[shown])
    trace = {"type": "scatter", "mode": "lines", "x": x.tolist(), "y": y.tolist(), "line": {"color": ACCENT},
             "fill": "tozeroy", "fillcolor": "rgba(76, 125, 224, 0.15)",
             "hovertemplate": "%{x:.1%} unread: %{y:.2%} of the rest misread<extra></extra>"}  # fmt: skip
    layout = {
        "height": 340,
        "margin": {"l": 64, "r": 8, "t": 36, "b": 44},
        "dragmode": False,  # a finger scrolls the page
        "xaxis": {"title": {"text": "least sure digits left unread"}, "tickformat": ".0%", "range": [0, most],
                  "fixedrange": True, "gridcolor": GRID, "zeroline": False},
        "yaxis": {"title": {"text": "misread among the rest"}, "tickformat": ".2~%", "rangemode": "tozero",
                  "fixedrange": True, "gridcolor": GRID, "zeroline": False},
    }  # fmt: skip
    return go.Figure({"data": [trace], "layout": layout})


def robustness(curve, name: str, title: str) -> go.Figure:
    """A model's accuracy under one increasing distortion, with its 95 % interval.

    Args:
        curve: `robustness.Curve`; `name` is the model's.
    """
    low, high = zip(*curve.intervals, strict=True)
    accuracy = np.array(curve.accuracies)
    trace = {
        "type": "scatter", "mode": "lines+markers", "name": as_text(name), "x": list(curve.amounts),
        "y": accuracy.tolist(), "line": {"color": PALETTE[0]}, "marker": {"size": 7},
        "error_y": {"type": "data", "array": (np.array(high) - accuracy).tolist(),
                    "arrayminus": (accuracy - np.array(low)).tolist(), "thickness": 1, "width": 3},
        "hovertemplate": "%{x}: %{y:.1%}<extra>%{fullData.name}</extra>",
    }  # fmt: skip
    layout = {
        "title": {"text": title, "font": {"size": 15}, "x": 0},
        "height": 230,
        "margin": {"l": 48, "r": 8, "t": 34, "b": 40},
        "dragmode": False,  # a finger scrolls the page
        "showlegend": False,
        "xaxis": {"title": {"text": curve.unit}, "fixedrange": True, "gridcolor": GRID, "zeroline": False},
        "yaxis": {"range": [0, 1.04], "tickformat": ".0%", "fixedrange": True, "gridcolor": GRID, "zeroline": False},
    }
    return go.Figure({"data": [trace], "layout": layout})


def digit_map(points: np.ndarray, labels: np.ndarray, own: tuple[float, float]) -> dict:
    """A map of digits by their similarity to a network, each as its number; the user's own digit as a star.

    Args:
        points: (n, 2).
        labels: (n,), 0..9.
        own: where the star is.
    """
    traces = []
    for digit in range(10):
        some = points[labels == digit]
        traces.append({  # arrays, which Plotly checks and encodes in half the time of lists
            "type": "scattergl", "mode": "text", "x": some[:, 0].copy(), "y": some[:, 1].copy(),
            "texttemplate": str(digit), "name": str(digit), "hoverinfo": "skip",
            "textfont": {"size": 11, "color": PALETTE[digit % len(PALETTE)]},
        })  # fmt: skip
    star = {"x": own[0], "y": own[1], "text": "★", "showarrow": False, "font": {"size": 30, "color": "#d81b60"}}
    hidden = {"visible": False, "fixedrange": True}
    layout = {
        "height": 460,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "showlegend": False,
        "xaxis": hidden,
        "yaxis": {**hidden, "scaleanchor": "x"},
        "dragmode": False,
        "annotations": [star],
    }
    return {"data": traces, "layout": layout}
