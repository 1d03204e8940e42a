import numpy as np
import pytest

from digit_core.evaluation.metrics import evaluate, wilson


def _rows(*digits, confidence=0.91):
    """One row of probabilities per digit: `confidence` for the digit, the rest spread evenly."""
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
    """Two digits with confidence 0.9, one of them wrong, and two with 0.6, both right."""
    probabilities = np.zeros((4, 10))
    probabilities[:2, 3], probabilities[:2, 4] = 0.9, 0.1
    probabilities[2:, 5], probabilities[2:, 6] = 0.6, 0.4
    result = evaluate(probabilities, np.array([3, 4, 5, 5]))
    low, high = result.reliability()
    assert low == {"confidence": pytest.approx(0.6), "accuracy": 1.0, "interval": wilson(2, 2), "digits": 2}
    assert high == {"confidence": pytest.approx(0.9), "accuracy": 0.5, "interval": wilson(1, 2), "digits": 2}
    assert result.calibration_error == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)


def test_the_wilson_interval_is_the_textbooks():
    """Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    from digit_core.evaluation.metrics import wilson

    for right, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611),
                                 (1, 29, 0.0061, 0.1718)):  # fmt: skip
        assert wilson(right, of) == pytest.approx((low, high), abs=5e-5)
    with pytest.raises(ValueError, match="nothing"):
        wilson(0, 0)


def test_every_number_is_scikit_learns(rng):
    from sklearn import metrics

    labels = rng.integers(0, 10, 500)
    probabilities = rng.dirichlet(np.full(10, 0.3), 500)
    probabilities[range(500), labels] += 0.4
    probabilities /= probabilities.sum(1, keepdims=True)
    result = evaluate(probabilities, labels)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, result.predictions)
    assert result.accuracy == pytest.approx(metrics.accuracy_score(labels, result.predictions))
    assert result.log_loss == pytest.approx(metrics.log_loss(labels, probabilities))
    assert result.top2 == pytest.approx(metrics.top_k_accuracy_score(labels, probabilities, k=2))
    assert (result.confusion == metrics.confusion_matrix(labels, result.predictions)).all()
    for mine, theirs in ((result.precision, precision), (result.recall, recall), (result.f1, f1)):
        assert mine == pytest.approx(theirs)


def _sure(confidences, right):
    """Evaluate digits that are all 0, each read as 0 (right) or 1 (wrong)."""
    probabilities = np.zeros((len(right), 10))
    for row, (confidence, is_right) in enumerate(zip(confidences, right, strict=True)):
        probabilities[row, 0 if is_right else 1] = confidence
        probabilities[row, 1 if is_right else 0] = 1 - confidence
    return evaluate(probabilities, np.zeros(len(right), int))


def test_leaving_the_least_sure_unread_worked_out():
    unread, misread = _sure([0.9, 0.6, 0.8, 0.7], [True, False, True, True]).coverage()
    assert unread == pytest.approx([0, 0.25, 0.5, 0.75])
    assert misread == pytest.approx([0.25, 0, 0, 0])


def test_two_models_compared_worked_out():
    """McNemar's exact test is a binomial test on the 6 digits that only one model reads: 1 and 5, p = 14/64."""
    from digit_core.evaluation.metrics import compare

    labels = np.arange(10)
    right = np.eye(10)[labels]
    wrong = np.roll(right, 1, axis=1)
    first, second = right.copy(), right.copy()
    first[:5], second[5] = wrong[:5], wrong[5]
    first[9] = second[9] = wrong[9]
    found = compare(evaluate(first, labels), evaluate(second, labels))
    assert found.only_first.tolist() == [5]
    assert found.only_second.tolist() == [0, 1, 2, 3, 4]
    assert found.both_wrong.tolist() == [9]
    assert found.p_value == pytest.approx(14 / 64)
    assert compare(evaluate(right, labels), evaluate(right, labels)).p_value == 1
    with pytest.raises(ValueError, match="same digits"):
        compare(evaluate(right, labels), evaluate(right, labels[::-1]))
