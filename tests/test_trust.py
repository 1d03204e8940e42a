"""The judge, fitted for real on little."""

import gzip
import json

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def _little():
    """Few examples: enough to see that it learns."""
    from digit_core import trust

    with pytest.MonkeyPatch.context() as patch:
        for name, count in {"NUMBERS": 150, "GENERATED": 1500, "TAKEN_APART": 100, "BROKEN": 300}.items():
            patch.setattr(trust, name, count)
        yield


@pytest.fixture(scope="module")
def fitted():
    from digit_core import datasets, trust

    said = []
    return trust.fit([datasets.load("builtin")], None, _sure_of_all, epochs=3, say=said.append), said


def _sure_of_all(digits):
    return np.tile(np.eye(10)[0], (len(digits), 1))


def test_a_judge_tells_digits_from_what_is_none(fitted):
    result, said = fitted
    test = result.rates["test"]
    assert test["digits: builtin"] > 0.9
    assert test["symbols: generated"] < 0.5
    assert test["pieces: builtin, cut out of numbers"] < test["digits: builtin"]
    assert result.judge.output_shape == (None, 12)
    assert sum("Epoch" in text for text in said) == 3


def test_the_threshold_trusts_the_digits_that_it_must():
    from digit_core import trust

    origins = np.array(["a"] * 1000 + ["b"] * 1000)
    values = np.concatenate([np.arange(1, 1001) / 1000, np.full(1000, 0.5)])
    examples = trust.Examples(np.zeros((2000, 1, 1)), np.zeros(2000, np.uint8), origins)
    # refused below t: share of a that is under t, and none of b up to 0.5; their mean is to be 0.4 %
    assert trust._threshold(examples, values) == pytest.approx(0.009)


def test_what_tells_digits_from_symbols_has_weight():
    """Of two origins of digits the small one counts as much; evidence that is the same for all has no weight."""
    from digit_core import trust
    from digit_core.recognition import together

    origins = np.array(["a"] * 90 + ["b"] * 10 + ["letters"] * 50)
    classes = np.array([3] * 100 + [10] * 50, np.uint8)
    examples = trust.Examples(np.zeros((150, 1, 1)), classes, origins)
    same = np.full(150, 0.9)
    confidence = np.array([0.99] * 80 + [0.6] * 20 + [0.6] * 40 + [0.99] * 10)
    weights = trust._weights(examples, same, confidence)
    sure, unsure = together(0.9, 0.99, weights), together(0.9, 0.6, weights)
    # of the sure half of the digits of a (80 of 90) and of none of b: (8 / 9 + 0) / 2, against 1 / 5 of the letters
    assert sure == pytest.approx((4 / 9) / (4 / 9 + 1 / 5), abs=0.01)
    assert unsure == pytest.approx((5 / 9) / (5 / 9 + 4 / 5), abs=0.01)


def test_rates_are_told_by_kind_and_origin():
    from digit_core import trust

    examples = trust.Examples(
        np.zeros((4, 1, 1)), np.array([3, 10, 11, 11], np.uint8), np.array(["mnist", "letters", "mnist", "mnist"])
    )
    rates = trust._rates(examples, np.array([True, False, True, False]))
    assert rates == {"digits: mnist": 1.0, "symbols: letters": 0.0, "pieces: mnist": 0.5}


def test_the_command_adds_a_judge_that_the_reader_asks(tmp_path, monkeypatch, capsys):
    from drawing import DIGITS, draw, placed

    from digit_core import Recognizer, cli, model_store, training
    from digit_core.training import TrainingSettings

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    settings = TrainingSettings(architecture="lenet5", data="builtin", epochs=3, batch_size=32, augmentation="none")
    trained = training.train(settings)
    model_store.save(trained.model, "own", training.describe(trained), trained.dataset.test.images)
    symbols = tmp_path / "letters.jsonl.gz"
    rows = [
        {"label": -1, "writer": f"w{i}", "strokes": [[[0, 0], [5, 9], [10, 0]], [[2, 4], [8, 4]]]} for i in range(30)
    ]
    symbols.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    arguments = ["trust", "--model", "own", "--data", "builtin", "--symbols", str(symbols), "--epochs", "2"]
    assert cli.main(arguments) == 0
    assert "trusted of symbols: letters" in capsys.readouterr().out
    stored = model_store.find("own")
    assert stored.card["judge"]["trusted"]["test"]
    assert stored.litert_bytes()
    assert Recognizer.load("own").read(draw(placed(DIGITS[3], 150, 100, 200))).digits
