import numpy as np
import pytest

from digit_core import charts, layer_charts, training_charts


def test_a_run_has_two_curves_and_keeps_its_zoom():
    from digit_core.training.events import EpochEnd

    told = np.array([[0.5, 2.0, 0.2], [1.0, 1.0, 0.6]])
    epochs = [EpochEnd(1, 3, 1.0, 0.6, 0.9, 0.7)]
    for quantity, column, end in (("loss", 1, 0.9), ("accuracy", 2, 0.7)):
        figure = training_charts.training_curves(
            training_charts.run_curves(told, epochs, quantity), quantity, "run-1", 3
        )
        training, validation = figure["data"]
        assert training["y"] == told[:, column].tolist()
        assert (validation["x"], validation["y"]) == ([1], [end])
        assert figure["layout"]["uirevision"] == "run-1"


def test_several_runs_have_colours_of_their_own():
    told = np.array([[1.0, 1.0, 0.6]])
    curves = [curve for run in range(3) for curve in training_charts.run_curves(told, [], "loss", run, f"run {run}")]
    colours = [trace["line"]["color"] for trace in training_charts.training_curves(curves, "loss", "x", 1)["data"]]
    assert len(set(colours)) == 6


def test_thinning_keeps_means_and_the_last_point():
    x, y = np.arange(1001.0), np.arange(1001.0) * 2
    few_x, few_y = charts.thinned(x, y, 11)
    assert len(few_x) == 11
    assert few_x[-1] == 1000
    assert few_x[0] == 49.5  # the mean of 0 to 99
    assert few_y == pytest.approx(2 * few_x)
    assert charts.thinned(x, y, 2000)[0] is x


def test_the_matrix_has_a_marker_that_knows_its_cell_over_each():
    counts = np.zeros((10, 10), int)
    counts[3, 5], counts[4, 4] = 7, 90
    figure = charts.confusion(counts, chosen=(3, 5))
    heat, cells = figure.data
    assert len(cells.x) == 100
    place = [tuple(c[:2]) for c in cells.customdata].index((3, 5))
    assert (cells.x[place], cells.y[place], cells.text[place]) == (5, 3, "7")
    assert heat.z[4][4] == 0  # correct readings have no colour
    assert heat.z[3][5] == 1
    assert figure.layout.yaxis.range == (9.5, -0.5)  # 0 at the top
    assert figure.layout.shapes[0].x0 == pytest.approx(4.52)
    assert charts.confusion(counts, shares=True).data[1].text[place] == "100.0%"
    assert charts.confusion_text(counts) == "Which digit was read as which. 90 right. Mistakes: 3 as 5: 7."


def test_a_network_is_a_row_of_blocks():
    outline = [
        {"name": "digit", "kind": "InputLayer", "shape": [28, 28, 1], "parameters": 0},
        {"name": "c1", "kind": "Conv2D", "shape": [28, 28, 6], "parameters": 156},
        {"name": "out", "kind": "Dense", "shape": [10], "parameters": 850},
    ]
    figure = layer_charts.picture(outline)
    assert [shape.y1 - shape.y0 for shape in figure.layout.shapes] == [28, 3]
    assert layer_charts.text(outline) == "A network of 1,006 parameters: convolution 28×28×6, dense 10."


def test_coverage_and_reliability_and_robustness_are_drawn():
    from digit_core.evaluation.robustness import Curve

    bands = [
        {"confidence": 0.5, "accuracy": 0.4, "interval": (0.1, 0.8), "digits": 4},
        {"confidence": 0.99, "accuracy": 1.0, "interval": (0.96, 1.0), "digits": 100},
    ]
    measured = charts.reliability(bands).data[1]
    assert list(measured.x) == [0.5, 0.99]
    assert measured.marker.size[1] > measured.marker.size[0]
    shown = charts.coverage(np.array([0, 0.02, 0.5]), np.array([0.1, 0.05, 0]))
    assert list(shown.data[0].x) == [0, 0.02]
    curve = Curve("blur", "pixels", (0.0, 1.0), (1.0, 0.6), ((0.9, 1.0), (0.5, 0.7)))
    [trace] = charts.robustness(curve, "mine", "Blur").data
    assert list(trace.error_y.array) == pytest.approx([0, 0.1])
    digits = charts.per_digit(np.full(10, 0.9), np.append(np.full(9, 0.8), np.nan))
    assert [len(points.x) for points in digits.data] == [10, 10]


def test_a_name_from_outside_is_text_and_no_link():
    name = '<a href="https://evil.example">look</a> & more'
    told = np.array([[1.0, 1.0, 0.6]])
    figure = training_charts.training_curves(training_charts.run_curves(told, [], "loss", name=name), "loss", "run", 3)
    assert figure["data"][0]["name"].startswith('&lt;a href="https://evil.example"&gt;look&lt;/a&gt; &amp; more')
