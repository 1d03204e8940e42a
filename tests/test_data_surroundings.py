"""Lines drawn around synthetic marks leave the marks unchanged and never look like a 1."""

import cv2
import numpy as np
import pytest

from digit_core.data import surroundings, synthetic_lines
from digit_core.data.surroundings import Extent

MARKS = [Extent(100, 100, 140, 160), Extent(150, 98, 190, 162), Extent(220, 102, 250, 158)]


@pytest.mark.parametrize("seed", range(40))
def test_ink_is_added_and_none_taken_away(seed):
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 255, (260, 360), dtype=np.uint8)
    page = before.copy()
    surroundings.draw(page, MARKS, 60, rng)
    assert (page >= before).all()
    assert (page > before).any()


@pytest.mark.parametrize("seed", range(40))
def test_no_upright_stands_alone(seed):
    page = np.zeros((300, 400), np.uint8)
    surroundings.draw(page, MARKS, 60, np.random.default_rng(seed))
    _, _, stats, _ = cv2.connectedComponentsWithStats((page > 40).astype(np.uint8))
    widths = stats[1:, cv2.CC_STAT_WIDTH]
    assert len(widths)
    assert widths.min() > 100  # the marks span 150 pixels


def test_they_go_round_one_mark_too():
    for seed in range(40):
        page = np.zeros((300, 400), np.uint8)
        surroundings.draw(page, MARKS[:1], 60, np.random.default_rng(seed))
        assert page.any()


def test_made_up_lines_have_them(monkeypatch):
    from test_data_synthetic_lines import lines

    drawn = []
    monkeypatch.setattr(surroundings, "draw", lambda page, marks, height, rng: drawn.append(len(marks)))
    source = lines(1)
    labels = [source.line()[1] for _ in range(300)]
    assert 15 < len(drawn) < 300 * 2 * synthetic_lines.SURROUNDED
    assert max(drawn) > 1
    assert max(map(len, labels)) <= 8
