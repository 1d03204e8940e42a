"""Bar chart of ten probabilities as HTML: small enough to send after every stroke, readable by screen readers."""

import html

import numpy as np
import streamlit as st

STYLE = """
<style>
.ink-bars { display: grid; grid-template-columns: repeat(10, minmax(0, 1fr)); gap: 0.35rem; height: 10.5rem;
  padding: 0 0.5rem; }
.ink-bars div { display: flex; flex-direction: column; justify-content: flex-end; align-items: center; height: 100%; }
.ink-bars i { width: 100%; min-height: 1px; background: rgba(128, 136, 156, 0.45); border-radius: 0.25rem 0.25rem 0 0; }
.ink-bars .best i { background: #4c7de0; }
.ink-bars span { font-size: 0.8rem; line-height: 1.4; min-height: 1.4em; white-space: nowrap; }
.ink-bars b { font-size: 1rem; line-height: 1.6; font-weight: 400; font-variant-numeric: tabular-nums; }
.ink-bars .best b, .ink-bars .best span { font-weight: 700; }
</style>
"""
FULL = 72  # percent of the height for a 100 % bar; the rest is for its labels


def show(probabilities: np.ndarray) -> None:
    """Digits 0 to 9 from left to right, the likeliest in the accent colour.

    Args:
        probabilities: (10,), 0..1.
    """
    st.html(markup(probabilities))


def markup(probabilities: np.ndarray) -> str:
    best = int(np.argmax(probabilities))
    bars = "".join(
        f"<div{' class=best' if digit == best else ''}><span>{f'{share:.0%}' if share >= 0.01 else ''}</span>"
        f'<i style="height:{FULL * float(share):.1f}%"></i><b>{digit}</b></div>'
        for digit, share in enumerate(probabilities)
    )
    return f'<div class="ink-bars" role="img" aria-label="{html.escape(in_words(probabilities))}">{bars}</div>'


def in_words(probabilities: np.ndarray) -> str:
    """Describe the probabilities for screen readers, most likely first."""
    order = np.argsort(probabilities)[::-1]
    named = [f"{digit}: {probabilities[digit]:.0%}" for digit in order if probabilities[digit] >= 0.005]
    return "Probabilities. " + ", ".join(named)
