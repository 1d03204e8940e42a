import numpy as np
import pytest

from digit_core.evaluation import evaluate


def _rows(*digits, confidence=0.91):
    """One row of probabilities a digit: `confidence` on it, the rest spread evenly."""
    rows = np.full((len(digits), 10), (1 - confidence) / 9)
    rows[np.arange(len(digits)), digits] = confidence
    return rows


def test_counts_worked_out_by_hand():
    result = evaluate(_rows(1, 1, 7, 7, 7), np.array([1, 1, 1, 7, 2]))
    assert (result.digits, result.errors, result.accuracy) == (5, 2, pytest.approx(0.6))
    assert result.confusion.sum() == 5
    assert (result.confusion[1, 1], result.confusion[1, 7], result.confusion[2, 7], result.confusion[7, 7]) == (
        2,
        1,
        1,
        1,
    )
    assert result.recall[[1, 2, 7]] == pytest.approx([2 / 3, 0, 1])
    assert result.precision[[1, 7]] == pytest.approx([1, 1 / 3])
    assert np.isnan(result.recall[0])
    assert np.isnan(result.precision[2])
    assert result.confusions() == [(1, 7, 1), (2, 7, 1)]
    right, wrong = -np.log(0.91), -np.log(0.01)
    assert result.log_loss == pytest.approx((3 * right + 2 * wrong) / 5)


def test_the_mistake_made_with_most_confidence_comes_first():
    rows = np.concatenate([_rows(3, confidence=0.5), _rows(4), _rows(5, confidence=0.99)])
    assert evaluate(rows, np.array([1, 4, 1])).mistakes().tolist() == [2, 0]


def test_no_mistakes_and_a_probability_of_zero():
    assert evaluate(np.eye(10), np.arange(10)).mistakes().size == 0
    assert np.isfinite(evaluate(np.eye(10)[[3]], np.array([4])).log_loss)


@pytest.mark.parametrize(("rows", "labels"), [(np.zeros((0, 10)), []), (np.eye(10), [1]), (np.eye(9), range(9))])
def test_what_does_not_fit_is_refused(rows, labels):
    with pytest.raises(ValueError, match="Probabilities of shape"):
        evaluate(rows, np.array(labels))


def test_reliability_and_calibration_error_worked_out_by_hand():
    """Two digits of which the network is 0.9 sure, one of them wrong; two of 0.6, both right."""
    probabilities = np.zeros((4, 10))
    probabilities[:2, 3], probabilities[:2, 4] = 0.9, 0.1
    probabilities[2:, 5], probabilities[2:, 6] = 0.6, 0.4
    result = evaluate(probabilities, np.array([3, 4, 5, 5]))
    low, high = result.reliability()
    assert low == {"confidence": pytest.approx(0.6), "accuracy": 1.0, "digits": 2}
    assert high == {"confidence": pytest.approx(0.9), "accuracy": 0.5, "digits": 2}
    assert result.calibration_error == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
