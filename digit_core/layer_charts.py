"""A network's layers as a Plotly figure and in words. Independent of the user interface."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from digit_core.charts import PALETTE

KINDS = {  # layer type: its name on the chart, and the index of its colour in the palette
    "Conv2D": ("convolution", 0),
    "MaxPooling2D": ("pooling", 1),
    "AveragePooling2D": ("pooling", 1),
    "GlobalMaxPooling2D": ("pooling", 1),
    "GlobalAveragePooling2D": ("pooling", 1),
    "Add": ("addition", 2),
    "Dense": ("dense", 3),
}


def picture(outline: Sequence[dict]) -> go.Figure:
    """A network as a row of blocks: their height shows the size of the maps, their width the number.

    Args:
        outline: layers as `layer_summary.summaries()` gives them.
    """
    shapes, marks, left = [], [], 0.0
    shown = [layer for layer in outline if layer["kind"] in KINDS]
    for layer in shown:
        height = layer["shape"][0] if len(layer["shape"]) == 3 else min(28.0, 2 + layer["shape"][0] / 10)
        width = 0.5 + (np.log2(layer["shape"][-1]) / 4 if len(layer["shape"]) == 3 else 0.2)
        called, colour = KINDS[layer["kind"]]
        size = "×".join(map(str, layer["shape"]))
        shapes.append({"type": "rect", "x0": left, "x1": left + width, "y0": -height / 2, "y1": height / 2,
                       "fillcolor": PALETTE[colour], "opacity": 0.85, "line": {"width": 0}})  # fmt: skip
        marks.append((left + width / 2, size, called, layer["parameters"]))
        left += width + 0.35
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": [mark[0] for mark in marks],
        "y": [0] * len(marks),
        "text": [mark[1] for mark in marks],
        "customdata": [mark[2:] for mark in marks],
        "hovertemplate": "%{customdata[0]}, %{text}: %{customdata[1]:,} parameters<extra></extra>",
        "marker": {"opacity": 0},
        "showlegend": False,
    }
    notes = [
        {"x": x, "y": 15, "text": size, "showarrow": False, "textangle": -60, "xanchor": "left", "yanchor": "bottom",
         "font": {"size": 11}}
        for x, size, *_ in marks
    ]  # fmt: skip
    keys = [
        {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": name,
         "marker": {"size": 11, "symbol": "square", "color": PALETTE[place]}}
        for name, place in dict.fromkeys(KINDS[layer["kind"]] for layer in shown)
    ]  # fmt: skip
    hidden = {"visible": False, "fixedrange": True}
    layout = {
        "height": 230,
        "margin": {"l": 4, "r": 30, "t": 4, "b": 4},
        "dragmode": False,  # a finger scrolls the page
        "shapes": shapes,
        "annotations": notes,
        "xaxis": {**hidden, "range": [-0.3, left + 1.2]},
        "yaxis": {**hidden, "range": [-16, 30]},
        "legend": {"orientation": "h", "y": -0.02, "yanchor": "top", "x": 0},
    }
    return go.Figure({"data": [points, *keys], "layout": layout})


def text(outline: Sequence[dict]) -> str:
    """A text alternative for `picture`."""
    shown = [layer for layer in outline if layer["kind"] in KINDS]
    total = sum(layer["parameters"] for layer in outline)
    said = ", ".join(f"{KINDS[layer['kind']][0]} {'×'.join(map(str, layer['shape']))}" for layer in shown)
    return f"A network of {total:,} parameters: {said}."
