import os

import numpy as np
import pictures
import pytest
from drawing import DIGITS, draw, placed

from digit_core import UnreadableImageError, images


@pytest.mark.parametrize("name", pictures.readable())
def test_a_picture_in_any_form_reads_the_same(name, recognizer):
    assert recognizer.read(images.decode(pictures.readable()[name])).text == "7"


@pytest.mark.parametrize("name", pictures.broken())
def test_a_file_that_is_no_picture_gets_a_sentence(name):
    with pytest.raises(UnreadableImageError) as error:
        images.decode(pictures.broken()[name])
    assert str(error.value).endswith(".")
    assert "Error" not in str(error.value)


def test_size_is_read_before_anything_is_decoded():
    with pytest.raises(UnreadableImageError, match="25 megapixels"):
        images.decode(pictures.png(np.zeros((5001, 5000), np.uint8)))


def test_a_missing_file_a_folder_and_a_pipe_get_a_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("missing.png", ".", "pipe.png"):
        with pytest.raises(UnreadableImageError):
            images.read_file(tmp_path / name)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((28, 28), np.float32),
        np.zeros((28, 28, 2), np.uint8),
        np.zeros(784, np.uint8),
        np.zeros((0, 28), np.uint8),
        np.zeros((6000, 6000), np.uint8),
    ],
    ids=["float", "two channels", "flat", "no pixels", "too many"],
)
def test_an_array_that_is_no_picture_is_refused(array):
    with pytest.raises(UnreadableImageError):
        images.extract_ink(array)


def test_ink_is_bright_on_nothing_whatever_the_polarity():
    picture = np.full((60, 60), 200, np.uint8)
    picture[20:40, 28:32] = 40
    ink = images.extract_ink(picture)
    assert ink[30, 30] == 255
    assert not ink[:18].any()
    np.testing.assert_array_equal(ink, images.extract_ink(255 - picture))


@pytest.mark.parametrize("grey", [0, 127, 255])
def test_a_blank_sheet_has_no_ink(grey, rng):
    blank = np.full((80, 120), grey, np.uint8)
    assert not images.extract_ink(blank).any()
    noisy = np.clip(blank + rng.normal(0, 3, blank.shape), 0, 255).astype(np.uint8)
    assert not images.extract_ink(noisy).any()


def test_uneven_light_is_flattened():
    """A shadow over half of the page must not become ink, and the digit in it must stay."""
    picture = draw(placed(DIGITS[3], 140, 90, 200)).astype(np.float32)
    light = np.linspace(1.0, 0.45, 400)[np.newaxis]
    ink = images.extract_ink((picture * light).astype(np.uint8))
    assert not ink[:80].any()
    assert not ink[-80:].any()
    assert (ink > 127).sum() == pytest.approx((draw(placed(DIGITS[3], 140, 90, 200)) < 127).sum(), rel=0.15)


def test_white_ink_on_transparency_is_laid_on_black():
    picture = np.zeros((20, 20, 4), np.uint8)
    picture[5:15, 9:11] = 255
    assert images.on_paper(picture)[10, 10].tolist() == [255, 255, 255]
    assert images.on_paper(picture)[0, 0].tolist() == [0, 0, 0]


def test_half_transparent_ink_is_mixed_with_white():
    picture = np.zeros((1, 1, 4), np.uint8)
    picture[..., 3] = 51  # a fifth
    assert images.on_paper(picture)[0, 0].tolist() == [204, 204, 204]


def test_deep_grey_is_stretched_from_its_own_darkest_to_its_brightest():
    from PIL import Image

    deep = Image.fromarray(np.array([[1000, 3000], [5000, 2000]], np.uint16))
    assert images.decode(pictures.encoded(deep, "PNG")).tolist() == [[0, 127], [255, 63]]


def test_large_pictures_are_reduced():
    assert images.working_size(np.zeros((1000, 4000), np.uint8)).shape == (500, 2000)
    assert images.working_size(np.zeros((30, 40), np.uint8)).shape == (30, 40)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (2, 2), (1, 300), (300, 1), (1, 1, 3), (4, 1, 4), (1, 1, 4)])
@pytest.mark.parametrize("fill", [0, 255])
def test_the_smallest_pictures_are_read(shape, fill, recognizer):
    assert recognizer.read(np.full(shape, fill, np.uint8)).text == ""


def test_faint_differences_of_deep_grey_are_not_blown_up():
    from PIL import Image

    blank = np.full((60, 60), 65_000, np.uint16)
    blank[30, 30] -= 10
    picture = images.decode(pictures.encoded(Image.fromarray(blank), "PNG"))
    assert not images.extract_ink(picture).any()


def test_a_pixel_without_a_number_harms_nothing():
    from PIL import Image

    picture = pictures.SEVEN.astype(np.float32) / 255
    picture[3, 3], picture[4, 4] = np.inf, np.nan
    whole = images.decode(pictures.encoded(Image.fromarray(pictures.SEVEN.astype(np.float32) / 255), "TIFF"))
    odd = images.decode(pictures.encoded(Image.fromarray(picture), "TIFF"))
    assert (whole != odd).sum() <= 2


def test_a_transparent_grey_is_paper():
    """Ink of level 8 on level 0, where 0 is declared transparent, is dark on white."""
    from PIL import Image

    grey = Image.fromarray(np.where(pictures.SEVEN < 128, 8, 0).astype(np.uint8))
    picture = images.decode(pictures.encoded(grey, "PNG", transparency=0))
    assert (images.extract_ink(picture) > 127).sum() == (pictures.SEVEN < 128).sum()


def test_the_stages_end_with_the_ink():
    picture = pictures.SEVEN
    found = images.steps(picture)
    assert list(found) == ["Evenly lit", "Ink"]
    np.testing.assert_array_equal(found["Ink"], images.extract_ink(picture))
