"""The line network's steps, joint decoding of both networks, and the ink of drawn lines, worked out by hand."""

import itertools

import numpy as np
import pytest
from drawing import draw, number

from digit_core.models.line_format import NOTHING, OTHER
from digit_core.reading import drawn_lines, line_decoding
from digit_core.reading.drawn_lines import Candidate
from digit_core.reading.line_decoding import Weights
from digit_core.reading.line_network import Steps
from digit_core.reading.settings import ReadingSettings

SETTINGS = ReadingSettings()


def steps(*columns: dict[int, float]) -> Steps:
    """Steps with these probabilities; the remainder goes to the blank, `NOTHING`."""
    shares = np.full((len(columns), 12), 1e-9)
    for row, column in zip(shares, columns, strict=True):
        row[NOTHING] = 1 - sum(column.values())
        for value, share in column.items():
            row[value] = share
    return Steps(np.log(np.maximum(shares, 1e-9)), (np.arange(len(columns)) + 0.5) / len(columns))


def by_every_path(found: Steps, marks: tuple[int, ...]) -> float:
    """The probability of a line of marks, summed over all paths that collapse to it."""
    total = 0.0
    for path in itertools.product(range(12), repeat=len(found.logs)):
        read = tuple(value for value, _ in itertools.groupby(path) if value != NOTHING)
        if read == marks:
            total += np.exp(sum(found.logs[place, value] for place, value in enumerate(path)))
    return total


@pytest.mark.parametrize("marks", [(), (4,), (4, 7), (4, 4), (7, 4), (4, 7, 4)])
def test_the_probability_of_a_line_is_that_of_all_its_paths(marks):
    found = steps({4: 0.6, 7: 0.1}, {4: 0.3}, {7: 0.5, 4: 0.2}, {4: 0.4})
    [log] = found.log_probability([marks])
    assert np.exp(log) == pytest.approx(by_every_path(found, marks), rel=1e-6)


def test_lines_of_several_lengths_are_scored_as_each_alone():
    found = steps({4: 0.6}, {7: 0.5}, {2: 0.7})
    lines = [(4, 7, 2), (4,), ()]
    np.testing.assert_allclose(found.log_probability(lines), [found.log_probability([line])[0] for line in lines])


def test_the_search_finds_the_likeliest_lines_best_first():
    found = steps({4: 0.6, 9: 0.3}, {}, {7: 0.9})
    likeliest = found.likeliest(8)
    assert likeliest[:2] == [(4, 7), (9, 7)]
    assert list(found.log_probability(likeliest)) == sorted(found.log_probability(likeliest), reverse=True)


def test_marks_are_where_the_likeliest_path_has_them():
    found = steps({}, {4: 0.9}, {4: 0.9}, {}, {}, {7: 0.9})
    assert found.places_of((4, 7)) == pytest.approx([2 / 6, 5.5 / 6])
    assert found.places_of(()) == []


def classes(*values: int) -> np.ndarray:
    return np.array([np.full(10, 0.01) + 0.9 * np.eye(10)[value] for value in values]).reshape(-1, 10)


def texts(decoded) -> str:
    return "".join(str(mark.probabilities.argmax()) if mark.digit > 0.5 else "?" for mark in decoded)


def test_a_second_detection_of_one_digit_goes():
    found = steps({5: 0.99}, {}, {4: 0.99})
    decoded = line_decoding.decode(np.array([0.95, 0.6, 0.95]), classes(5, 1, 4), found, Weights())
    assert texts(decoded) == "54"
    assert [mark.detection for mark in decoded] == [0, 2]


def test_a_digit_that_was_not_detected_comes():
    found = steps({5: 0.99}, {1: 0.99}, {4: 0.99})
    decoded = line_decoding.decode(np.array([0.95, 0.95]), classes(5, 4), found, Weights())
    assert texts(decoded) == "514"
    assert [mark.detection for mark in decoded] == [0, None, 1]
    assert decoded[1].place == pytest.approx(0.5)


def test_two_sure_networks_leave_what_both_see():
    found = steps({5: 0.99}, {OTHER: 0.97})
    decoded = line_decoding.decode(np.array([0.99, 0.02]), classes(5, 1), found, Weights())
    assert texts(decoded) == "5?"
    assert decoded[0].digit > 0.95
    assert decoded[1].digit < 0.05
    for mark in decoded:
        assert mark.probabilities.sum() == pytest.approx(1)


def test_nothing_detected_and_nothing_seen_is_nothing():
    assert line_decoding.decode(np.zeros(0), classes(), steps({}, {}), Weights()) == []


def candidate(x: float, y: float, height: float = 100, width: float = 60) -> Candidate:
    empty = np.zeros((28, 28), np.uint8)
    return Candidate(x, y, width, height, 3, 0.9, 0.9, np.full(10, 0.1), empty, empty)


def test_the_ink_of_two_lines_is_told_apart():
    picture = np.vstack([draw(number(text, 20, 40, 100), width=300, height=180, pen=10) for text in ("12", "34")])
    lines = [[candidate(60, 90), candidate(160, 90)], [candidate(60, 270), candidate(160, 270)]]
    first, second = drawn_lines.drawn_lines(lines, picture, SETTINGS)
    assert first.corner[1] + first.ink.shape[0] * first.scale < 180 < second.corner[1]
    assert first.ink.max() == 255


def test_light_ink_on_dark_paper_is_ink():
    picture = draw(number("7", 40, 40, 100), width=200, height=180, pen=10)
    lines = [[candidate(80, 90)]]
    [dark] = drawn_lines.drawn_lines(lines, picture, SETTINGS)
    [light] = drawn_lines.drawn_lines(lines, 255 - picture, SETTINGS)
    np.testing.assert_allclose(dark.ink.astype(int), light.ink.astype(int), atol=1)


def test_marks_that_hang_on_a_frame_are_no_line():
    picture = np.full((400, 400), 255, np.uint8)
    picture[5:395, [10, 11, 12]] = picture[[5, 6, 7], 10:390] = 0  # a frame that touches the mark
    picture[60:160, 10:60] = 0
    assert drawn_lines.drawn_lines([[candidate(35, 110)]], picture, SETTINGS) == [None]


def test_of_a_line_in_boxes_the_page_networks_answer_stands():
    picture = draw(number("12", 30, 40, 100), width=260, height=180, pen=8)
    found = [candidate(60, 90), candidate(160, 90)]
    [line] = drawn_lines.text_lines(found, picture, SETTINGS)
    assert line.drawn is not None
    picture[[18, 19, 20, 159, 160, 161], 10:250] = picture[18:162, [10, 11, 12, 109, 110, 111, 247, 248, 249]] = 0
    assert [line.drawn for line in drawn_lines.text_lines(found, picture, SETTINGS)] == [None]
