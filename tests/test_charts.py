import numpy as np

from digit_core import charts

PROBABILITIES = np.array([0, 0.02, 0, 0, 0.7, 0, 0, 0, 0, 0.28])


def test_ten_bars_stand_from_0_to_9_whatever_the_answer():
    figure = charts.probability_bars(PROBABILITIES)
    assert list(figure.data[0].x) == list(range(10))
    assert list(figure.data[0].y) == PROBABILITIES.tolist()
    assert figure.layout.xaxis.range == (-0.5, 9.5)
    assert figure.layout.yaxis.range == (0, 1)


def test_the_likeliest_bar_stands_out():
    colours = charts.probability_bars(PROBABILITIES).data[0].marker.color
    assert [digit for digit, colour in enumerate(colours) if colour == charts.ACCENT] == [4]


def test_the_bars_in_words_begin_with_the_likeliest():
    assert charts.probability_text(PROBABILITIES) == "Probabilities. 4: 70%, 9: 28%, 1: 2%"
