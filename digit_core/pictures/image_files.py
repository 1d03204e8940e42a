"""Decode the bytes of any picture file to a safe, upright picture. Runs no model.

A *picture* is `uint8`: grey `(height, width)`, RGB `(height, width, 3)` or RGBA
`(height, width, 4)`, of any polarity. Files are untrusted: their size is read from the header before
anything is decoded, and every decoder failure is raised as an
`UnreadableImageError` with a message for users.
"""

import io
import threading
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

try:
    import pillow_heif
except ImportError:  # optional: without it, HEIC gets a sentence of its own
    pillow_heif = None
else:
    pillow_heif.register_heif_opener()

warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the cap below is lower than Pillow's
MAX_PIXELS = 25_000_000
MAX_BYTES = 50_000_000
WORKING_SIDE = 2000  # pixels; a longer side is reduced to this where all of them are not needed
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "HEIF")
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".avif", ".heic", ".heif",
)  # fmt: skip

JPEG_SCAN = b"\xff\xda"  # a progressive JPEG goes over all its pixels once a scan
MOST_JPEG_SCANS = 100  # cameras and editors write up to about ten, and one for each embedded preview
MOST_SCANNED = 500_000_000  # pixels of all scans together
HOLD_JPEG = ("JPEG", "MPO")  # in other formats these bytes come up by chance
COMPRESSION, OF_JPEG = 259, (6, 7)  # a TIFF's tag, and the values of those that hold a JPEG
TEXT_PNM = (b"P1", b"P2", b"P3")  # Pillow reads these byte by byte
TILE_WIDTH, TILE_LENGTH = 322, 323  # TIFF tags
_decoding = threading.Semaphore(2)  # large pictures decoded at the same time: bounds memory

STRIP = 256  # rows converted at a time, to limit memory
LEAST_CONTRAST = 24  # grey levels between ink and paper; less is a blank sheet


class UnreadableImageError(ValueError):
    """A picture cannot be read; the message tells users why."""


def read_file(path: Path) -> np.ndarray:
    """Decode a picture file; see `decode`.

    Raises:
        UnreadableImageError: it is not there, too large, or not a picture.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableImageError(f"This file is larger than {MAX_BYTES // 1_000_000} MB.")
        if not path.is_file():  # a pipe or a device could block forever
            raise UnreadableImageError("This is not a file.")
        return decode(path.read_bytes())
    except OSError as error:
        raise UnreadableImageError(f"This file cannot be opened: {error.strerror}.") from error


def decode(content: bytes) -> np.ndarray:
    """A picture file's bytes -> grey `(height, width)` or RGB `(height, width, 3)`, uint8, upright.

    Transparency is composited on white (on black if white hides the drawing), 16 bits are
    stretched to 8, only an animation's first frame is used, EXIF rotation is applied.

    Raises:
        UnreadableImageError: empty, damaged, over 25 megapixels, or in no known format.
    """
    image = _open(content)
    try:
        _check_cost(image, content)
        with _decoding:
            image.load()
            _check_pixels(*image.size)  # an AVIF's header may name a smaller picture than it holds
            ImageOps.exif_transpose(image, in_place=True)  # in place: a copy of 25 megapixels is 75 MB
            return _to_array(image)
    except UnreadableImageError:
        raise
    except Exception as error:  # hostile files and tags can raise any exception
        raise UnreadableImageError("This picture is damaged: its data cannot be decoded.") from error


def _open(content: bytes) -> Image.Image:
    """Read the header alone."""
    if not content:
        raise UnreadableImageError("This file is empty.")
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(
            f"This picture is too large: the most that can be read is {MAX_PIXELS // 1_000_000} megapixels."
        ) from error
    except Exception as error:  # as above: a header can be hostile as well
        raise UnreadableImageError(_why_unknown(content)) from error


def _check_cost(image: Image.Image, content: bytes) -> None:
    """Reject files whose header and markers show that decoding takes too much memory or time."""
    tags = getattr(image, "tag_v2", {})  # of a TIFF, which may hide a huge tile behind a small size
    _check_pixels(*image.size)
    _check_pixels(tags.get(TILE_WIDTH, 0), tags.get(TILE_LENGTH, 0))
    is_jpeg = image.format in HOLD_JPEG or tags.get(COMPRESSION) in OF_JPEG
    scans = content.count(JPEG_SCAN) if is_jpeg else 0
    has_many_scans = scans > MOST_JPEG_SCANS or scans * image.width * image.height > MOST_SCANNED
    if has_many_scans or content[:2] in TEXT_PNM:
        raise UnreadableImageError(
            "This picture is stored in a form that takes too long to read. Please save it as PNG."
        )


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(
            f"This picture has {width} x {height} pixels or more; the most that can be read is "
            f"{MAX_PIXELS // 1_000_000} megapixels. Please make it smaller."
        )


def _why_unknown(content: bytes) -> str:
    start = content[:512].lstrip().lower()
    if content[4:8] == b"ftyp" and content[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        return "This HEIC picture cannot be read here. Please save it as JPEG or PNG."
    if start.startswith((b"<svg", b"<?xml")) or b"<svg" in start:
        return "This is a vector drawing (SVG). Please save it as PNG."
    if start.startswith(b"%pdf"):
        return "This is a PDF. Please upload a picture of the page."
    return "This is not a picture that can be read. PNG, JPEG, WebP, AVIF, HEIC, GIF, BMP and TIFF can."


def _to_array(image: Image.Image) -> np.ndarray:
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return _stretch(np.asarray(image))
    if image.has_transparency_data:
        return on_paper(np.asarray(image.convert("RGBA")))
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _stretch(values: np.ndarray) -> np.ndarray:
    """Deep grey values (16 bits, float) -> uint8, from their own darkest to their brightest.

    A nearly uniform sheet stays nearly uniform: faint differences are not amplified.
    """
    strips = [values[top : top + STRIP] for top in range(0, len(values), STRIP)]
    ends = [(float(f.min()), float(f.max())) for strip in strips if (f := strip[np.isfinite(strip)]).size]
    low, high = min((low for low, _ in ends), default=0.0), max((high for _, high in ends), default=0.0)
    span = max(high - low, max(abs(low), abs(high)) * LEAST_CONTRAST / 255, 1e-6)
    out = np.empty(values.shape, np.uint8)
    for number, strip in enumerate(strips):
        scaled = (strip.astype(np.float32) - np.float32(low)) * np.float32(255 / span)
        out[number * STRIP : (number + 1) * STRIP] = np.nan_to_num(scaled).clip(0, 255)
    return out


def check(picture: np.ndarray) -> np.ndarray:
    """Return the picture as an array; accepts a Pillow image too.

    Raises:
        UnreadableImageError: wrong dtype or shape, no pixels, or too many.
    """
    try:
        picture = np.asarray(picture)
    except ValueError as error:
        raise UnreadableImageError("A picture must be an array of numbers.") from error
    shaped = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (3, 4))
    if picture.dtype != np.uint8 or not shaped:
        raise UnreadableImageError(
            "A picture must be uint8 of shape (height, width), (height, width, 3) or (height, width, 4), "
            f"not {picture.dtype} {picture.shape}."
        )
    if not 0 < picture.shape[0] * picture.shape[1] <= MAX_PIXELS:
        raise UnreadableImageError(f"A picture must have 1 to {MAX_PIXELS:,} pixels.")
    return picture


def on_paper(picture: np.ndarray) -> np.ndarray:
    """Composite a picture on white: RGBA -> RGB; others are unchanged.

    If white hides the drawing, as with white ink, black is used instead.
    """
    if picture.ndim == 2 or picture.shape[2] == 3:
        return picture
    if picture[..., 3].min() == 255:
        return cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB)
    on_white = _composite(picture, 255)
    if np.ptp(on_white) < LEAST_CONTRAST <= np.ptp(picture[..., 3]):
        return _composite(picture, 0)
    return on_white


def _composite(picture: np.ndarray, paper: int) -> np.ndarray:
    mixed = np.empty((*picture.shape[:2], 3), np.uint8)
    for top in range(0, len(picture), STRIP):
        strip = picture[top : top + STRIP].astype(np.uint16)
        alpha = strip[..., 3:]
        mixed[top : top + STRIP] = (strip[..., :3] * alpha + paper * (255 - alpha) + 127) // 255
    return mixed


def working_size(picture: np.ndarray, most: int = WORKING_SIDE) -> np.ndarray:
    """The picture, reduced to `most` pixels a side at most, by default 2,000."""
    height, width = picture.shape[:2]
    scale = max(height, width) / most
    if scale <= 1:
        return picture
    size = max(round(width / scale), 1), max(round(height / scale), 1)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
