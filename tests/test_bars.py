"""Bar chart of the ten probabilities."""

import re

import numpy as np

from ui import bars

PROBABILITIES = np.array([0, 0.02, 0, 0, 0.7, 0, 0, 0, 0, 0.28])


def test_ten_bars_stand_from_0_to_9_and_the_likeliest_stands_out():
    shown = bars.markup(PROBABILITIES)
    assert re.findall(r"<b>(\d)</b>", shown) == [str(digit) for digit in range(10)]
    heights = [float(height) for height in re.findall(r"height:([\d.]+)%", shown)]
    np.testing.assert_allclose(heights, bars.FULL * PROBABILITIES, atol=0.05)
    [best] = re.findall(r"class=best><span>(.*?)</span>.*?<b>(\d)</b>", shown)
    assert best == ("70%", "4")


def test_the_bars_in_words_begin_with_the_likeliest():
    assert bars.in_words(PROBABILITIES) == "Probabilities. 4: 70%, 9: 28%, 1: 2%"
    assert 'aria-label="Probabilities. 4: 70%' in bars.markup(PROBABILITIES)
