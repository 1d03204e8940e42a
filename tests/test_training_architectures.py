"""Network sizes as stated in papers and README, and properties that all networks share."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [
        # by hand: (5*5*1+1)*6 + (5*5*6+1)*16 + (400+1)*120 + (120+1)*84 + (84+1)*10
        ("lenet5", 61_706, 28 * 28 * 150 + 10 * 10 * 2400 + 400 * 120 + 120 * 84 + 840),
        # (9+1)*32 + (9*32+1)*64 + (1600+1)*64 + (64+1)*10
        ("simple_cnn", 121_930, 26 * 26 * 9 * 32 + 11 * 11 * 9 * 32 * 64 + 1600 * 64 + 640),
        # 25*16 + 9*16*32 + 2*9*32*32 + 9*32*64 + 4*(16+32+32+32+64) + (64+1)*10
        ("resnet", 43_226, 28**2 * 25 * 16 + 14**2 * 9 * 16 * 32 + 7**2 * 9 * (2 * 32 * 32 + 32 * 64) + 640),
        # 9*(32 + 32*32 + 32*64 + 64*64 + 64*128 + 128*128) + 4*(2*32 + 2*64 + 2*128) + (128+1)*10
        ("inkling", 289_066, 28**2 * 9 * 33 * 32 + 14**2 * 9 * 96 * 64 + 7**2 * 9 * 192 * 128 + 1280),
    ],
)
def test_sizes_worked_out_by_hand(name, parameters, multiply_adds):
    from digit_core.training import architectures

    model = architectures.ARCHITECTURES[name]()
    assert model.count_params() == parameters
    assert architectures.multiply_adds(model) == multiply_adds
    assert model.name == name


def test_every_network_answers_ten_probabilities():
    from digit_core.training.architectures import ARCHITECTURES

    batch = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    for build in ARCHITECTURES.values():
        model = build()
        assert model.input_shape == (None, 28, 28, 1)
        answer = model.predict(batch, verbose=0)
        assert answer.shape == (3, 10)
        np.testing.assert_allclose(answer.sum(1), 1, atol=1e-5)
        assert model.layers[-1].name == "probabilities"
