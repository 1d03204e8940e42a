import re

import numpy as np

from digit_core.data.datasets import Split
from digit_core.evaluation import metrics, report
from digit_core.evaluation.robustness import Curve


def test_the_report_needs_nothing_else_and_says_it_all(rng):
    labels = np.arange(20) % 10
    probabilities = np.full((20, 10), 0.01)
    probabilities[range(20), labels] = 0.91
    probabilities[3] = np.roll(probabilities[3], 4)  # a 3 read as 7
    digits = Split(rng.integers(0, 256, (20, 28, 28), dtype=np.uint8), labels.astype(np.uint8))
    result = metrics.evaluate(probabilities, labels)
    curves = [Curve("rotation", "degrees", (0.0, 10.0), (1.0, 0.5), ((0.9, 1.0), (0.4, 0.6)))]
    text = report.build("<mine>", "own & others", digits, result, curves)
    assert "&lt;mine&gt;" in text
    assert "<mine>" not in text
    assert "own &amp; others" in text
    assert "95.00%" in text
    assert "3 read as 7<br>91%" in text
    assert text.count('<img alt="number') == 1
    assert "Accuracy under rotation, degrees. 0: 100%, 10: 50%" in text
    assert not re.findall(r'(?:src|href)="https?:', text)
    assert "<script" not in text
    assert text.count('role="img"') == 4


def test_the_report_stays_small(rng):
    labels = np.tile(np.arange(10), 1000)
    probabilities = rng.dirichlet(np.ones(10), 10_000)  # nine in ten are misread
    digits = Split(rng.integers(0, 256, (10_000, 28, 28), dtype=np.uint8), labels.astype(np.uint8))
    assert len(report.build("a", "b", digits, metrics.evaluate(probabilities, labels))) < 1_500_000
