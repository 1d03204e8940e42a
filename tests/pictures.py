"""Picture files for tests, generated in memory: unusual but readable ones, and broken or hostile ones."""

import functools
import io
import struct
import zlib

import numpy as np
from drawing import DIGITS, draw, placed
from PIL import Image

SEVEN = draw(placed(DIGITS[7], 120, 80, 220))


def encoded(image: Image.Image, format_: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def png(array: np.ndarray) -> bytes:
    return encoded(Image.fromarray(array), "PNG")


@functools.cache
def readable() -> dict[str, bytes]:
    """A picture of a 7 in every supported form; each must be read as 7."""
    grey = Image.fromarray(SEVEN)
    rgb = grey.convert("RGB")
    clear = Image.fromarray(np.dstack([np.zeros_like(SEVEN)] * 3 + [255 - SEVEN]))
    white_on_clear = Image.fromarray(np.dstack([np.full_like(SEVEN, 255)] * 3 + [255 - SEVEN]))
    deep = Image.fromarray((SEVEN.astype(np.uint16) * 16).astype(np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: rotate by 90 degrees clockwise
    on_its_side = rgb.transpose(Image.Transpose.ROTATE_90)
    nothing = Image.new("L", grey.size, 255)
    return {
        "grey.png": png(SEVEN),
        "inverted.png": png(255 - SEVEN),
        "rgb.png": encoded(rgb, "PNG"),
        "black-on-transparent.png": encoded(clear, "PNG"),
        "white-on-transparent.png": encoded(white_on_clear, "PNG"),
        "transparent.webp": encoded(clear, "WEBP", lossless=True),
        "16-bit.png": encoded(deep, "PNG"),
        "16-bit.tiff": encoded(deep, "TIFF"),
        "float.tiff": encoded(Image.fromarray(SEVEN.astype(np.float32) / 255), "TIFF"),
        "bilevel.png": encoded(grey.convert("1"), "PNG"),
        "palette.png": encoded(rgb.quantize(8), "PNG"),
        "palette-transparent.gif": encoded(rgb.quantize(8), "GIF"),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "turned-by-exif.jpg": encoded(on_its_side, "JPEG", exif=turned),
        "webp.webp": encoded(rgb, "WEBP"),
        "avif.avif": encoded(rgb, "AVIF"),
        "heic.heic": _heic(rgb),
        "bmp.bmp": encoded(rgb, "BMP"),
        "ppm.ppm": encoded(rgb, "PPM"),
        "animated.gif": encoded(grey, "GIF", save_all=True, append_images=[nothing] * 3),
        "animated.webp": encoded(rgb, "WEBP", save_all=True, append_images=[nothing.convert("RGB")]),
        "no-suffix": png(SEVEN),
        "a png called.jpg": png(SEVEN),
        "28x28.png": encoded(grey.resize((28, 28), Image.Resampling.LANCZOS), "PNG"),
    }


@functools.cache
def broken() -> dict[str, bytes]:
    """Files that are not pictures, are damaged, or are too large; each must give an error message."""
    whole, jpeg = png(SEVEN), encoded(Image.fromarray(SEVEN), "JPEG")
    noise = np.random.default_rng(0).integers(0, 256, 4000, np.uint8).tobytes()
    return {
        "empty.png": b"",
        "one-byte.png": b"\x89",
        "text.png": b"this is not a picture\n" * 20,
        "html.jpg": b"<!doctype html><html><body>404</body></html>",
        "svg.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><text>7</text></svg>',
        "svg-declared.png": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "b">]><svg/>',
        "pdf.png": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
        "noise.png": noise,
        "noise.jpg": b"\xff\xd8\xff\xe0" + noise,
        "zeros.png": bytes(4096),
        "signature-only.png": whole[:8],
        "header-only.png": whole[:33],
        "truncated.png": whole[: len(whole) // 2],
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "truncated.webp": encoded(Image.fromarray(SEVEN), "WEBP")[:100],
        "truncated.tiff": encoded(Image.fromarray(SEVEN), "TIFF")[:200],
        "truncated.gif": encoded(Image.fromarray(SEVEN), "GIF")[:60],
        "truncated.avif": encoded(Image.fromarray(SEVEN), "AVIF")[:120],
        "truncated.bmp": encoded(Image.fromarray(SEVEN), "BMP")[:300],
        "truncated.heic": _heic(Image.fromarray(SEVEN))[:150],
        "wrong-checksum.png": whole[:60] + b"\0\0\0\0" + whole[64:],
        "bomb-20000.png": _declared_png(20_000, 20_000, filled=True),
        "bomb-gigapixels.png": _declared_png(60_000, 60_000),
        "bomb-2^31.png": _declared_png(2**31 - 1, 2**31 - 1),
        "zero-wide.png": _declared_png(0, 100),
        "bomb.gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"\x2c" + bytes(20),
        "bomb.bmp": _declared_bmp(50_000, 50_000),
        "lying-bmp.bmp": _declared_bmp(3000, 3000),
        "zip.png": b"PK\x03\x04" + noise[:500],
        "pickle.png": b"\x80\x04\x95\x10\x00\x00\x00cos\nsystem\n(S'false'\ntR.",
        "eps.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
        "bad-chunk.png": whole[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT" + noise[:100],
        "many-scans.jpg": _many_scans(200),
        "text.ppm": b"P2\n10 10\n255\n" + b"#\n" * 300_000 + b"0 " * 100,
        "huge-tile.tiff": _huge_tile(20_000),
        "heic-of-nothing.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + noise[:200],
    }


def _heic(image: Image.Image) -> bytes:
    import digit_core.pictures.image_files  # noqa: F401  (registers the format)

    return encoded(image.convert("RGB"), "HEIF")


def _many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated `count` times: small to send, slow to decode."""
    whole = encoded(Image.new("L", (3000, 3000), 255), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * count + whole[-2:]


def _huge_tile(side: int) -> bytes:
    """A TIFF of 10x10 pixels in one tile of side x side."""
    tags = [
        (256, 10),
        (257, 10),
        (258, 8),
        (259, 8),
        (262, 1),
        (277, 1),
        (322, side),
        (323, side),
        (324, 200),
        (325, 9),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(200, b"\0") + zlib.compress(bytes(100))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _declared_png(width: int, height: int, filled: bool = False) -> bytes:
    """A PNG whose header declares that many grey pixels; if `filled`, its few bytes decompress to them."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) if filled else b""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = rows + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


def _declared_bmp(width: int, height: int) -> bytes:
    information = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + information
