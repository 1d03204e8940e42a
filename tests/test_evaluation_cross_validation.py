"""Out-of-fold probabilities: right for most digits, and blind to a digit's own label."""

import numpy as np
import pytest

from digit_core.data import datasets
from digit_core.evaluation import cross_validation
from digit_core.evaluation.label_errors import suspects


@pytest.fixture(scope="module")
def digits():
    return datasets.load("builtin").train


@pytest.fixture(scope="module")
def read(digits):
    return cross_validation.probabilities(digits.images, digits.labels)


def test_most_digits_are_read_by_the_others(digits, read):
    assert read.shape == (len(digits), 10)
    np.testing.assert_allclose(read.sum(1), 1, atol=1e-6)
    assert (read.argmax(1) == digits.labels).mean() > 0.98


def test_probabilities_are_calibrated(digits, read):
    assert read.max(1).mean() == pytest.approx((read.argmax(1) == digits.labels).mean(), abs=0.02)


def test_a_digits_own_label_does_not_count(digits, read):
    labels = digits.labels.copy()
    labels[7] = (labels[7] + 1) % 10
    changed = cross_validation.probabilities(digits.images, labels)
    np.testing.assert_allclose(changed[7], read[7], atol=0.005)  # the temperature is fitted on all labels
    assert changed[7, labels[7]] < 0.5


def test_what_all_other_digits_say_counts():
    bright = np.zeros((50, 28, 28), np.uint8)
    bright[:25, 4:24, 13:15], bright[25:, 13:15, 4:24] = 255, 255
    labels = np.repeat([1, 7], 25)
    assert (cross_validation.probabilities(bright, labels).argmax(1) == labels).all()
    swapped = np.repeat([7, 1], 25)
    assert (cross_validation.probabilities(bright, swapped).argmax(1) == swapped).all()


def test_changed_labels_are_found(digits):
    labels = digits.labels.astype(int)
    changed = np.random.default_rng(3).choice(len(labels), 20, replace=False)
    labels[changed] = (labels[changed] + 3) % 10
    found = suspects(cross_validation.probabilities(digits.images, labels), labels)
    assert len({suspect.place for suspect in found[:20]} & set(changed)) >= 15
