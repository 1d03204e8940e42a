"""The parts of the page reader that need no model, on detections worked out by hand."""

import itertools
import json
from dataclasses import asdict

import numpy as np
import pytest

from digit_core.models import page_format
from digit_core.models.page_format import CHANNELS, OTHER
from digit_core.pictures import contrast
from digit_core.reading import layout, pyramid
from digit_core.reading.acceptance import Calibration, Fusion, evidence, is_drawn, kind_of
from digit_core.reading.cutouts import cut_out, neighbours
from digit_core.reading.page_network import Answer, Detection, PageNetwork
from digit_core.reading.page_reader import PageReader
from digit_core.reading.pyramid import Level
from digit_core.reading.settings import ReadingSettings

SETTINGS = ReadingSettings()
NO_ANSWER = Answer(np.zeros((8, 8), np.uint8), np.zeros((2, 4, 2), np.float32), (0, 0), (1.0, 1.0))


def mark(
    x: float, y: float, label: int = 3, width: float = 20, height: float = 30, heat: float = 0.9, **more
) -> Detection:
    probabilities = np.full(13, 0.005, np.float32)
    probabilities[label] = 1 - 12 * 0.005
    return Detection(
        x, y, width, height, heat, probabilities, more.pop("level_size", 30.0), more.pop("answer", NO_ANSWER)
    )


def test_slots_and_ink_lie_where_the_format_says():
    output = np.zeros((2, 3, CHANNELS), np.float32)
    output[1, 2, page_format.SLOT_CHANNELS] = 5  # first channel of the last cell's right slot
    output[1, 2, page_format.SLOTS * page_format.SLOT_CHANNELS + 4] = 7  # second row, first pixel
    assert page_format.slots(output)[1, 5, 0] == 5
    assert page_format.ink_logits(output)[5, 8] == 7
    y, x = page_format.slot_centres(2, 6)
    assert (y[1, 0], x[0, 5]) == (5.5, 10.5)


@pytest.mark.parametrize(("shape", "finest"), [((28, 28), 80), ((400, 300), 640), ((3000, 4000), 1280)])
def test_levels_grow_from_coarse_to_fine(shape, finest):
    found = list(pyramid.levels(np.zeros(shape, np.uint8)))
    sides = [max(level.grey.shape) for level in found]
    assert sides[0] == 40
    assert sides[-1] == finest
    assert all(b == 2 * a for a, b in itertools.pairwise(sides))
    assert found[0].scale[0] == pytest.approx(shape[1] / found[0].grey.shape[1])


def test_tiles_share_out_a_part_of_a_level():
    level = Level(np.zeros((900, 1300), np.uint8), (1.0, 1.0))
    covered = np.zeros((900, 1300), int)
    for left, top, right, bottom in level.tiles((100, 50, 1300, 900)):
        assert max(right - left, bottom - top) <= pyramid.TILE
        covered[top:bottom, left:right] += 1
    assert (covered[50:, 100:] == 1).all()
    assert covered.sum() == 850 * 1200


def test_a_window_is_cut_from_the_whole_levels_contrast():
    grey = np.random.default_rng(0).integers(0, 256, (300, 400)).astype(np.uint8)
    level = Level(grey, (1.0, 1.0))
    window, (left, top) = level.window((150, 120, 230, 180))
    assert (left, top) == (150 - pyramid.MARGIN, 120 - pyramid.MARGIN)
    assert window.shape[0] % page_format.MULTIPLE == window.shape[1] % page_format.MULTIPLE == 0
    whole = contrast.normalize(grey)[top : top + window.shape[0], left : left + window.shape[1]]
    np.testing.assert_allclose(window[4:-4, 4:-4], whole[4:-4, 4:-4], atol=1e-3)


def test_even_places_are_not_looked_at():
    grey = np.full((100, 100), 240, np.uint8)
    assert not Level(grey, (1.0, 1.0)).uneven(10).any()
    grey[40:50, 60] = 200
    y, x = np.nonzero(Level(grey, (1.0, 1.0)).uneven(10))
    assert (y.min(), y.max(), x.min(), x.max()) == (39, 50, 59, 61)


def test_of_two_detections_of_a_mark_the_better_stays():
    best, worse = mark(50, 50), mark(52, 51, heat=0.5)
    assert layout.suppressed([worse, best], SETTINGS) == [best]


def test_neighbours_of_a_level_stay_apart_and_parts_seen_larger_go():
    left, right = mark(50, 50, width=20), mark(62, 50, width=20)
    assert len(layout.suppressed([left, right], SETTINGS)) == 2
    finer = Answer(NO_ANSWER.ink, NO_ANSWER.towards, (0, 0), (0.5, 0.5))
    part = mark(50, 43, width=14, height=14, heat=0.6, answer=finer)
    assert layout.suppressed([left, part], SETTINGS) == [left]


def test_lines_are_read_from_top_to_bottom_and_left_to_right():
    places = {(10, 12): 1, (40, 15): 2, (70, 18): 3, (12, 70): 4, (45, 73): 5}
    found = layout.lines([mark(x, y, label) for (x, y), label in reversed(places.items())], SETTINGS)
    assert [[m.label for m in line] for line in found] == [[1, 2, 3], [4, 5]]
    assert layout.lines([], SETTINGS) == []


def test_a_falling_line_is_one_line():
    found = layout.lines([mark(30 * i, 20 + 9 * i, i) for i in range(8)], SETTINGS)
    assert [[m.label for m in line] for line in found] == [list(range(8))]


def test_ink_belongs_to_the_mark_that_it_points_to():
    ink = np.full((32, 32), 255, np.uint8)
    towards = np.zeros((8, 16, 2), np.float32)
    towards[..., 1] = 16
    towards[:, :8, 0], towards[:, 8:, 0] = 8, 24
    answer = Answer(ink, towards, (0, 0), (1.0, 1.0))
    left, right = (mark(x, 16.5, width=14, height=24, answer=answer) for x in (8.5, 24.5))
    grey = np.full((32, 32), 90, np.uint8)
    own = cut_out([left, right], grey).inks[0]
    columns = np.flatnonzero(own.any(0))
    assert columns.max() < 16
    assert cut_out([left], grey).inks[0].any(0).sum() > len(columns)


@pytest.mark.parametrize("polarity", [1, -1])
def test_ink_is_as_sharp_as_the_picture(polarity):
    soft = np.zeros((40, 40), np.uint8)
    soft[8:32, 16:24] = 200
    answer = Answer(soft, np.full((10, 20, 2), 20, np.float32), (0, 0), (3.0, 3.0))
    grey = np.full((120, 120), 128 + 100 * polarity, np.uint8)
    grey[30:90, 57:63] = 128 - 100 * polarity
    [own] = cut_out([mark(60, 60, width=24, height=72, answer=answer)], grey).inks
    assert (own > 200).sum() == 60 * 6
    assert ((own > 20) & (own < 200)).sum() < 40


def test_ink_that_the_picture_hardly_shows_is_taken_from_the_network():
    soft = np.zeros((40, 40), np.uint8)
    soft[8:32, 16:24] = 200
    answer = Answer(soft, np.full((10, 20, 2), 20, np.float32), (0, 0), (1.0, 1.0))
    [own] = cut_out([mark(20, 20, width=8, height=24, answer=answer)], np.full((40, 40), 77, np.uint8)).inks
    assert own.max() == 200


def test_all_networks_are_weighed():
    network, classifier, look = np.full((1, 13), 0.01), np.full((1, 10), 0.01), np.full((1, 11), 0.01)
    network[0, 3], network[0, 8], classifier[0, 8], look[0, 6] = 0.5, 0.39, 0.91, 0.9
    answers = [Fusion(*weights).fused(network, classifier, look) for weights in ((1, 0, 0), (1, 1, 0), (1, 1, 2))]
    assert [answer[0].argmax() for answer in answers] == [3, 8, 6]
    assert answers[-1].sum() == pytest.approx(1, abs=1e-5)


def test_the_probability_of_being_a_digit_is_that_of_the_logistic_regression():
    fusion = Fusion(acceptance=(1.0,) + (0.0,) * 8)
    looks = (np.full((2, classes), 1 / classes) for classes in (13, 10, 11))
    columns = evidence(np.array([0.9, 0.97]), *looks, np.zeros((2, 4)))
    np.testing.assert_allclose(fusion.digit_probability(columns), [0.9, 0.97], atol=1e-6)


def test_drawings_and_photographs_are_weighed_by_weights_of_their_own():
    assert [kind_of(drawn, marks) for drawn in (True, False) for marks in (0, 1, 2)] == [
        *("alone", "alone", "several"),
        *("page", "page", "page"),
    ]


def test_a_calibration_is_what_its_card_says():
    calibration = Calibration(alone=Fusion(0.5, 0.25, 0.75, (0.5,) * 9, 0.4), page=Fusion(threshold=0.7))
    card = json.loads(json.dumps(asdict(calibration)))
    assert Calibration.from_card(card) == calibration
    card["several"]["acceptance"] = [0.5] * 8
    with pytest.raises(ValueError, match="9 weights"):
        Calibration.from_card(card)


def test_a_drawing_is_told_from_a_photograph():
    drawing = np.full((100, 100), 255, np.uint8)
    drawing[20:80, 48:52] = 0
    assert is_drawn(drawing)
    assert not is_drawn(
        np.clip(drawing.astype(int) - np.random.default_rng(0).integers(0, 9, (100, 100)), 0, 255).astype(np.uint8)
    )


class FakeNetwork(PageNetwork):
    """Returns the given detections for each level, and records the levels it was called with."""

    def __init__(self, answers: dict[int, list[Detection]]):
        self.answers, self.asked = answers, []

    def detect(self, level, box, least_heat):
        side = max(level.grey.shape)
        self.asked.append(side)
        return self.answers.get(side, [])


def test_finer_levels_are_looked_at_only_where_something_is_unexplained():
    grey = np.full((400, 400), 255, np.uint8)
    assert PageReader(network := FakeNetwork({})).marks(grey) == []
    assert network.asked == []
    grey[100:300, 190:210] = 0
    whole = mark(200, 200, label=1, width=20, height=200, level_size=40)
    assert PageReader(network := FakeNetwork({80: [whole]})).marks(grey) == [whole]
    assert network.asked == [40, 80]
    PageReader(network := FakeNetwork({})).marks(grey)
    assert network.asked == [40, 80, 160, 320, 640]


def test_a_page_that_reads_badly_is_turned():
    grey = np.zeros((100, 160), np.uint8)
    grey[20:80:7] = 255
    others = [mark(30 * i, 50, OTHER) for i in range(5)]
    digits = [mark(30 * i, 50, i) for i in range(5)]

    class Turning(FakeNetwork):
        def detect(self, level, box, least_heat):
            return digits if level.grey.shape[0] > level.grey.shape[1] else others

    page = PageReader(Turning({})).read(grey)
    assert page.turns == 1
    assert {m.label for m in page.marks} == set(range(5))


@pytest.mark.parametrize(("marks", "times"), [(4, 1), (5, 4), (400, 4), (401, 1)])
def test_a_page_of_few_or_very_many_marks_is_not_turned(marks, times):
    grey = np.zeros((100, 160), np.uint8)
    grey[20:80:7] = 255
    network = FakeNetwork({40: [mark(30 * i, 50, OTHER) for i in range(marks)]})
    PageReader(network).read(grey)
    assert network.asked.count(40) == times


def test_a_page_with_too_many_marks_says_so(monkeypatch):
    grey = np.zeros((100, 160), np.uint8)
    grey[20:80:7] = 255
    reader = PageReader(FakeNetwork({40: [mark(60 * i, 50, 3) for i in range(4)]}))
    assert not reader.read(grey).is_crowded
    monkeypatch.setattr(layout, "MOST_MARKS", 4)
    assert reader.read(grey).is_crowded


def test_neighbours_are_the_marks_whose_ink_may_lie_in_a_box():
    first, second, far = mark(50, 50), mark(80, 50), mark(300, 50)
    assert neighbours([first, second, far]) == [[second], [first], []]


def test_a_page_holds_at_most_so_many_marks(monkeypatch):
    monkeypatch.setattr(layout, "MOST_MARKS", 3)
    found = layout.suppressed([mark(60 * i, 50, heat=0.5 + 0.05 * i) for i in range(8)], SETTINGS)
    assert [m.x for m in found] == [420, 360, 300]
