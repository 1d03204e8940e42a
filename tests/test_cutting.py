"""Seams on marks that are simple enough to see where they must run."""

import itertools

import numpy as np
import pytest

from digit_core import cutting


def _two_bars(gap_ink=0):
    ink = np.zeros((96, 120), np.uint8)
    ink[:, :20] = ink[:, 100:] = 255
    ink[46:50, 20:100] = gap_ink
    return ink


def test_a_seam_between_two_bars_costs_nothing():
    [cheapest] = sorted(cutting.seams(_two_bars()), key=lambda seam: seam.cost)[:1]
    assert cheapest.cost == pytest.approx(cutting.STEP, abs=0.01)
    assert ((cheapest.columns >= 19) & (cheapest.columns <= 101)).all()
    assert cheapest.columns.shape == (96,)


def test_a_seam_through_a_bridge_costs_its_ink():
    """The bridge is 4 of 96 rows high."""
    cheapest = min(cutting.seams(_two_bars(255)), key=lambda seam: seam.cost)
    assert cheapest.cost == pytest.approx(4 / 96 + cutting.STEP, abs=0.01)


def test_a_seam_winds_between_bars_that_lean_over_each_other():
    ink = np.zeros((96, 140), np.uint8)
    for row in range(96):
        left = 50 - row // 2
        ink[row, left : left + 20] = ink[row, left + 60 : left + 80] = 255
    between = min(cutting.seams(ink), key=lambda seam: abs(seam.columns.mean() - 66))
    assert between.cost < 0.05
    assert between.columns[0] - between.columns[-1] >= 7


def test_nothing_narrow_and_nothing_solid_is_cut():
    assert cutting.seams(np.full((100, 20), 255, np.uint8)) == []
    assert cutting.seams(np.full((100, 200), 255, np.uint8)) == []


def test_seams_keep_their_distance_and_their_order():
    seams = cutting.seams(np.zeros((100, 400), np.uint8))
    centres = [seam.columns.mean() for seam in seams]
    assert len(seams) > 5
    assert (np.diff(centres) > 100 * cutting.APART - 2).all()


def test_the_parts_between_seams_make_up_the_whole():
    ink = np.random.default_rng(0).integers(0, 256, (90, 200), dtype=np.uint8) // 8
    ends = [None, *cutting.seams(ink), None]
    parts = [cutting.cut(ink, left, right) for left, right in itertools.pairwise(ends)]
    assert len(parts) > 2
    np.testing.assert_array_equal(sum(part.astype(int) for part in parts), ink)
