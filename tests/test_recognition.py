import concurrent.futures
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from drawing import DIGITS, draw, number, placed

from digit_core import Recognizer, UnreadableImageError, litert, model_store
from digit_core.recognition import Digit, Reading


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(("left", "top", "height", "pen"), [(20, 20, 120, 10), (150, 90, 200, 18), (100, 40, 320, 28)])
def test_own_digits_are_read_anywhere_with_any_pen(recognizer, digit, left, top, height, pen):
    assert recognizer.read(draw(placed(DIGITS[digit], left, top, height), pen=pen)).text == str(digit)


@pytest.mark.parametrize("text", ["2026", "31415", "10", "7788", "94"])
def test_whole_numbers_are_read(recognizer, text):
    reading = recognizer.read(draw(number(text, 30, 60, 100), width=620, height=240, pen=10))
    assert reading.text == text
    assert reading.lines == [text]


def test_rows_are_joined_by_a_slash(recognizer):
    strokes = number("12", 40, 30, 120) + number("345", 30, 230, 120)
    reading = recognizer.read(draw(strokes, pen=12))
    assert reading.text == "12/345"
    assert reading.lines == ["12", "345"]


def test_boxes_are_in_the_pictures_own_pixels(recognizer):
    picture = draw(placed(DIGITS[8], 1000, 500, 1500), width=3000, height=2600, pen=90)
    x, y, width, height = cv2.boundingRect((picture < 128).astype(np.uint8))
    [digit] = recognizer.read(picture).digits
    assert digit.box == pytest.approx((x, y, width, height), abs=6)


@pytest.mark.parametrize("shape", [(40, 9001), (9001, 40), (3, 7000)])
def test_boxes_of_long_narrow_pictures_stay_inside(recognizer, shape):
    picture = np.full(shape, 255, np.uint8)
    picture[: shape[0] // 2, : shape[1] // 2] = 0
    for digit in recognizer.read(picture).digits:
        x, y, width, height = digit.box
        assert 0 <= x < x + width <= shape[1]
        assert 0 <= y < y + height <= shape[0]


def test_a_blank_picture_reads_nothing(recognizer):
    reading = recognizer.read(np.full((300, 300), 255, np.uint8))
    assert (reading.text, reading.lines, reading.digits) == ("", [], [])


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
    """The test accuracy on each shipped card is what its LiteRT file reaches."""
    for model in model_store.list_models():
        answers = Recognizer.load(model.name).classify(mnist.test.images).argmax(1)
        assert np.mean(answers == mnist.test.labels) == pytest.approx(model.card["metrics"]["test_accuracy"], abs=2e-4)


@pytest.mark.slow
def test_mnist_enlarged_anywhere_on_a_canvas_is_read_as_before(mnist, recognizer, rng):
    """Within 0.45 points of the bare network on the untouched digits; half of what is lost looks like letters."""
    images, labels = mnist.test.images[::2], mnist.test.labels[::2]
    bare = np.mean(recognizer.classify(images).argmax(1) == labels)
    read = np.mean(
        [
            recognizer.read(_on_canvas(image, rng)).text == str(label)
            for image, label in zip(images, labels, strict=True)
        ]
    )
    assert read >= bare - 0.0045


def _on_canvas(image, rng):
    """A digit of 28x28 enlarged 3 to 9 times, dark on white, somewhere on 280x280."""
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
    """A sample of real hands, drawn at random size and place with several pens."""
    from drawing import real_strokes

    rng = np.random.default_rng(5)
    rows = real_strokes(handwriting, name, 1000)
    right = [recognizer.read(_drawn(strokes, rng)).text == label for strokes, label in rows]
    assert np.mean(right) >= least - 0.01  # a sample of 1,000 is good to about a point


def _drawn(strokes, rng):
    size, pen = rng.uniform(140, 340), int(rng.choice((8, 14, 20, 28)))
    points = np.concatenate([np.asarray(stroke, float) for stroke in strokes])
    low, extent = points.min(0), np.ptp(points, 0).max()
    left, top = rng.uniform(pen, 400 - size - pen, 2)
    moved = [[((x - low[0]) / extent * size + left, (y - low[1]) / extent * size + top) for x, y in s] for s in strokes]
    return draw(moved, pen=pen)


def _ruled_sheet():
    page = np.full((2000, 2000), 255, np.uint8)
    page[::20] = 0
    return page


def _hatching():
    page = np.full((2000, 2000), 255, np.uint8)
    for shift in range(-1900, 1900, 40):
        cv2.line(page, (shift, 0), (shift + 2000, 2000), 0, 3)
    return page


def _coarse_noise():
    grains = (np.random.default_rng(0).random((200, 200)) < 0.3).astype(np.uint8)
    return 255 - 255 * cv2.resize(grains, (2000, 2000), interpolation=cv2.INTER_NEAREST)


def _wave():
    page = np.full((2000, 2000), 255, np.uint8)
    x = np.arange(0, 1990, 5)
    points = np.stack([x, 1000 + 6 * np.sin(x / 30)], 1).astype(np.int32)
    cv2.polylines(page, [points.reshape(-1, 1, 2)], False, 0, 4)
    return page


@pytest.mark.parametrize("draw_page", [_ruled_sheet, _hatching, _coarse_noise, _wave])
def test_no_page_makes_the_reader_look_without_end(recognizer, draw_page, monkeypatch):
    """Counted in pictures looked at, which is what takes the time."""
    looked = []
    judged = Recognizer._judged
    monkeypatch.setattr(
        Recognizer, "_judged", lambda self, pictures: looked.append(len(pictures)) or judged(self, pictures)
    )
    recognizer.read(draw_page())
    assert sum(looked) < 9000
