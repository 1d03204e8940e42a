"""An evaluation as one self-contained HTML file: numbers, charts, misread digits."""

import datetime
import html
import math
from collections.abc import Sequence

import numpy as np

from digit_core import charts
from digit_core.data.datasets import Split
from digit_core.evaluation import svg_charts
from digit_core.evaluation.metrics import Evaluation
from digit_core.evaluation.robustness import Curve
from digit_core.evaluation.svg_charts import Axis
from digit_core.reading import overlay

MOST_MISREAD = 200  # digits shown
PER_DIGIT = ("digit", "pictures", "recall", "precision", "F1")
MOST_POINTS = 300  # of a line
MOST_UNREAD = 0.05  # upper end of the axis: fraction left unread

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2rem auto; padding: 0 1rem;
  background: #faf9f6; color: #1c2333; }
h1 { margin-bottom: 0; } table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
td, th { padding: 0.25rem 0.9rem 0.25rem 0; text-align: left; border-bottom: 1px solid #dcd8ce; }
h3 { margin: 0.5rem 0 0; font-size: 1rem; } .charts { display: flex; flex-wrap: wrap; gap: 1rem; }
.charts div { width: 420px; max-width: 100%; } svg { display: block; }
@media (prefers-color-scheme: dark) { body { background: #12151f; color: #e9ebf2; } }
.digits { display: flex; flex-wrap: wrap; gap: 0.6rem; } figure { margin: 0; width: 72px; text-align: center; }
figure img { width: 72px; image-rendering: pixelated; border-radius: 6px; }
figcaption { font-size: 0.8rem; } .note { opacity: 0.75; }
"""


def build(model: str, data: str, digits: Split, result: Evaluation, curves: Sequence[Curve] = ()) -> str:
    """The report's HTML.

    Args:
        model, data: their names for people.
        digits: what was read, the same as in `result`.
        curves: robustness, where it was measured.
    """
    parts = [
        f"<h1>{html.escape(model)}</h1>",
        f'<p class="note">on the {result.digits:,} test digits of {html.escape(data)}, '
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC. Made by Inkling.</p>",
        _table(headline(result)),
        "<h2>Which digit was read as which</h2>",
        svg_charts.matrix(result.confusion, charts.confusion_text(result.confusion)),
        "<h2>Per digit</h2>",
        _table(per_digit(result), PER_DIGIT),
        "<h2>Confidence</h2>",
        reliability(result),
        _coverage(result),
    ]
    if curves:
        parts.append("<h2>Under growing distortion</h2>")
        grown = [f"<div><h3>{html.escape(c.name)}</h3>{_robustness(c)}</div>" for c in curves if len(c.amounts) > 1]
        parts.append(f'<div class="charts">{"".join(grown)}</div>')
        single = [c for c in curves if len(c.amounts) == 1]
        if single:
            parts.append(_table([(c.name, f"{c.accuracies[0]:.2%}") for c in single]))
    parts += [f"<h2>Misread digits, the surest first ({result.errors:,})</h2>", _misread(digits, result)]
    title = html.escape(f"{model} on {data}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>"
    )


def headline(result: Evaluation) -> list[tuple[str, str]]:
    """The most important figures, each with its name."""
    low, high = result.interval
    return [
        ("Read right", f"{result.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})"),
        ("Misread", f"{result.errors:,} of {result.digits:,}"),
        ("In two guesses", f"{result.top2:.2%}"),
        ("Log loss", f"{result.log_loss:.4f} nats"),
        ("Expected calibration error", f"{result.calibration_error:.2%}"),
    ]


def per_digit(result: Evaluation) -> list[tuple[str, ...]]:
    """One row per digit; the columns are `PER_DIGIT`."""
    counts = result.confusion.sum(1)
    return [
        (str(d), f"{counts[d]:,}", *(_share(shares[d]) for shares in (result.recall, result.precision, result.f1)))
        for d in range(10)
    ]


def _share(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.2%}"


def _table(rows: Sequence[Sequence[str]], heading: Sequence[str] = ()) -> str:
    head = f"<tr>{''.join(f'<th>{html.escape(h)}</th>' for h in heading)}</tr>" if heading else ""
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{head}{body}</table>"


def _percent(share: float) -> str:
    return f"{100 * share:g}%"


def reliability(result: Evaluation) -> str:
    """The calibration diagram as SVG."""
    bands = result.reliability()
    largest = max(band["digits"] for band in bands)
    share = {"low": 0, "high": 1, "ticks": (0, 0.25, 0.5, 0.75, 1), "written": _percent}
    said = ", ".join(f"said {b['confidence']:.0%}, right {b['accuracy']:.0%} of {b['digits']:,}" for b in bands)
    return svg_charts.curve(
        [band["confidence"] for band in bands],
        [band["accuracy"] for band in bands],
        Axis("confidence", **share),
        Axis("accuracy", **share),
        f"Accuracy against confidence: {said}",
        [band["interval"] for band in bands],
        joined=False,
        sizes=[3 + 6 * (band["digits"] / largest) ** 0.5 for band in bands],
        diagonal=True,
    )


def _coverage(result: Evaluation) -> str:
    unread, misread = result.coverage()
    shown = unread <= MOST_UNREAD
    x, y = charts.thinned(unread[shown], misread[shown], MOST_POINTS)
    top = max(float(np.max(y)), 1e-4)
    return svg_charts.curve(
        x,
        y,
        Axis("least sure digits left unread", 0, MOST_UNREAD, np.arange(6) / 100, _percent),
        Axis("misread among the rest", 0, top, (0, top / 2, top), lambda share: f"{share:.2%}"),
        "Misread among the rest, when the least sure are left unread.",
    )


def _robustness(curve: Curve) -> str:
    return svg_charts.curve(
        curve.amounts,
        curve.accuracies,
        Axis(curve.unit, min(curve.amounts), max(curve.amounts), curve.amounts),
        Axis("read right", 0, 1, (0, 0.25, 0.5, 0.75, 1), _percent),
        _in_words(curve),
        curve.intervals,
        sizes=[3.5] * len(curve.amounts),
    )


def _in_words(curve: Curve) -> str:
    said = ", ".join(f"{amount:g}: {share:.0%}" for amount, share in zip(curve.amounts, curve.accuracies, strict=True))
    return f"Accuracy under {curve.name}, {curve.unit}. {said}"


def _misread(digits: Split, result: Evaluation) -> str:
    shown = result.mistakes()[:MOST_MISREAD]
    return f'<div class="digits">{"".join(_misread_digit(digits, result, place) for place in shown)}</div>'


def _misread_digit(digits: Split, result: Evaluation, place: int) -> str:
    true, read = int(result.labels[place]), int(result.predictions[place])
    return (
        f'<figure><img alt="number {place}" src="{overlay.data_url(digits.images[place])}">'
        f"<figcaption>{true} read as {read}<br>{result.confidence[place]:.0%}</figcaption></figure>"
    )
