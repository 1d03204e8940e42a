import concurrent.futures
import json
import re
import subprocess
import sys
import time

import cv2
import doodles
import hostile
import numpy as np
import pytest
from drawing import DIGITS, draw, number, placed

from digit_core import Recognizer, UnreadableImageError
from digit_core.models import litert
from digit_core.models import store as model_store
from digit_core.reading.result import Digit, Reading


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(("left", "top", "height", "pen"), [(20, 20, 120, 10), (150, 90, 200, 18), (100, 40, 320, 28)])
def test_own_digits_are_read_anywhere_with_any_pen(recognizer, digit, left, top, height, pen):
    assert recognizer.read(draw(placed(DIGITS[digit], left, top, height), pen=pen)).text == str(digit)


@pytest.mark.parametrize("text", ["2026", "31415", "10", "7788", "94"])
def test_whole_numbers_are_read(recognizer, text):
    reading = recognizer.read(draw(number(text, 30, 60, 100), width=620, height=240, pen=10))
    assert reading.text == text
    assert reading.lines == [text]


@pytest.mark.parametrize("rule", [1, 2, 4])
def test_digits_in_boxes_on_even_paper_are_read_as_without_them(recognizer, rule):
    """A scanned form: black ink and boxes on uniform paper, as in a drawing."""
    text, side = "06112059", 90
    strokes = [s for place, digit in enumerate(text) for s in placed(DIGITS[int(digit)], 40 + place * side, 42, 46)]
    picture = draw(strokes, 2 * 15 + side * len(text), 130, pen=4)
    for place in range(len(text)):
        corner = 15 + place * side
        cv2.rectangle(picture, (corner, 15), (corner + side, 115), 20, rule)
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert recognizer.read(np.where(small > 150, 255, 0).astype(np.uint8)).text == text


def test_rows_are_joined_by_a_slash(recognizer):
    strokes = number("12", 40, 30, 120) + number("345", 30, 230, 120)
    reading = recognizer.read(draw(strokes, pen=12))
    assert reading.text == "12/345"
    assert reading.lines == ["12", "345"]


def test_boxes_are_in_the_pictures_own_pixels(recognizer):
    picture = draw(placed(DIGITS[8], 1000, 500, 1500), width=3000, height=2600, pen=90)
    x, y, width, height = cv2.boundingRect((picture < 128).astype(np.uint8))
    [digit] = recognizer.read(picture).digits
    assert digit.box == pytest.approx((x, y, width, height), abs=0.08 * height)


@pytest.mark.parametrize("shape", [(40, 9001), (9001, 40), (3, 7000)])
def test_boxes_of_long_narrow_pictures_stay_inside(recognizer, shape):
    picture = np.full(shape, 255, np.uint8)
    picture[: shape[0] // 2, : shape[1] // 2] = 0
    for digit in recognizer.read(picture).digits:
        x, y, width, height = digit.box
        assert 0 <= x < x + width <= shape[1]
        assert 0 <= y < y + height <= shape[0]


def test_probabilities_are_ten_that_sum_to_one(recognizer):
    [digit] = recognizer.read(draw(placed(DIGITS[2], 100, 100, 200))).digits
    assert digit.probabilities.shape == (10,)
    assert digit.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert digit.confidence == digit.probabilities[digit.value]
    assert digit.image.shape == (28, 28)
    assert digit.image.dtype == np.uint8


def test_a_mark_that_is_not_trusted_reads_as_a_question_mark():
    mark = {"box": (0, 0, 1, 1), "probabilities": np.zeros(10), "image": None, "ink": None}
    seven, unknown = Digit(7, 0.99, True, **mark), Digit(3, 0.2, False, **mark)
    assert (seven.text, unknown.text) == ("7", "?")
    assert Reading(["7?", "7"], [seven, unknown, seven], np.zeros((1, 1))).text == "7?/7"


@pytest.mark.parametrize("name", ["lenet5", "resnet"])
def test_another_model_reads_digits_and_what_is_none_is_refused_as_ever(recognizer, name):
    other = Recognizer.load(name)
    for digit in range(10):
        assert other.read(draw(placed(DIGITS[digit], 100, 80, 220))).text == str(digit)
    drawings = [picture for _, picture in doodles.all_doodles()[::4]]
    refused = [[not re.search(r"\d", reader.read(p).text) for p in drawings] for reader in (recognizer, other)]
    assert abs(sum(refused[0]) - sum(refused[1])) <= 0.04 * len(drawings)


def test_what_is_no_picture_is_refused(recognizer):
    with pytest.raises(UnreadableImageError):
        recognizer.read(np.zeros((10, 10), np.float64))


def test_many_threads_get_the_answers_that_one_gets(recognizer, rng):
    pictures = [draw(number("".join(map(str, rng.integers(0, 10, 3))), 20, 60, 100), pen=12) for _ in range(40)]
    alone = [recognizer.read(picture).text for picture in pictures]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda picture: recognizer.read(picture).text, pictures * 4))
    assert together == alone * 4


def test_a_batch_larger_than_the_largest_is_read_in_pieces(recognizer, monkeypatch, rng):
    digits = rng.integers(0, 256, (13, 28, 28), np.uint8)
    whole = recognizer.classify(digits)
    monkeypatch.setattr(litert, "LARGEST_BATCH", 4)
    np.testing.assert_allclose(recognizer.classify(digits), whole, atol=1e-5)
    assert recognizer.classify(digits[:0]).shape == (0, 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inkling", "simple_cnn", "lenet5"])
def test_the_litert_file_is_the_keras_model(name, rng):
    import keras

    model = keras.models.load_model(model_store.find(name).folder / "model.keras")
    digits = rng.integers(0, 256, (50, 28, 28), np.uint8)
    expected = model.predict(digits[..., np.newaxis].astype(np.float32) / 255, verbose=0)
    np.testing.assert_allclose(Recognizer.load(name).classify(digits), expected, atol=1e-5)


@pytest.mark.slow
def test_cards_tell_the_truth(mnist):
    """The default model reaches the test accuracy on its card; the others nearly do, on every fifth digit."""
    for model in model_store.list_models():
        step, off = (1, 6e-6) if model.name == model_store.DEFAULT_MODEL else (5, 4e-3)
        answers = Recognizer.load(model.name).classify(mnist.test.images[::step]).argmax(1)
        reached = np.mean(answers == mnist.test.labels[::step])
        assert reached == pytest.approx(model.card["metrics"]["test_accuracy"], abs=off)


@pytest.mark.slow
def test_mnist_enlarged_anywhere_on_a_canvas_is_read_as_before(mnist, recognizer, rng):
    """Within 2 percentage points of the bare network on the original digits; most of the loss is rejections."""
    images, labels = mnist.test.images[::20], mnist.test.labels[::20]
    bare = np.mean(recognizer.classify(images).argmax(1) == labels)
    read = np.mean(
        [
            recognizer.read(_on_canvas(image, rng)).text == str(label)
            for image, label in zip(images, labels, strict=True)
        ]
    )
    assert read >= bare - 0.02


def _on_canvas(image, rng):
    """A 28x28 digit enlarged 3 to 9 times, dark on white, at a random position on a 280x280 canvas."""
    side = int(rng.integers(3 * 28, 9 * 28))
    left, top = rng.integers(0, 280 - side, 2)
    canvas = np.zeros((280, 280), np.uint8)
    canvas[top : top + side, left : left + side] = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    return 255 - canvas


@pytest.mark.slow
def test_reading_never_loads_tensorflow():
    program = (
        "import sys, json, numpy as np; from digit_core import Recognizer;"
        "Recognizer.load().read(np.zeros((40, 40), np.uint8));"
        "print(json.dumps([m for m in ('tensorflow', 'keras', 'streamlit', 'sklearn') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("unipen", 0.97), ("pendigits", 0.94)])
def test_real_pen_strokes_are_read(handwriting, recognizer, name, least):
    """Real handwriting, drawn at random sizes and positions with several pen widths."""
    from drawing import real_strokes

    rng = np.random.default_rng(5)
    rows = real_strokes(handwriting, name, 400)
    right = [recognizer.read(_drawn(strokes, rng)).text == label for strokes, label in rows]
    assert np.mean(right) >= least - 0.01  # the standard error of 400 samples is about one percentage point


def _drawn(strokes, rng):
    size, pen = rng.uniform(140, 340), int(rng.choice((8, 14, 20, 28)))
    points = np.concatenate([np.asarray(stroke, float) for stroke in strokes])
    low, extent = points.min(0), np.ptp(points, 0).max()
    left, top = rng.uniform(pen, 400 - size - pen, 2)
    moved = [[((x - low[0]) / extent * size + left, (y - low[1]) / extent * size + top) for x, y in s] for s in strokes]
    return draw(moved, pen=pen)


def test_a_page_on_its_side_is_read_and_its_boxes_stand_on_the_picture(recognizer):
    upright = np.vstack([draw(number(text, 20, 40, 100), width=500, height=180, pen=10) for text in ("23745", "45287")])
    reading = recognizer.read(np.ascontiguousarray(np.rot90(upright)))
    assert reading.text == "23745/45287"
    assert reading.turned == 270
    x, y, width, height = reading.digits[0].box
    assert (np.rot90(upright)[y : y + height, x : x + width] < 128).any()
    assert y > upright.shape[1] / 2  # the first digit was on the left, which is now the bottom


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_sheet_says_nothing(recognizer, level):
    reading = recognizer.read(np.full((300, 400), level, np.uint8))
    assert reading.text == ""
    assert reading.digits == []
    assert reading.ink.shape == (300, 400)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (3, 3), (2, 2, 4), (9, 5000)])
def test_the_smallest_and_the_narrowest_pictures_are_read(recognizer, shape):
    for value in (0, 255):
        assert recognizer.read(np.full(shape, value, np.uint8)).text == ""
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert isinstance(recognizer.read(noise).text, str)


def test_most_drawings_are_no_digits(recognizer):
    refused = [not re.search(r"\d", recognizer.read(picture).text) for _, picture in doodles.all_doodles()]
    assert np.mean(refused) >= 0.95


def hostile_pictures() -> dict[str, np.ndarray]:
    rows, columns = np.mgrid[:2000, :2000]
    rng = np.random.default_rng(0)
    eights = np.full((2000, 2000), 255, np.uint8)
    for y in range(10, 2000, 48):
        for x in range(10, 2000, 36):
            cv2.putText(eights, "8", (x, y + 36), 0, 1.4, 0, 3, cv2.LINE_AA)
    return {
        "diagonals": np.where((rows + columns) % 5 == 0, 0, 255).astype(np.uint8),
        "noise": rng.integers(0, 256, (5000, 5000)).astype(np.uint8),
        "digits without end": eights,
    }


MOST_COST = 20  # ordinary pages, of about 0.1 s each (see docs/results.md)


@pytest.fixture(scope="module")
def page_cost(recognizer) -> float:
    """Seconds of processor time for an ordinary page of 30 digits and 12 megapixels."""
    rows = [number("2817354609", 60, y, 60) for y in (100, 250, 400)]
    page = draw([stroke for row in rows for stroke in row], width=800, height=600, pen=8)
    page = cv2.resize(page, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    return min(_cost(recognizer, page) for _ in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["diagonals", "noise", "digits without end"])
def test_a_hostile_picture_costs_little(recognizer, page_cost, name):
    assert _cost(recognizer, hostile_pictures()[name]) < MOST_COST * page_cost


@pytest.mark.slow
def test_a_picture_made_to_cost_much_costs_little(recognizer, page_cost):
    ratios = {name: _cost(recognizer, picture) / page_cost for name, picture in hostile.scenes()}
    assert max(ratios.values()) < MOST_COST, ratios


def _cost(recognizer, picture: np.ndarray) -> float:
    """Seconds of processor time of a reading."""
    before = time.process_time()
    recognizer.read(picture)
    return time.process_time() - before


@pytest.mark.slow
@pytest.mark.parametrize("word", ["hello", "Hello", "solo", "tool", "Olli", "world"])
def test_a_word_does_not_become_a_number(recognizer, word):
    for font in (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX):
        picture = np.full((220, 900), 255, np.uint8)
        cv2.putText(picture, word, (30, 140), font, 3.5, 0, 9, cv2.LINE_AA)
        assert not re.search(r"\d", recognizer.read(picture).text)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["room 12", "x 10", "A4"])
def test_digits_beside_a_word_are_read(recognizer, text):
    picture = np.full((220, 900), 255, np.uint8)
    cv2.putText(picture, text, (30, 140), cv2.FONT_HERSHEY_SIMPLEX, 3.5, 0, 9, cv2.LINE_AA)
    assert re.sub(r"\D", "", recognizer.read(picture).text) == re.sub(r"\D", "", text)


def test_a_model_that_was_taught_reads_as_the_one_it_was_taught_from(tmp_path, monkeypatch, recognizer):
    """With the weights of page, mark and classifier that were fitted with that one."""
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    about = {"from": "inkling", "corrections": 9, "kept_apart": 0, "base": "builtin"}
    figures = dict.fromkeys(("own_before", "own_after", "base_before", "base_after"), 0.9)
    model_store.copy(model_store.find("inkling"), "twin", taught={**about, **figures})
    twin = Recognizer.load("twin")
    for value in range(10):
        picture = draw(placed(DIGITS[value], 100, 60, 250))
        ours, theirs = recognizer.read(picture).digits[0], twin.read(picture).digits[0]
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-6)
