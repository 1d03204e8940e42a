"""Confident learning on tables small enough to check by hand, and on deliberately changed labels."""

import numpy as np

from digit_core.data import datasets
from digit_core.evaluation.label_errors import Suspect, suspects


def table(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array([[*row, *([0.0] * 7)] for row in rows])


def test_the_thresholds_are_the_means_of_each_class():
    probabilities = table((0.9, 0.1, 0), (0.7, 0.3, 0), (0.1, 0.9, 0), (0.85, 0.15, 0), (0.3, 0.7, 0))
    labels = np.array([0, 0, 1, 1, 1])
    # Thresholds: mean(0.9, 0.7) = 0.8 and mean(0.9, 0.15, 0.7) = 0.58; only one digit reaches that of another class.
    [found] = suspects(probabilities, labels)
    assert (found.place, found.label, found.likely) == (3, 1, 0)
    assert abs(found.margin - 0.7) < 1e-9


def test_what_reaches_no_threshold_is_only_hard():
    assert suspects(table((0.9, 0.1, 0), (0.4, 0.6, 0), (0.05, 0.95, 0)), np.array([0, 0, 1])) == []


def test_the_likeliest_come_first_and_classes_without_labels_accuse_nobody():
    probabilities = table((0.7, 0.3, 0), (0, 1, 0), (0.8, 0.2, 0), (0.95, 0.05, 0), (0, 0, 1))
    found = suspects(probabilities, np.array([0, 1, 1, 1, 1]))
    assert [suspect.place for suspect in found] == [3, 2]
    assert all(suspect.likely == 0 for suspect in found)
    assert suspects(np.zeros((0, 10)), np.zeros(0, int)) == []


def test_changed_labels_are_found(recognizer):
    digits = datasets.load("builtin").test
    labels = digits.labels.astype(int)
    changed = np.random.default_rng(3).choice(len(labels), 20, replace=False)
    labels[changed] = (labels[changed] + 3) % 10
    found = suspects(recognizer.classify(digits.images), labels)
    assert isinstance(found[0], Suspect)
    assert len({suspect.place for suspect in found[:20]} & set(changed)) >= 17
