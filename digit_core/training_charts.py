"""Training curves as plain Plotly figures: loss and accuracy of one or more runs. Independent of the user interface."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digit_core.charts import GRID, PALETTE, as_text, thinned
from digit_core.training.events import EpochEnd

LOSS_TICKS = [figure * 10.0**power for power in range(-5, 4) for figure in (1, 3)]
LOSS_AXIS = {"type": "log", "tickvals": LOSS_TICKS, "ticktext": [f"{tick:g}" for tick in LOSS_TICKS]}
PLOT_HEIGHT = 190  # pixels, whatever the legend needs


@dataclass(frozen=True)
class Curve:
    """One curve of a training.

    Attributes:
        name: legend entry.
        x: epochs, as decimal numbers.
        y: loss, or accuracy 0..1.
        points: whether to draw markers on the line.
        run: number of the training that it belongs to; each has its own colours.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    points: bool = False
    run: int = 0


def training_curves(curves: Sequence[Curve], quantity: str, identity: str, epochs: int) -> dict:
    """Loss or accuracy over epochs, as a plain dict, because it is redrawn every second.

    Args:
        quantity: "loss" or "accuracy".
        identity: while it stays the same, the user's zoom is preserved.
        epochs: total number of epochs.
    """
    share = quantity == "accuracy"
    traces = [_trace(curve, share) for curve in curves]
    below = 20 * max(len(curves) - 2, 0)  # pixels for a legend of several lines, so that the plot keeps its height
    layout = {
        "height": PLOT_HEIGHT + 74 + below,
        "margin": {"l": 48, "r": 10, "t": 12, "b": 62 + below},
        "dragmode": False,  # a finger scrolls the page
        "uirevision": identity,
        "showlegend": True,
        "legend": {"orientation": "h", "y": -48 / PLOT_HEIGHT, "yanchor": "top", "x": 0},
        "xaxis": {"title": {"text": "epoch"}, "range": [0, 1.02 * epochs], "gridcolor": GRID, "zeroline": False},
        "yaxis": {
            "title": {"text": quantity},
            "gridcolor": GRID,
            "zeroline": False,
            **({"tickformat": ".1~%", "range": [_floor(curves), 1.01]} if share else LOSS_AXIS),
        },
        "hovermode": "x",
    }
    return {"data": traces, "layout": layout}


def _floor(curves: Sequence[Curve]) -> float:
    """Lower end of the accuracy axis: all but the first steps are visible."""
    reached = np.concatenate([np.asarray(curve.y, float) for curve in curves] or [np.zeros(0)])
    low = float(np.quantile(reached, 0.1)) if len(reached) else 0.0
    return max(np.floor(10 * (low - 0.05)) / 10, 0.0)


def run_curves(
    told: np.ndarray, epochs: Sequence[EpochEnd], quantity: str, run: int = 0, name: str = ""
) -> list[Curve]:
    """The curves of one run: training per batch, validation per epoch.

    Args:
        told: float (n, 3): epochs, loss, accuracy (`runs.events.Story.curve`).
        run: its number among those shown; `name` prefixes the names of its curves.
    """
    column = 1 if quantity == "loss" else 2
    ends = [getattr(event, f"validation_{quantity}") for event in epochs]
    prefix = f"{name}: " if name else ""
    return [
        Curve(f"{prefix}training", told[:, 0], told[:, column], run=run),
        Curve(f"{prefix}validation", [event.epoch for event in epochs], ends, points=True, run=run),
    ]


def _trace(curve: Curve, share: bool) -> dict:
    x, y = thinned(np.asarray(curve.x, float), np.asarray(curve.y, float))
    colour = PALETTE[(2 * curve.run + curve.points) % len(PALETTE)]
    return {
        "type": "scatter",
        "name": as_text(curve.name),
        "x": x.round(4).tolist(),
        "y": y.round(5).tolist(),
        "mode": "lines+markers" if curve.points else "lines",
        "line": {"color": colour, "width": 2.5 if curve.points else 1.5},
        "marker": {"size": 7, "symbol": "circle"},
        "hovertemplate": "%{y:.2%}" if share else "%{y:.4f}",
    }
