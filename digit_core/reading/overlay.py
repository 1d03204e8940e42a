"""A picture with its reading drawn on it."""

import base64
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from digit_core.pictures import image_files
from digit_core.reading import wording
from digit_core.reading.result import Digit

SHOWN_SIDE = 1000  # pixels; larger pictures are reduced, no screen shows more
ACCEPTED = (45, 91, 208)  # blue, RGB
UNKNOWN = (213, 94, 0)  # vermilion: told apart from blue by everyone
WHITE = (255, 255, 255)


def draw_boxes(
    picture: np.ndarray, digits: Sequence[Digit], chosen: int | None = None, close_up: bool = False
) -> np.ndarray:
    """The picture with a box round every mark and what it was read as in a corner.

    Args:
        picture: uint8, grey, RGB or RGBA; the boxes of `digits` are in its pixels.
        chosen: index of the digit whose box is drawn bold, if any.
        close_up: show only the part where the marks are.

    Returns:
        RGB, uint8 (height, width, 3), at most 1,000 pixels a side.
    """
    picture = image_files.on_paper(picture)
    scale = min(1.0, SHOWN_SIDE / max(picture.shape[:2]))
    size = max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1)
    shown = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    shown = cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB) if shown.ndim == 2 else shown.copy()
    line = max(1, round(max(size) / 320))
    for index, digit in enumerate(digits):
        _draw_box(shown, digit, scale, line * 2 if index == chosen else line)
    if not close_up or not digits:
        return shown
    left, top, width, height = (round(side * scale) for side in window(picture, digits))
    return shown[top : top + max(height, 1), left : left + max(width, 1)]


def window(picture: np.ndarray, digits: Sequence[Digit]) -> tuple[int, int, int, int]:
    """The part of a picture where its marks are, and a margin for labels: left, top, width and height in pixels."""
    boxes = np.array([digit.box for digit in digits])  # (n, 4)
    margin = round(0.08 * max(picture.shape[:2]))
    left, top = np.maximum(boxes[:, :2].min(0) - margin, 0).astype(int)
    right, bottom = np.minimum((boxes[:, :2] + boxes[:, 2:]).max(0) + margin, picture.shape[1::-1]).astype(int)
    return int(left), int(top), int(right - left), int(bottom - top)


def _draw_box(shown: np.ndarray, digit: Digit, scale: float, line: int) -> None:
    colour = ACCEPTED if wording.certainty(digit) == "sure" else UNKNOWN
    x, y, width, height = (round(length * scale) for length in digit.box)
    cv2.rectangle(shown, (x - line, y - line), (x + width + line, y + height + line), colour, line)
    letter = max(0.4, max(shown.shape[:2]) / 900)
    (w, h), below = cv2.getTextSize(digit.text, cv2.FONT_HERSHEY_SIMPLEX, letter, max(1, line))
    if min(shown.shape[:2]) < 4 * h:
        return  # a label would hide so small a picture
    top = max(y - line - h - below, 0)
    cv2.rectangle(shown, (x - line, top), (x + w + line, top + h + below), colour, cv2.FILLED)
    place = (x, top + h + below // 2)
    cv2.putText(shown, digit.text, place, cv2.FONT_HERSHEY_SIMPLEX, letter, WHITE, max(1, line), cv2.LINE_AA)


def turned(digit: Digit, shape: tuple[int, int], turns: int) -> Digit:
    """The digit with its box after `turns` quarter turns to the left; `shape` is (height, width) before."""
    x, y, wide, high = digit.box
    height, width = shape
    for _ in range(turns % 4):
        x, y, wide, high, height, width = y, width - x - wide, high, wide, width, height
    return replace(digit, box=(x, y, wide, high))


def data_url(picture: np.ndarray, kind: str = ".png") -> str:
    """Encode a picture, uint8 grey or RGB, as a data URL of `kind` ".png" or ".jpg"."""
    channels = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(kind, channels)
    name = {".png": "png", ".jpg": "jpeg"}[kind]
    return f"data:image/{name};base64," + base64.b64encode(content.tobytes()).decode()
