"""Synthetic pages contain the promised marks, and their targets locate them."""

import numpy as np
import pytest

from digit_core.data import datasets, doodles, fonts, marks, words
from digit_core.data.composition import KINDS, Composer
from digit_core.data.marks import Hand, Sources
from digit_core.data.page_targets import ROWS, contrast_of, hidden_fraction, targets
from digit_core.data.photography import Camera
from digit_core.data.scenes import TILE, Scene
from digit_core.data.synthetic_pages import SyntheticPages
from digit_core.models.page_format import (
    MINUS,
    NATIVE,
    OFFSET_UNIT,
    OTHER,
    POINT,
    SIZE_UNIT,
    SLOT_WIDTH,
    STRIDE,
    slot_centres,
)
from digit_core.pictures import contrast

HAND = Hand(pen=3.0)


@pytest.fixture(scope="module")
def sources() -> Sources:
    digits = datasets.load("builtin").train
    stroke = np.array([[0, 0], [0.1, 1]], np.float32)
    strokes = [[[stroke]] * 2 if digit == 1 else [] for digit in range(10)]
    return Sources(digits.images, digits.labels, strokes, [[stroke, stroke[:, ::-1]]], fonts.load([]))


def tall(height: int, width: int = 8) -> np.ndarray:
    return np.full((height, width), 255, np.uint8)


def test_the_same_seed_makes_the_same_tiles(sources):
    [first], [second] = [[SyntheticPages(sources, seed=3).batch(6)] for _ in range(2)]
    np.testing.assert_array_equal(first[0], second[0])
    for one, other in zip(first[1], second[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first[0], SyntheticPages(sources, seed=4).batch(6)[0])


def test_inputs_are_finite_and_of_the_promised_shape(sources):
    inputs, target = SyntheticPages(sources, seed=1).batch(40)
    assert inputs.shape == (40, TILE, TILE, 1)
    assert inputs.dtype == np.float16
    assert np.isfinite(inputs).all()
    assert target.heat.shape == (40, ROWS, TILE // SLOT_WIDTH)
    assert target.label.max() <= MINUS
    assert set(np.unique(target.weight)) <= {0, 1}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_scene_holds_marks_of_its_kind(sources, kind):
    composer = Composer(sources, np.random.default_rng(5))
    labels = [mark.label for _ in range(90) for mark in composer.compose(kind).marks]
    if kind == "nothing":
        assert not labels
    elif kind == "drawings":
        assert set(labels) == {OTHER}
    elif kind == "text":
        assert labels.count(OTHER) > 0.8 * len(labels) > 0
    else:
        assert len(set(labels) & set(range(10))) == 10


def test_numbers_have_points_and_minus_signs(sources):
    composer = Composer(sources, np.random.default_rng(5))
    labels = {mark.label for _ in range(60) for mark in composer.compose("numbers").marks}
    assert {POINT, MINUS, OTHER} <= labels


def test_a_mark_is_found_at_its_centre_with_its_size():
    scene = Scene()
    scene.put(tall(32), 80, 60, 1)
    target = targets(scene)
    [[row, column]] = np.argwhere(target.heat == 1)
    y, x = slot_centres(ROWS, TILE // SLOT_WIDTH)
    assert target.label[row, column] == 1
    np.testing.assert_allclose(np.exp(target.size[:, row, column].astype(float)) * SIZE_UNIT, (8, 32), rtol=0.01)
    found = x[0, column] + target.offset[0, row, column] * OFFSET_UNIT, y[row, 0] + target.offset[1, row, column] * 8
    np.testing.assert_allclose(found, scene.marks[0].centre, atol=0.1)
    assert abs(found[0] - 80) <= 1
    assert abs(found[1] - 60) <= 1


def test_ones_that_touch_have_centres_of_their_own():
    scene = Scene()
    scene.put(tall(30, 5), 70, 60, 1)
    scene.put(tall(30, 5), 75, 60, 1)
    assert (targets(scene).heat == 1).sum() == 2


def test_all_ink_of_a_mark_points_to_its_centre():
    scene = Scene()
    scene.put(tall(32), 60, 60, 1)
    scene.put(tall(32), 90, 60, 1)
    target = targets(scene)
    _y, x = slot_centres(ROWS, TILE // SLOT_WIDTH)
    inked = target.ink.reshape(ROWS, STRIDE, -1, SLOT_WIDTH).max((1, 3)) > 0
    assert target.has_offset[inked].all()
    towards = (x + target.offset[0].astype(float) * OFFSET_UNIT)[inked]
    assert set(np.round(towards)) <= {60, 90}


@pytest.mark.parametrize(("height", "weight"), [(int(NATIVE[1]) + 8, 0), (120, 1), (5, 1)])
def test_marks_of_other_sizes_are_left_to_other_levels(height, weight):
    scene = Scene()
    scene.put(tall(height), 80, 80, 1)
    target = targets(scene)
    assert not target.heat.any()
    assert target.weight[20, 40] == weight


def test_what_is_covered_is_not_to_be_found():
    scene = Scene()
    scene.put(tall(32), 80, 60, 1)
    covered = np.zeros((TILE, TILE), bool)
    covered[:, 60:] = True
    target = targets(scene, covered)
    assert not target.heat.any()
    assert not target.ink.any()
    assert hidden_fraction(scene.marks[0], covered) == 1
    assert hidden_fraction(scene.marks[0], None) == 0


def test_a_mark_that_the_picture_hardly_shows_need_not_be_found():
    scene = Scene()
    scene.put(tall(32), 80, 60, 1)
    picture = np.where(scene.ink > 0, 100, 200).astype(np.uint8)
    assert contrast_of(scene, 0, picture) == 100
    assert (targets(scene, picture=picture).heat == 1).sum() == 1
    faint = targets(scene, picture=np.where(scene.ink > 0, 198, 200).astype(np.uint8))
    assert not faint.heat.any()
    assert faint.weight.min() == 0


def test_beyond_the_window_nothing_is_left():
    scene = Scene()
    scene.put(tall(32), 80, 60, 1)
    target = targets(scene, window=(70, 30, 100, 60))
    assert target.ink[30:60, 70:100].any()
    assert not target.ink[60:].any()


def test_masks_are_as_high_as_asked(sources):
    rng = np.random.default_rng(2)
    for make in (
        lambda: marks.digit(sources, 3, 40, HAND, rng),
        lambda: marks.digit(sources, 1, 40, HAND, rng),
        lambda: marks.other(sources, 40, HAND, rng),
    ):
        heights = [np.ptp(np.flatnonzero((make() > marks.INKED).any(1))) + 1 for _ in range(60)]
        assert 28 < np.median(heights) < 46


def test_thin_pens_leave_faint_ink_and_no_hole(sources):
    mask = marks.from_strokes([np.array([[0, 0], [0, 1]])], 30, Hand(pen=0.5), np.random.default_rng(0))
    assert 0 < mask.max() < 255
    assert (mask.max(1) > 20).sum() >= 25


@pytest.mark.parametrize("kind", doodles.KINDS, ids=lambda kind: kind.__name__)
def test_drawings_are_finite_strokes(kind):
    rng = np.random.default_rng(1)
    for _ in range(20):
        strokes = [np.asarray(stroke, float) for stroke in kind(rng)]
        assert strokes
        assert all(stroke.ndim == 2 and stroke.shape[1] == 2 and np.isfinite(stroke).all() for stroke in strokes)
        assert np.ptp(np.concatenate(strokes), 0).max() > 0


def test_without_fonts_opencvs_own_write():
    letters = [font.letter("A") for font in fonts.load([])]
    assert all(letter is not None and letter.ink.max() == 255 for letter in letters)
    assert fonts.load([])[0].letter("é") is None


def test_a_broken_font_is_passed_over(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert len(fonts.load([tmp_path / "broken.ttf"])) == len(fonts.HERSHEY)
    assert fonts.find((tmp_path,)) == [tmp_path / "broken.ttf"]


def test_a_camera_keeps_ink_visible():
    scene = Scene(pen=4)
    scene.put(tall(60, 20), 80, 80, 1)
    camera = Camera([], np.random.default_rng(0))
    seen = 0
    for _ in range(60):
        picture, covered = camera.picture(scene.copy())
        assert picture.dtype == np.uint8
        local = contrast.normalize(picture)
        seen += covered is not None or abs(local[60:100, 74:86].mean() - local[60:100, 100:112].mean()) > 0.3
    assert seen > 50


def test_words_are_english():
    assert {"the", "and"} <= set(words.WORDS)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_scene_keeps_marks_and_ink_together(turns):
    scene = Scene()
    scene.put(tall(40, 10), 50, 60, 1)
    scene.turn(turns)
    [mark] = scene.marks
    rows, columns = np.nonzero(scene.ink)
    assert (columns.min(), rows.min()) == (mark.left, mark.top)
    assert (columns.max() + 1, rows.max() + 1) == (mark.left + mark.width, mark.top + mark.height)
    assert (scene.owner[scene.ink > 0] == 1).all()


@pytest.mark.parametrize("seed", range(8))
def test_a_tilted_scene_keeps_marks_and_ink_together(seed):
    rng = np.random.default_rng(seed)
    scene = Scene()
    scene.put(tall(40, 20), 40, 60, 1)
    scene.put(tall(30, 30), 110, 100, 7)
    corners = np.array([[0, 0], [TILE, 0], [TILE, TILE], [0, TILE]])
    scene.tilt(corners + rng.uniform(-0.08, 0.08, (4, 2)) * TILE)
    for number, mark in enumerate(scene.marks, 1):
        rows, columns = np.nonzero(scene.owner == number)
        around = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        box = mark.left, mark.top, mark.left + mark.width, mark.top + mark.height
        np.testing.assert_allclose(box, around, atol=4)  # a tilted box ends at the midpoints of its sides
        assert mark.visible == pytest.approx(1)
        assert scene.ink[rows, columns].min() > 60


def test_a_scene_that_is_not_tilted_stays_as_it_is():
    scene = Scene()
    scene.put(tall(40, 20), 40, 60, 1)
    before = scene.copy()
    scene.tilt(np.array([[0, 0], [TILE, 0], [TILE, TILE], [0, TILE]]))
    assert (scene.ink == before.ink).all()
    assert (scene.owner == before.owner).all()
    [mark], [same] = scene.marks, before.marks
    for field in ("left", "top", "width", "height", "size", "visible"):
        assert getattr(mark, field) == pytest.approx(getattr(same, field), abs=1e-3)


def test_what_is_tilted_out_of_the_tile_is_seen_less():
    scene = Scene()
    scene.put(tall(40, 20), 12, 60, 1)
    scene.tilt(np.array([[-12, 0], [TILE, 0], [TILE, TILE], [-12, TILE]]))
    [mark] = scene.marks
    assert 0.3 < mark.visible < 0.7


def test_what_shows_through_is_fainter_than_the_ink_and_no_mark(sources):
    scene = Scene(pen=3.0)
    scene.put(tall(32), 40, 60, 1)
    scene.behind = np.zeros((TILE, TILE), np.uint8)
    scene.behind[40:80, 116:124] = 255
    darkness = []
    for seed in range(60):
        picture, _ = Camera([], np.random.default_rng(seed))._photograph(scene.copy())
        darkness.append([np.median(picture) - picture[50:70, x].mean() for x in (40, 120)])
    ink, behind = np.median(darkness, 0)
    assert ink > 4 * abs(behind)
    assert (targets(scene).heat == 1).sum() == 1


def test_most_sheets_have_nothing_on_the_other_side(sources):
    composer = Composer(sources, np.random.default_rng(2))
    behind = [composer.compose().behind is not None for _ in range(300)]
    assert 0.02 < np.mean(behind) < 0.2
