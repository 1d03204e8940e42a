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
    figure = go.Figure(
        go.Bar(
            x=list(range(10)),
            y=[float(p) for p in probabilities],
            marker_color=[ACCENT if digit == best else QUIET for digit in range(10)],
            text=[f"{p:.0%}" if p >= 0.01 else "" for p in probabilities],
            textposition="outside",
            textfont_size=13,
            textangle=0,
            constraintext="none",
            cliponaxis=False,
            hovertemplate="%{x}: %{y:.1%}<extra></extra>",
        )
    )
    figure.update_layout(height=170, margin={"l": 0, "r": 0, "t": 18, "b": 0}, bargap=0.25, showlegend=False)
    figure.update_xaxes(dtick=1, range=[-0.5, 9.5], fixedrange=True, showgrid=False, tickfont_size=15)
    figure.update_yaxes(range=[0, 1], fixedrange=True, visible=False)
    return figure


def probability_text(probabilities: np.ndarray) -> str:
    """The same ten numbers in words, for those who cannot see the bars: the likeliest first."""
    order = np.argsort(probabilities)[::-1]
    named = [f"{digit}: {probabilities[digit]:.0%}" for digit in order if probabilities[digit] >= 0.005]
    return "Probabilities. " + ", ".join(named)
