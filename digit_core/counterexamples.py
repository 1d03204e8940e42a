"""What a reader meets that is no single digit: pieces, several at once, letters, scribbles, noise.

Examples for `trust`, each a picture normalised as a digit is, under one of twelve classes: the
ten digits, symbols, and pieces. Pieces come about as they do when a page is read: digits are set
beside each other, some touching, and cut and joined by `segmentation` in every way; what holds
one digit's ink is that digit, all else is not. NumPy and OpenCV only; the same generator state
gives the same examples.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from digit_core import normalization, segmentation
from digit_core.segmentation import Mark

SYMBOL = 10  # class of what is neither a digit nor part of one
CLASSES = 12
PIECES = 11  # class of what is too little or too much for one digit
RARE = 0.05  # how often whole marks are pieces, against the share of pieces among the examples
HEIGHT = 84  # pixels of a digit in a number
WHOLE = 0.82  # intersection over union from which ink is one digit's
PARTIAL = 0.65  # below this it is not
SHORT = 0.6  # height over the row's below which geometry alone tells that it is a piece
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabcdefhijkmnprtuvwxy#$%&*+=?@<>{}!"
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def digit_share(classes: np.ndarray, whole: np.ndarray | bool) -> np.ndarray:
    """The probability of being a digit, whichever, float (n,), for probabilities of the classes (n, 12).

    Args:
        whole: (n,), whether the picture is a mark that was not cut and is no wider than a digit. Such a
            mark is hardly ever pieces, and here counts as such `RARE` times as often as among the examples.
    """
    digit = classes[..., :SYMBOL].sum(-1)
    pieces = np.where(whole, RARE, 1.0) * classes[..., PIECES]
    return digit / np.maximum(digit + classes[..., SYMBOL] + pieces, 1e-9)


def numbers(
    images: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures cut out of numbers made from single digits.

    Args:
        images: digits, uint8 (n, 28, 28); `labels` (n,) tell which.
        count: numbers to make, each of two to five digits of about one pen.

    Returns:
        pictures uint8 (m, 28, 28) and their classes, 0..9 or `PIECES`, uint8 (m,).
    """
    by_pen = np.argsort([pen(image) for image in images], kind="stable")
    pictures, classes = [], []
    for _ in range(count):
        start = rng.integers(max(len(images) - 400, 0) + 1)
        some = rng.choice(by_pen[start : start + 400], rng.integers(2, 6))
        for picture, digit in _cut_up(_beside(images[some], rng)):
            pictures.append(picture)
            classes.append(PIECES if digit is None else labels[some[digit]])
    return np.array(pictures), np.array(classes, np.uint8)


def parts(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What comes out when marks that are no digits are cut as if they were several, uint8 (m, 28, 28)."""
    pictures = []
    for image in images[images.any((1, 2))]:
        page = np.pad(_enlarged(image, HEIGHT * rng.uniform(0.85, 1.1)), 4)
        for row in segmentation.find_rows(page):
            for candidate in segmentation.groupings(segmentation.pieces(row, range(len(row)))):
                if not candidate.entire and candidate.mark.height >= SHORT * HEIGHT:
                    pictures.append(normalization.normalize(candidate.mark.ink))
    return np.array(pictures, np.uint8).reshape(-1, normalization.SIDE, normalization.SIDE)


def broken(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Digits with a stroke that a dry pen or a hasty hand left open: a thin cut through each, uint8 (n, 28, 28)."""
    places = np.mgrid[: normalization.SIDE, : normalization.SIDE].astype(np.float32)  # (2, 28, 28): y, x
    angles = rng.uniform(0, np.pi, len(images))
    offsets = rng.uniform(-7, 7, len(images))
    widths = rng.uniform(0.6, 1.3, len(images))
    from_centre = places - normalization.CENTRE
    distances = (
        np.cos(angles)[:, None, None] * from_centre[0] + np.sin(angles)[:, None, None] * from_centre[1]
    ) - offsets[:, None, None]
    kept = np.clip(np.abs(distances) - widths[:, None, None] + 0.5, 0, 1)
    return np.round(images * kept).astype(np.uint8)


def symbols(count: int, rng: np.random.Generator) -> np.ndarray:
    """Letters and signs, scribbles, and noise, uint8 (count, 28, 28); none needs data from outside."""
    draw = (_letter, _letter, _scribble, _noise)
    return np.array([normalization.normalize(draw[i % len(draw)](rng)) for i in range(count)])


def _beside(images: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Digits set beside each other: for each the number's page, uint8 (height, width), with its ink alone."""
    gap = rng.uniform(-0.14, 0.25)
    enlarged = [_enlarged(image, HEIGHT * rng.uniform(0.85, 1.1)) for image in images]
    page = (2 * HEIGHT, sum(ink.shape[1] for ink in enlarged) + len(images) * HEIGHT)
    placed, left = [], HEIGHT // 2
    for ink in enlarged:
        height, width = ink.shape
        top = int(HEIGHT // 2 + rng.uniform(-0.08, 0.08) * HEIGHT)
        own = np.zeros(page, np.uint8)
        own[top : top + height, left : left + width] = ink
        placed.append(own)
        left += max(width + round((gap + rng.normal(0, 0.04)) * HEIGHT), 4)
    return placed


def _cut_up(placed: list[np.ndarray]) -> Iterator[tuple[np.ndarray, int | None]]:
    """Every grouping that a reader would look at, and which digit it is, None for none; the doubtful are left out."""
    page = np.maximum.reduce(placed)
    for row in segmentation.find_rows(page):
        for candidate in segmentation.groupings(segmentation.pieces(row, range(len(row)))):
            if candidate.mark.height < SHORT * HEIGHT:
                continue
            likeness = [_likeness(candidate.mark, own) for own in placed]
            digit = int(np.argmax(likeness))
            if likeness[digit] >= WHOLE or likeness[digit] < PARTIAL:
                yield normalization.normalize(candidate.mark.ink), digit if likeness[digit] >= WHOLE else None


def _likeness(mark: Mark, own: np.ndarray) -> float:
    """Intersection over union of a mark's ink and a digit's."""
    window = own[mark.top : mark.bottom, mark.left : mark.right] > segmentation.INK
    ink = mark.ink > segmentation.INK
    both = np.count_nonzero(window & ink)
    return both / max(np.count_nonzero(own > segmentation.INK) + np.count_nonzero(ink) - both, 1)


def _enlarged(image: np.ndarray, height: float) -> np.ndarray:
    """A digit's ink with strokes as sharp as a pen's, its box 20 pixels high -> `height`."""
    ink = normalization.crop(image)
    scale = height / normalization.BOX
    size = max(round(ink.shape[1] * scale), 3), max(round(ink.shape[0] * scale), 3)
    large = cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC)
    return cv2.convertScaleAbs(cv2.subtract(large, 64), alpha=2.2)


def pen(image: np.ndarray) -> float:
    """Roughly the width of a digit's strokes: ink over the length of its outline."""
    solid = (image > segmentation.INK).astype(np.uint8)
    outline = cv2.countNonZero(solid) - cv2.countNonZero(cv2.erode(solid, np.ones((3, 3), np.uint8)))
    return cv2.countNonZero(solid) / max(outline, 1)


def _letter(rng: np.random.Generator) -> np.ndarray:
    """A letter or sign in one of OpenCV's stroke fonts, slanted and stretched as a hand might."""
    page = np.zeros((160, 160), np.uint8)
    letter, pen = rng.choice(list(LETTERS)), int(rng.integers(3, 18))
    cv2.putText(page, str(letter), (40, 115), int(rng.choice(FONTS)), 3, 255, pen, cv2.LINE_AA)
    slant, wide, turn = rng.uniform(-0.3, 0.3), rng.uniform(0.7, 1.3), rng.uniform(-0.15, 0.15)
    matrix = np.array([[wide, slant, 0], [turn, 1, 0]], np.float32)
    matrix[:, 2] = 80 - matrix[:, :2] @ (80, 80)
    return cv2.warpAffine(page, matrix, (160, 160))


def _scribble(rng: np.random.Generator) -> np.ndarray:
    """A pen that wanders over the page."""
    page = np.zeros((160, 160), np.uint8)
    steps = rng.normal(0, 1, (int(rng.integers(4, 40)), 2)).cumsum(0)
    low, extent = steps.min(0), np.maximum(np.ptp(steps, 0), 1e-6)
    path = 10 + 140 * (steps - low) / extent
    path = path if rng.random() < 0.5 else np.repeat(path, 2, 0)[1:] + rng.normal(0, 8, (2 * len(path) - 1, 2))
    cv2.polylines(page, [np.round(path * 16).astype(np.int32)], bool(rng.random() < 0.3), 255,
                  int(rng.integers(3, 16)), cv2.LINE_AA, 4)  # fmt: skip
    return page


def _noise(rng: np.random.Generator) -> np.ndarray:
    """Grains from fine to coarse, as of a texture or a piece of a photograph, in a frame of any shape."""
    grains = rng.random((int(rng.integers(3, 28)), int(rng.integers(3, 28))), np.float32)
    spread = cv2.resize(grains, tuple(rng.integers(40, 160, 2).tolist()), interpolation=int(rng.integers(3)))
    level = rng.uniform(0.2, 0.8)
    if rng.random() < 0.5:
        spread = (spread > level).astype(np.float32)
    return np.round(255 * spread).astype(np.uint8)
