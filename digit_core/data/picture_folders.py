"""Pictures in folders named 0 to 9, on disk or in a zip -> digits in MNIST's form.

A zip is read in place; nothing is unpacked to disk. Its pictures may lie below another folder.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from digit_core.pictures import foreground, image_files, normalization
from digit_core.pictures.image_files import UnreadableImageError

DIGITS = tuple("0123456789")
MOST_MEMBERS = 200_000  # of a zip
LARGEST_MEMBER = 20_000_000  # bytes of one of its pictures
MOST_PIXELS = 300_000_000  # of all of its pictures: some seconds' work


class PictureFolderError(Exception):
    """Pictures cannot be read as digits; the text names the file."""


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The digits uint8 (n, 28, 28) and labels (n,) of a folder, or of a zip.

    Raises:
        PictureFolderError: there are no such folders, or a picture cannot be read or is empty.
    """
    found = [*(_in_folder(path) if path.is_dir() else _in_zip(path))]
    if not found:
        kind = "neither IDX files nor" if path.is_dir() else "no"
        raise PictureFolderError(f"{path} holds {kind} folders named 0 to 9 with pictures.")
    pictures, labels = zip(*found, strict=True)
    return np.stack(pictures), np.array(labels)


def _in_folder(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    for digit in DIGITS:
        for file in sorted((path / digit).rglob("*")):
            if _is_picture(file.name):
                yield _digit(_decoded(file, str(file)), str(file)), int(digit)


def zip_size(path: Path) -> tuple[int, int]:
    """How many bytes a zip holds once it is unpacked, and how many files; unpacks nothing.

    Raises:
        PictureFolderError: it is no zip.
    """
    with _opened(path) as archive:
        members = archive.infolist()
    return sum(member.file_size for member in members), len(members)


def _opened(path: Path) -> zipfile.ZipFile:
    """zipfile raises whatever it likes over damaged ones."""
    try:
        return zipfile.ZipFile(path)
    except Exception as error:
        raise PictureFolderError(f"The zip cannot be unpacked: {error}.") from error


def _in_zip(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    pixels = 0
    with _opened(path) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise PictureFolderError(f"{path} holds more than {MOST_MEMBERS:,} files.")
        for member in sorted(members, key=lambda member: member.filename):
            digit = _digit_of(member)
            if digit is None:
                continue
            if member.file_size > LARGEST_MEMBER:
                raise PictureFolderError(f"{member.filename}: this picture is too large.")
            picture = _decoded(_unpacked(archive, member), member.filename)
            pixels += picture.shape[0] * picture.shape[1]
            if pixels > MOST_PIXELS:
                raise PictureFolderError(
                    f"The pictures are too large: together they have more than {MOST_PIXELS // 1_000_000:,} megapixels."
                )
            yield _digit(picture, member.filename), digit


def _digit_of(member: zipfile.ZipInfo) -> int | None:
    """The digit whose folder holds this picture."""
    *folders, name = PurePosixPath(member.filename).parts or ("",)
    digit = next((folder for folder in reversed(folders) if folder in DIGITS), None)
    is_digit = digit is not None and not member.is_dir() and _is_picture(name) and "__MACOSX" not in folders
    return int(digit) if is_digit else None


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes; zipfile and zlib raise whatever they like over damaged ones."""
    try:
        with archive.open(member) as file:
            return file.read(LARGEST_MEMBER)
    except Exception as error:
        raise PictureFolderError(f"{member.filename} cannot be unpacked: {error}.") from error


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in image_files.SUFFIXES and not name.startswith(".")


def _decoded(source: bytes | Path, name: str) -> np.ndarray:
    try:
        return image_files.decode(source) if isinstance(source, bytes) else image_files.read_file(source)
    except UnreadableImageError as error:
        raise PictureFolderError(f"{name}: {error}") from error


def _digit(picture: np.ndarray, name: str) -> np.ndarray:
    """A picture of one digit, uint8 (28, 28); unchanged if it has MNIST's form already."""
    grey = picture[..., 0] if picture.ndim == 3 and (picture == picture[..., :1]).all() else picture
    if _is_normalised(grey):
        return grey
    ink = foreground.extract(image_files.working_size(picture))
    if not ink.any():
        raise PictureFolderError(f"{name}: there is nothing drawn on this picture.")
    return normalization.normalize(ink)


def _is_normalised(picture: np.ndarray) -> bool:
    """Whether a picture is white on black, 28x28, with a black edge, as MNIST's digits and our own exports are."""
    if picture.shape != (28, 28) or not picture.any():
        return False
    return not np.any([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
