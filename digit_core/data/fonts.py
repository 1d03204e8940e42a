"""Letters, signs and pictograms from the fonts of this machine, as ink masks.

More fonts make the text on synthetic pages more varied: `find` returns all fonts in the usual folders and in
`$DIGIT_DATA_DIR/fonts`. OpenCV's own stroke fonts are always available.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageFont

from digit_core import paths

FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts", Path("/Library/Fonts"))
SUFFIXES = (".ttf", ".otf", ".woff")
EM = 56  # pixels of the size at which letters are drawn before they are scaled
PRINTED = ("dejavu", "liberation", "symbola", "noto", "freefont", "lato", "roboto")
SCRIPTS = {  # first and last code point of some letters
    "latin": (0x61, 0x7A), "capitals": (0x41, 0x5A), "greek": (0x3B1, 0x3C9), "cyrillic": (0x430, 0x44F),
    "arabic": (0x627, 0x64A), "devanagari": (0x905, 0x939), "kana": (0x3041, 0x3093), "katakana": (0x30A1, 0x30F3),
    "han": (0x4E00, 0x6FFF), "hangul": (0xAC00, 0xC9FF), "hebrew": (0x5D0, 0x5EA),
}  # fmt: skip
PICTOGRAMS = [*range(0x2190, 0x21FF), *range(0x2200, 0x22FF), *range(0x2600, 0x27BF), *range(0x1F300, 0x1F5FF)]
HERSHEY = (0, 2, 3, 4, 6, 7, 16, 20)  # OpenCV's fonts and their slanted forms


@dataclass(frozen=True)
class Letter:
    """One character at `EM`: ink uint8 (height, width), and where it lies from the pen's start and the ascender."""

    ink: np.ndarray
    left: int
    top: int
    advance: float


def find(folders: tuple[Path, ...] = FOLDERS) -> list[Path]:
    """The font files in the usual folders and in `$DIGIT_DATA_DIR/fonts`, sorted."""
    own = [paths.data_dir() / "fonts"] if paths.data_dir() else []
    found = {path for folder in [*folders, *own] if folder.is_dir() for path in folder.rglob("*")}
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


class Font:
    """One font file; letters are drawn once and kept."""

    def __init__(self, path: Path):
        """Raises OSError if the file is no font."""
        self.is_printed = any(name in str(path).lower() for name in PRINTED)
        self._font = ImageFont.truetype(str(path), EM)
        self._missing = self._drawn("\uffff")
        self._letters: dict[str, Letter | None] = {}

    @functools.cached_property
    def scripts(self) -> list[str]:
        """The names in `SCRIPTS` that this font can write."""
        return [name for name, (first, _) in SCRIPTS.items() if self.letter(chr(first)) and self.letter(chr(first + 1))]

    @functools.cached_property
    def has_pictograms(self) -> bool:
        """Whether the font has pictograms; tested with a heart."""
        return self.letter("\u2665") is not None

    @functools.cached_property
    def pictograms(self) -> list[str]:
        """The signs of `PICTOGRAMS` that this font has; computed on first access, in a quarter of a second."""
        return [chr(code) for code in PICTOGRAMS if self.letter(chr(code))]

    def letter(self, character: str) -> Letter | None:
        """The character, or None if the font lacks it or it leaves no ink."""
        if character not in self._letters:
            if len(self._letters) > 1500:
                self._letters.clear()
            self._letters[character] = self._made(character)
        return self._letters[character]

    def _made(self, character: str) -> Letter | None:
        ink = self._drawn(character)
        if ink is None or (self._missing is not None and np.array_equal(ink, self._missing)):
            return None
        left, top, _, _ = self._font.getbbox(character)
        return Letter(ink, int(left), int(top), self._font.getlength(character))

    def _drawn(self, character: str) -> np.ndarray | None:
        try:
            mask = self._font.getmask(character, mode="L")
        except (OSError, ValueError):
            return None
        ink = np.array(mask, np.uint8).reshape(mask.size[::-1])
        return ink if ink.size and ink.max() > 128 else None


class HersheyFont:
    """OpenCV's stroke fonts in the form of `Font`, for machines without others."""

    is_printed = False
    scripts = ("latin", "capitals")
    has_pictograms = False

    def __init__(self, number: int):
        self._number = number

    @functools.lru_cache(maxsize=256)  # noqa: B019 - eight fonts that live as long as the process
    def letter(self, character: str) -> Letter | None:
        """The character, or None if it is not ASCII or leaves no ink."""
        if not character.isascii():
            return None
        page = np.zeros((2 * EM, 2 * EM), np.uint8)
        cv2.putText(page, character, (EM // 2, EM), self._number, EM / 22, 255, 3, cv2.LINE_AA)
        x, y, width, height = cv2.boundingRect(page)
        if not width:
            return None
        return Letter(page[y : y + height, x : x + width].copy(), x - EM // 2, y, width + 5.0)


def load(found: list[Path]) -> list[Font | HersheyFont]:
    """Every font that opens; OpenCV's own beside them."""
    fonts: list[Font | HersheyFont] = [HersheyFont(number) for number in HERSHEY]
    for path in found:
        try:
            fonts.append(Font(path))
        except OSError:
            continue
    return fonts
