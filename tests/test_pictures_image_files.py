import os
import struct

import numpy as np
import pictures
import pytest
from PIL import Image

from digit_core import UnreadableImageError
from digit_core.pictures import image_files


@pytest.mark.parametrize("name", pictures.readable())
def test_a_picture_in_any_form_reads_the_same(name, recognizer):
    assert recognizer.read(image_files.decode(pictures.readable()[name])).text == "7"


@pytest.mark.parametrize("name", pictures.broken())
def test_a_file_that_is_no_picture_gets_a_sentence(name):
    with pytest.raises(UnreadableImageError) as error:
        image_files.decode(pictures.broken()[name])
    assert str(error.value).endswith(".")
    assert "Error" not in str(error.value)


def test_size_is_read_before_anything_is_decoded():
    with pytest.raises(UnreadableImageError, match="25 megapixels"):
        image_files.decode(pictures.png(np.zeros((5001, 5000), np.uint8)))


def test_a_missing_file_a_folder_and_a_pipe_get_a_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("missing.png", ".", "pipe.png"):
        with pytest.raises(UnreadableImageError):
            image_files.read_file(tmp_path / name)


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
        image_files.check(array)


def test_white_ink_on_transparency_is_laid_on_black():
    picture = np.zeros((20, 20, 4), np.uint8)
    picture[5:15, 9:11] = 255
    assert image_files.on_paper(picture)[10, 10].tolist() == [255, 255, 255]
    assert image_files.on_paper(picture)[0, 0].tolist() == [0, 0, 0]


def test_half_transparent_ink_is_mixed_with_white():
    picture = np.zeros((1, 1, 4), np.uint8)
    picture[..., 3] = 51  # one fifth opaque
    assert image_files.on_paper(picture)[0, 0].tolist() == [204, 204, 204]


def test_deep_grey_is_stretched_from_its_own_darkest_to_its_brightest():
    deep = Image.fromarray(np.array([[1000, 3000], [5000, 2000]], np.uint16))
    assert image_files.decode(pictures.encoded(deep, "PNG")).tolist() == [[0, 127], [255, 63]]


def test_large_pictures_are_reduced():
    assert image_files.working_size(np.zeros((1000, 4000), np.uint8)).shape == (500, 2000)
    assert image_files.working_size(np.zeros((30, 40), np.uint8)).shape == (30, 40)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (2, 2), (1, 300), (300, 1), (1, 1, 3), (4, 1, 4), (1, 1, 4)])
@pytest.mark.parametrize("fill", [0, 255])
def test_the_smallest_pictures_are_read(shape, fill, recognizer):
    assert recognizer.read(np.full(shape, fill, np.uint8)).text == ""


def test_faint_differences_of_deep_grey_are_not_blown_up():
    blank = np.full((60, 60), 65_000, np.uint16)
    blank[30, 30] -= 10
    picture = image_files.decode(pictures.encoded(Image.fromarray(blank), "PNG"))
    assert np.ptp(picture) <= 10


def test_a_pixel_without_a_number_harms_nothing():
    picture = pictures.SEVEN.astype(np.float32) / 255
    picture[3, 3], picture[4, 4] = np.inf, np.nan
    whole = image_files.decode(pictures.encoded(Image.fromarray(pictures.SEVEN.astype(np.float32) / 255), "TIFF"))
    odd = image_files.decode(pictures.encoded(Image.fromarray(picture), "TIFF"))
    assert (whole != odd).sum() <= 2


def test_a_transparent_grey_is_paper():
    """Grey level 8 on level 0, with 0 declared transparent, becomes dark ink on white."""
    grey = Image.fromarray(np.where(pictures.SEVEN < 128, 8, 0).astype(np.uint8))
    picture = image_files.decode(pictures.encoded(grey, "PNG", transparency=0))
    assert ((picture.min(-1) < 128) == (pictures.SEVEN < 128)).all()


def tiff_with_text_as_tile_size() -> bytes:
    """A TIFF of four grey pixels whose tags 322 and 323 hold text instead of numbers."""
    short, text = 3, 2
    tags = [(256, short, 2), (257, short, 2), (258, short, 8), (259, short, 1), (262, short, 1), (273, short, 8)]
    tags += [(278, short, 2), (279, short, 4), (322, text, b"big\0"), (323, text, b"big\0")]
    entries = b"".join(
        struct.pack("<HHI", tag, kind, 4 if kind == text else 1) + (value if kind == text else struct.pack("<I", value))
        for tag, kind, value in tags
    )
    return b"II*\0" + struct.pack("<I", 12) + bytes(4) + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_a_tiff_whose_tile_size_is_text_gets_a_sentence():
    with pytest.raises(image_files.UnreadableImageError, match="damaged"):
        image_files.decode(tiff_with_text_as_tile_size())


def test_an_ordinary_png_of_many_megabytes_is_read(rng):
    noise = rng.integers(0, 256, (1800, 1800, 3)).astype(np.uint8)
    content = pictures.encoded(Image.fromarray(noise), "PNG")
    assert content.count(image_files.JPEG_SCAN) > image_files.MOST_JPEG_SCANS
    assert image_files.decode(content).shape == noise.shape


def test_a_picture_larger_than_its_header_says_is_refused(monkeypatch):
    content = pictures.encoded(Image.fromarray(pictures.SEVEN), "PNG")
    load = Image.Image.load

    def grow(image):
        image._size = (30_000, 30_000)
        return load

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", grow)
    with pytest.raises(image_files.UnreadableImageError, match="30000 x 30000"):
        image_files.decode(content)


def test_lists_and_pillow_images_are_read_as_arrays_are(recognizer):
    text = recognizer.read(pictures.SEVEN).text
    assert recognizer.read(Image.fromarray(pictures.SEVEN)).text == text
    with pytest.raises(image_files.UnreadableImageError, match="uint8"):
        recognizer.read(pictures.SEVEN.tolist())
    with pytest.raises(image_files.UnreadableImageError):
        recognizer.read([[1, 2], [3]])


def test_deep_grey_of_many_rows_is_stretched_as_one():
    deep = np.arange(600, dtype=np.uint16)[:, np.newaxis].repeat(4, 1) * 100
    found = image_files.decode(pictures.encoded(Image.fromarray(deep), "TIFF"))
    np.testing.assert_allclose(found[:, 0], np.arange(600) * 255 / 599, atol=1)


def test_bytes_that_look_like_scans_cost_an_ordinary_tiff_nothing():
    noise = np.frombuffer((image_files.JPEG_SCAN * 20_000), np.uint8).reshape(200, 200)
    np.testing.assert_array_equal(image_files.decode(pictures.encoded(Image.fromarray(noise), "TIFF")), noise)


def test_scans_over_many_pixels_are_refused_before_they_are_decoded(monkeypatch):
    content = pictures.encoded(Image.fromarray(pictures.SEVEN), "JPEG", progressive=True)
    assert content.count(image_files.JPEG_SCAN) > 3
    image_files.decode(content)
    monkeypatch.setattr(image_files, "MOST_SCANNED", 3 * pictures.SEVEN.size)
    with pytest.raises(UnreadableImageError, match="takes too long"):
        image_files.decode(content)
