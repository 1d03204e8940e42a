import cv2
import numpy as np
import pytest
from drawing import DIGITS, draw, number, placed

from digit_core import segmentation
from digit_core.segmentation import Grouping, Mark


def _ink(strokes, **options):
    return 255 - draw(strokes, **options)


def _mark(left, top, width, height):
    return Mark((left, top, width, height), np.full((height, width), 255, np.uint8))


def test_a_row_is_found_from_left_to_right():
    [row] = segmentation.find_rows(_ink(number("2026", 30, 40, 120), width=560, height=300))
    assert len(row) == 4
    assert [mark.left for mark in row] == sorted(mark.left for mark in row)


def test_rows_are_found_from_top_to_bottom():
    strokes = number("17", 30, 230, 100) + number("236", 60, 30, 110)
    rows = segmentation.find_rows(_ink(strokes, width=500))
    assert [len(row) for row in rows] == [3, 2]


def _boxes(candidates):
    return {candidate.mark.box for candidate in candidates}


def test_a_floating_bar_may_belong_to_its_five():
    body, bar = placed(DIGITS[5], 150, 120, 200)
    lifted = [(x + 12, y - 30) for x, y in bar]
    assert len(cv2.connectedComponentsWithStats(_ink([body, lifted]))[2]) == 3  # paper, body, bar: truly apart
    [row] = segmentation.find_rows(_ink([body, lifted]))
    assert segmentation.join(row).box in _boxes(segmentation.groupings(segmentation.pieces(row)))


def test_broken_strokes_that_stand_over_each_other_may_be_one_digit():
    upper = [(200, 100), (200, 130)]
    lower = [(203, 160), (200, 300)]
    [row] = segmentation.find_rows(_ink([upper, lower]))
    assert segmentation.join(row).box in _boxes(segmentation.groupings(segmentation.pieces(row)))


def test_dirt_is_left_out():
    ink = _ink(placed(DIGITS[3], 150, 100, 200))
    ink[20:24, 20:24] = 255
    assert [len(row) for row in segmentation.find_rows(ink)] == [1]


def test_a_blank_page_has_no_rows():
    assert segmentation.find_rows(np.zeros((100, 100), np.uint8)) == []


def test_a_mark_holds_only_its_own_ink():
    """The tail of a neighbour that reaches into the box stays out of it."""
    ink = np.zeros((60, 80), np.uint8)
    cv2.line(ink, (10, 10), (10, 50), 255, 3)
    cv2.line(ink, (10, 50), (30, 50), 255, 3)
    cv2.line(ink, (25, 10), (60, 42), 255, 3)
    row = segmentation._connected(ink)
    assert len(row) == 2
    assert sum((mark.ink > 0).sum() for mark in row) == (ink > 0).sum()


def test_boxes_stay_on_the_page():
    ink = np.zeros((60, 80), np.uint8)
    ink[:, :20] = ink[:, 70:] = 255
    [row] = segmentation.find_rows(ink)
    assert [mark.box for mark in row] == [(0, 0, 21, 60), (69, 0, 11, 60)]


def test_a_page_of_noise_is_given_up_on_soon(rng):
    ink = np.where(rng.random((2000, 2000)) < 0.01, 255, 0).astype(np.uint8)
    assert sum(len(row) for row in segmentation.find_rows(ink)) <= segmentation.MOST_MARKS


def test_neighbours_may_be_grouped_and_far_ones_not():
    row = [_mark(0, 0, 30, 100), _mark(40, 0, 25, 100), _mark(200, 0, 30, 100)]
    found = [(g.first, g.last) for g in segmentation.groupings(segmentation.pieces(row))]
    assert found == [(0, 1), (0, 2), (1, 2), (2, 3)]


def test_a_dot_beside_a_digit_can_be_left_out_or_joined():
    digit, dot = _mark(0, 0, 50, 100), _mark(70, 40, 8, 20)
    found = {
        (g.first, g.last, g.mark.box): g.log_odds for g in segmentation.groupings(segmentation.pieces([digit, dot]))
    }
    assert found[0, 2, digit.box] == -segmentation.DROP_COST
    assert found[1, 2, dot.box] == -segmentation.ALONE_COST
    assert (0, 2, (0, 0, 78, 100)) in found


def test_marks_over_each_other_may_be_one_digit_where_the_gap_is_small():
    column = [_mark(10, 0, 40, 50), _mark(12, 55, 40, 50), _mark(10, 200, 40, 50)]
    found = {(g.first, g.last): g.log_odds for g in segmentation.stackings(column)}
    joined = segmentation.STACKED_ODDS - segmentation.GAP_COST * 5 / 50
    assert found == {(0, 1): 0, (1, 2): 0, (2, 3): 0, (0, 2): pytest.approx(joined)}


def _touching():
    """Two bars of 100 pixels, joined by a thin one: an H that may be cut."""
    ink = np.zeros((120, 120), np.uint8)
    ink[10:110, 10:30] = ink[10:110, 90:110] = 255
    ink[58:62, 30:90] = 255
    return ink


def test_a_mark_to_be_cut_falls_into_pieces_that_hold_all_its_ink():
    [row] = segmentation.find_rows(_touching())
    assert [piece.mark for piece in segmentation.pieces(row)] == row
    pieces = segmentation.pieces(row, {0})
    assert len(pieces) > 1
    assert pieces[0].seams[0] == pieces[-1].seams[1] == 0
    assert all(piece.seams[1] > 0 for piece in pieces[:-1])
    assert sum(np.count_nonzero(piece.mark.ink > segmentation.INK) for piece in pieces) == 2 * 2000 + 240


def test_pieces_may_be_joined_again_and_every_end_inside_a_mark_costs():
    [row] = segmentation.find_rows(_touching())
    pieces = segmentation.pieces(row, {0})
    found = {(g.first, g.last): g for g in segmentation.groupings(pieces)}
    whole = found[0, len(pieces)]
    assert whole.mark.box == row[0].box
    assert (whole.log_odds, whole.entire) == (0, True)
    first = found[0, 1]
    assert first.log_odds == -pieces[0].seams[1]
    assert not first.entire


def test_joined_marks_keep_their_places():
    joined = segmentation.join([_mark(10, 20, 4, 8), _mark(20, 24, 2, 10)])
    assert joined.box == (10, 20, 12, 14)
    assert joined.ink.shape == (14, 12)
    assert (joined.ink > 0).sum() == 4 * 8 + 2 * 10


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([-1, -1, -1, -3, -9], [0, 1, 2]),  # three by themselves: -3, beats -3 + -1
        ([-2, -2, -1, -1, -9], [3, 2]),  # the first two together: -2, beats -5
        ([-2, -2, -2, -9, -1], [0, 4]),  # the last two together: -3, beats -6
    ],
)
def test_the_best_path_has_the_highest_sum(scores, expected):
    mark = _mark(0, 0, 1, 1)
    places = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]
    candidates = [Grouping(first, last, mark, 0.0) for first, last in places]
    assert segmentation.best_path(candidates, scores) == expected


def test_a_thin_line_beside_a_digit_may_be_left_out_and_a_one_of_the_same_pen_not_as_easily():
    ink = np.zeros((200, 200), np.uint8)
    cv2.ellipse(ink, (60, 100), (30, 60), 0, 0, 360, 255, 16)
    thin, same = ink.copy(), ink.copy()
    cv2.line(thin, (140, 50), (140, 150), 255, 3)
    cv2.line(same, (140, 50), (140, 150), 255, 16)
    for picture, cost in ((thin, segmentation.ALONE_COST), (same, 0)):
        [row] = segmentation.find_rows(picture)
        found = {(c.first, c.last, c.mark.box): c.log_odds for c in segmentation.groupings(segmentation.pieces(row))}
        assert found[(1, 2, row[1].box)] == -cost
        assert ((0, 2, row[0].box) in found) == bool(cost)
