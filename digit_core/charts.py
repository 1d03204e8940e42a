"""Numbers -> Plotly figures. One palette, fixed axes from 0 to 9; knows no screen.

Colours are those of Okabe and Ito (Color Universal Design, 2008), which colour-blind
people can tell apart, here in shades that stand out on light and on dark pages.
"""

import numpy as np
import plotly.graph_objects as go

ACCENT = "#4c7de0"
QUIET = "rgba(128, 136, 156, 0.45)"


def probability_bars(probabilities: np.ndarray) -> go.Figure:
    """Ten bars, digits 0 to 9 from left to right, the likeliest in the accent colour.

    Args:
        probabilities: (10,), 0..1.
    """
    best = int(np.argmax(probabilities))
    bars = {
        "type": "bar",
        "x": list(range(10)),
        "y": [float(p) for p in probabilities],
        "marker": {"color": [ACCENT if digit == best else QUIET for digit in range(10)]},
        "text": [f"{p:.0%}" if p >= 0.01 else "" for p in probabilities],
        "textposition": "outside",
        "textfont": {"size": 13},
        "textangle": 0,
        "constraintext": "none",
        "cliponaxis": False,
    }
    digits = {"dtick": 1, "range": [-0.5, 9.5], "fixedrange": True, "showgrid": False, "tickfont": {"size": 15}}
    layout = {
        "height": 170,
        "margin": {"l": 8, "r": 8, "t": 20, "b": 0},
        "bargap": 0.25,
        "showlegend": False,
        "xaxis": digits,
        "yaxis": {"range": [0, 1], "fixedrange": True, "visible": False},
    }
    return go.Figure({"data": [bars], "layout": layout})


def probability_text(probabilities: np.ndarray) -> str:
    """The same ten numbers in words, for those who cannot see the bars: the likeliest first."""
    order = np.argsort(probabilities)[::-1]
    named = [f"{digit}: {probabilities[digit]:.0%}" for digit in order if probabilities[digit] >= 0.005]
    return "Probabilities. " + ", ".join(named)
