"""Any picture -> safe, upright, and reduced to its ink. Knows no digit and no model.

A *picture* is `uint8`: grey `(height, width)`, RGB `(height, width, 3)` or RGBA
`(height, width, 4)`, of any polarity. *Ink* is `uint8 (height, width)`, bright
on 0. Files come from strangers: their size is read from the header before
anything is decoded, and whatever goes wrong inside a decoder comes out as an
`UnreadableImageError` with a sentence for people.
"""

import io
import threading
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from digit_core import ruling

try:
    import pillow_heif
except ImportError:  # optional: without it, HEIC gets a sentence of its own
    pillow_heif = None
else:
    pillow_heif.register_heif_opener()

warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the cap below is lower than Pillow's
MAX_PIXELS = 25_000_000
MAX_BYTES = 50_000_000
WORKING_SIDE = 2000  # pixels; a longer side is reduced to this before ink is looked for
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "HEIF")
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".avif", ".heic", ".heif",
)  # fmt: skip

JPEG_SCAN = b"\xff\xda"  # a progressive JPEG goes over all its pixels once a scan
MOST_JPEG_SCANS = 100  # cameras and editors write up to about ten, and one for each embedded preview
TEXT_PNM = (b"P1", b"P2", b"P3")  # Pillow reads these byte by byte
TILE_WIDTH, TILE_LENGTH = 322, 323  # TIFF tags
_decoding = threading.Semaphore(2)  # large pictures decoded at the same time: bounds memory

LEAST_CONTRAST = 24  # grey levels between ink and paper; less is a blank sheet
SOFT_EDGE = np.ones((3, 3), np.uint8)  # a stroke's edge is a pixel wide
PAPER_SPREAD = 12  # grey levels within which paper counts as evenly lit
UNEVEN = 0.03  # share of the picture that may be darker all the same
LEAST_SHEET, MOST_SHEET = 0.2, 0.95  # share of the picture that a sheet of paper covers if it lies on something
SQUARE = 0.95  # share of its hull that a sheet fills
SOLID = 0.7  # share of its box that a strip of desk fills
SMALL_SIDE = 256  # pixels of a side at which light and shadow are looked at
ALONG_SIDE = 0.5  # share of a side of the picture along which there is no ink, but a desk


class UnreadableImageError(ValueError):
    """A picture that cannot be read; the text says why, in words for people."""


def read_file(path: Path) -> np.ndarray:
    """Decode a picture file; see `decode`.

    Raises:
        UnreadableImageError: it is not there, too large, or not a picture.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableImageError(f"This file is larger than {MAX_BYTES // 1_000_000} MB.")
        if not path.is_file():  # a pipe or a device would keep us waiting for ever
            raise UnreadableImageError("This is not a file.")
        return decode(path.read_bytes())
    except OSError as error:
        raise UnreadableImageError(f"This file cannot be opened: {error.strerror}.") from error


def decode(content: bytes) -> np.ndarray:
    """A picture file's bytes -> grey `(height, width)` or RGB `(height, width, 3)`, uint8, upright.

    Transparency is laid on white (on black if white hides the drawing), 16 bits are
    stretched to 8, of an animation the first frame is taken, EXIF's rotation is applied.

    Raises:
        UnreadableImageError: empty, damaged, over 25 megapixels, or in no known format.
    """
    image = _open(content)
    _check_cost(image, content)
    try:
        with _decoding:
            return _to_array(ImageOps.exif_transpose(image))
    except Exception as error:  # decoders of hostile files raise whatever they like
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
    """Refuse what would take much memory or time to decode, as far as the header and the markers tell."""
    width, height = image.size
    tags = getattr(image, "tag_v2", {})  # of a TIFF, which may hide a huge tile behind a small size
    if max(width * height, tags.get(TILE_WIDTH, 0) * tags.get(TILE_LENGTH, 0)) > MAX_PIXELS:
        raise UnreadableImageError(
            f"This picture has {width} x {height} pixels or more; the most that can be read is "
            f"{MAX_PIXELS // 1_000_000} megapixels. Please make it smaller."
        )
    if content.count(JPEG_SCAN) > MOST_JPEG_SCANS or content[:2] in TEXT_PNM:
        raise UnreadableImageError(
            "This picture is stored in a form that takes too long to read. Please save it as PNG."
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
        return _stretch(np.asarray(image).astype(np.float32))
    if image.has_transparency_data:
        return on_paper(np.asarray(image.convert("RGBA")))
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    return np.asarray(image.convert("RGB"))


def _stretch(values: np.ndarray) -> np.ndarray:
    """Deep grey values (16 bits, float) -> uint8, from their own darkest to their brightest.

    A sheet that is nearly of one grey stays so: its faint differences are not blown up.
    """
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    span = max(high - low, max(abs(low), abs(high)) * LEAST_CONTRAST / 255, 1e-6)
    return np.nan_to_num((values - low) * (255 / span)).clip(0, 255).astype(np.uint8)


def check(picture: np.ndarray) -> np.ndarray:
    """Give the array back if it is a picture as this module means it.

    Raises:
        UnreadableImageError: wrong dtype or shape, no pixels, or too many.
    """
    picture = np.asarray(picture)
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
    """Lay a picture's transparency on white: RGBA -> RGB, all else as it is.

    White ink on nothing would vanish there; if white hides the drawing, black is laid under it.
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
    for top in range(0, len(picture), 256):  # in strips: 16 bits a value for all at once would be much memory
        strip = picture[top : top + 256].astype(np.uint16)
        alpha = strip[..., 3:]
        mixed[top : top + 256] = (strip[..., :3] * alpha + paper * (255 - alpha) + 127) // 255
    return mixed


def working_size(picture: np.ndarray) -> np.ndarray:
    """The picture, reduced to 2,000 pixels a side at most."""
    height, width = picture.shape[:2]
    scale = max(height, width) / WORKING_SIDE
    if scale <= 1:
        return picture
    size = max(round(width / scale), 1), max(round(height / scale), 1)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def extract_ink(picture: np.ndarray) -> np.ndarray:
    """The ink of a picture, uint8 (height, width), same size, 0 where there is paper.

    Whether ink is dark on light or light on dark is found out; paper that is unevenly lit is flattened,
    what lies round the paper and ruled lines are taken out; the soft edges of strokes stay soft.
    A blank sheet gives all 0.
    """
    return ruling.without_lines(_clean(_contrast(picture)))


def steps(picture: np.ndarray) -> dict[str, np.ndarray]:
    """The stages of `extract_ink` by what they are called, each uint8 (height, width), the ink last."""
    contrast = _contrast(picture)
    ink = _clean(contrast)
    found = {"Evenly lit": cv2.bitwise_not(contrast), "Ink": ink}
    without = ruling.without_lines(ink)
    return found if np.array_equal(ink, without) else {**found, "Without ruled lines": without}


def _contrast(picture: np.ndarray) -> np.ndarray:
    """How much darker than the paper (or lighter, where ink is light) each pixel is, uint8 (height, width)."""
    picture = on_paper(check(picture))
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    grey = _within_sheet(grey)
    if not ink_is_dark(grey):
        grey = cv2.bitwise_not(grey)
    return _without_surroundings(cv2.subtract(estimate_paper(grey), grey))


def ink_is_dark(grey: np.ndarray) -> bool:
    """Whether the picture shows dark ink on lighter paper: paper fills most of the frame's edge.

    Where the edge is of two minds, or quite unlike the one grey that fills most of the picture (a desk
    beside or round a page), paper is what fills most of the picture.
    """
    edge = _edge(grey)
    paper = int(np.median(edge))
    commonest, share = _commonest(grey)
    if share > 0.5 and abs(paper - commonest) > 2 * PAPER_SPREAD:
        paper = commonest
    elif np.mean(np.abs(edge.astype(np.int16) - paper) <= 2 * PAPER_SPREAD) < 0.7:
        paper = int(np.searchsorted(np.cumsum(_histogram(grey)), grey.size / 2))  # the median
    darkest, brightest, _, _ = cv2.minMaxLoc(grey)
    return paper - darkest >= brightest - paper


def estimate_paper(grey: np.ndarray) -> np.ndarray:
    """Brightness of the paper behind dark ink, uint8 (height, width).

    Paper is what is left when everything narrower than a quarter of the picture is closed over (grey-scale
    closing). That keeps the edges of shadows sharp; about them the darker side counts, so that no edge is
    taken for ink. Evenly lit paper is one grey.
    """
    height, width = grey.shape
    level, share = _commonest(grey)
    exactly = _histogram(grey).max() / grey.size  # of one grey
    lit_evenly = np.abs(_edge(grey).astype(np.int16) - level).max() <= PAPER_SPREAD
    if lit_evenly or (share > 0.25 and exactly > 0.8 * share):  # no camera sees paper so even: it is drawn
        return np.full_like(grey, level)
    small = cv2.medianBlur(_small(grey), 5)
    reach = max(small.shape) // 4 | 1
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    uneven = np.abs(closed.astype(np.int16) - level) > PAPER_SPREAD
    if np.mean(_reaching_edge(uneven)) <= UNEVEN:  # what does not reach the edge is a blot of ink
        return np.full_like(grey, level)
    around = cv2.copyMakeBorder(small, *[reach] * 4, cv2.BORDER_REPLICATE)  # shadows go on beyond the edge
    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    closed = cv2.morphologyEx(around, cv2.MORPH_CLOSE, round_)[reach:-reach, reach:-reach]
    smooth = cv2.erode(cv2.medianBlur(closed, reach // 4 | 1), SOFT_EDGE)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)


def _within_sheet(grey: np.ndarray) -> np.ndarray:
    """The picture, and where it shows a whole sheet on something darker, that painted over with the sheet's grey."""
    if float(grey.max()) - np.median(_edge(grey)) < LEAST_CONTRAST:  # there is nothing brighter than what is around
        return grey
    small = _small(grey)
    _, bright = cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)
    if _edge(bright).any() or not LEAST_SHEET < np.mean(bright > 0) < MOST_SHEET:
        return grey
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    sheet = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(sheet)
    corners = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, True), True)
    if len(corners) != 4 or cv2.contourArea(sheet) < max(SQUARE * cv2.contourArea(hull), LEAST_SHEET * small.size):
        return grey
    mask = cv2.fillPoly(np.zeros_like(small), [sheet], 255)
    mask = cv2.erode(mask, np.ones((5, 5), np.uint8), borderValue=0)
    level, share = _commonest(small[mask > 0])
    if share <= 0.5 or bright[mask > 0].all():  # nothing is on it
        return grey
    return np.where(cv2.resize(mask, grey.shape[::-1], interpolation=cv2.INTER_NEAREST), grey, np.uint8(level))


def _without_surroundings(contrast: np.ndarray) -> np.ndarray:
    """The contrast to paper without what lies round the paper: dark all along half of one of the picture's sides."""
    if not any(np.mean(side >= LEAST_CONTRAST) > ALONG_SIDE for side in _sides(contrast)):
        return contrast
    small = _small(contrast)
    threshold, _ = cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)
    dark = (small > max(threshold, LEAST_CONTRAST)).astype(np.uint8)
    _, marks = cv2.connectedComponents(dark, connectivity=8)
    touching = {m for side in _sides(marks) for m in np.unique(side[side > 0])}
    around = [m for m in touching if _lies_around(marks == m, int(dark.sum()))]
    mask = cv2.dilate(np.isin(marks, around).astype(np.uint8), np.ones((5, 5), np.uint8))
    return np.where(cv2.resize(mask, contrast.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8(0), contrast)


def _lies_around(mark: np.ndarray, dark: int) -> bool:
    """Whether a mark, bool (height, width), is no stroke that a narrow frame cuts: a solid strip, or round other ink.

    `dark` is the number of dark pixels of the picture.
    """
    along = sorted(float(np.mean(side)) for side in _sides(mark))
    if along[-1] <= ALONG_SIDE:
        return False
    _, _, width, height = cv2.boundingRect(mark.astype(np.uint8))
    is_strip = mark.sum() > SOLID * width * height and width * height < mark.size / 2
    return (is_strip and along[-1] > 0.9) or (along[-2] > 0.9 and dark > mark.sum())


def _small(grey: np.ndarray) -> np.ndarray:
    """Reduced to 256 pixels a side at most."""
    height, width = grey.shape
    scale = min(1.0, SMALL_SIDE / max(height, width))
    return cv2.resize(grey, (max(round(width * scale), 1), max(round(height * scale), 1)), interpolation=cv2.INTER_AREA)


def _reaching_edge(mask: np.ndarray) -> np.ndarray:
    """The parts of a mask, bool (height, width), that reach the picture's edge."""
    _, marks = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    edge = np.unique(_edge(marks))
    return np.isin(marks, edge[edge > 0])


def _sides(grey: np.ndarray) -> tuple[np.ndarray, ...]:
    return grey[0], grey[-1], grey[:, 0], grey[:, -1]


def _edge(grey: np.ndarray) -> np.ndarray:
    """The pixels of the picture's frame."""
    return np.concatenate(_sides(grey))


def _commonest(grey: np.ndarray) -> tuple[int, float]:
    """The grey round which most pixels lie, and the share of the pixels that lie within `PAPER_SPREAD` of it."""
    counts = _histogram(grey)
    level = int(np.convolve(counts, np.ones(5), "same").argmax())
    return level, counts[max(level - PAPER_SPREAD, 0) : level + PAPER_SPREAD + 1].sum() / grey.size


def _histogram(grey: np.ndarray) -> np.ndarray:
    """Number of pixels at each of the 256 grey levels."""
    return cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()


def _clean(contrast: np.ndarray) -> np.ndarray:
    """Contrast to paper, uint8 -> ink: noise to 0, full strokes to 255, edges in between."""
    ink = np.zeros_like(contrast)
    smooth = cv2.GaussianBlur(contrast, (3, 3), 0)
    threshold, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_OTSU)
    noise = 4 * _median_up_to(smooth, threshold) + 4
    strokes = np.where(smooth > max(threshold, noise, LEAST_CONTRAST / 2), np.uint8(255), np.uint8(0))
    x, y, width, height = cv2.boundingRect(cv2.dilate(strokes, SOFT_EDGE))
    if not width or contrast.max() < LEAST_CONTRAST:
        return ink
    window = np.s_[y : y + height, x : x + width]  # all ink is in here; paper need not be looked at
    peak = float(np.percentile(contrast[window][strokes[window] > 0], 90))
    gain = 255 / max(peak - noise, 1.0)
    stretched = cv2.addWeighted(contrast[window], gain, contrast[window], 0, -noise * gain)  # clips to 0..255
    ink[window] = cv2.bitwise_and(stretched, cv2.dilate(strokes, SOFT_EDGE)[window])
    return ink


def _median_up_to(grey: np.ndarray, limit: float) -> float:
    """The median of the pixels that are not brighter than `limit`."""
    below = np.cumsum(_histogram(grey)[: int(limit) + 1])
    return float(np.searchsorted(below, below[-1] / 2))
