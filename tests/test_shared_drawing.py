"""A drawing in a link: packing and unpacking preserves it, and invalid text gives no drawing."""

import base64
import json
import zlib

import numpy as np
import pytest

from ui import samples, sent_drawing, shared_drawing

INK = "#1c2333"


def packed(value, key="strokes") -> str:
    if isinstance(value, list) and len(value) == 2:
        value = {"width": value[0], key: value[1]}
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(value).encode())).decode().rstrip("=")


def test_a_drawing_comes_back_as_it_was_drawn():
    objects = samples.written("2026", 560, 380, INK, 18)
    text = shared_drawing.pack(objects, 560)
    assert len(text) < 1200
    found, width = shared_drawing.unpack(text, INK)
    assert width == 560
    assert len(found) == len(objects)
    for before, after in zip(objects, found, strict=True):
        assert after["strokeWidth"] == round(before["strokeWidth"])
        assert np.abs(np.array(before["path"][0][1:]) - after["path"][0][1:]).max() <= 0.5
        assert np.abs(np.array(before["path"][-1][1:]) - after["path"][-1][1:]).max() <= 0.5
    pictures = [sent_drawing.decoded(samples.picture(some, 560, 380)) < 128 for some in (objects, found)]
    assert np.mean(pictures[0] != pictures[1]) < 0.1 * np.mean(pictures[0])


def test_a_dot_comes_back():
    dot = samples.path([(5, 5), (5, 5)], INK, 18)
    [found], _ = shared_drawing.unpack(shared_drawing.pack([dot], 300), INK)
    assert found["path"][0] == ["M", 5, 5]


def test_a_long_drawing_has_no_link():
    rng = np.random.default_rng(0)
    objects = [samples.path(rng.uniform(0, 500, (300, 2)).tolist(), INK, 18) for _ in range(30)]
    assert shared_drawing.pack(objects, 560) is None
    dots = [samples.path([(5, 5), (6, 6)], INK, 18)] * (shared_drawing.MOST_STROKES + 1)
    assert shared_drawing.pack(dots, 560) is None
    assert shared_drawing.unpack(shared_drawing.pack(dots[1:], 560), INK) is not None
    assert shared_drawing.pack([], 560) is None
    assert shared_drawing.pack([{"type": "Circle"}], 560) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%%%",
        "\u00e9" * 10,
        "eNo123",
        "A" * 7000,
        packed(None),
        packed([]),
        packed([560, []]),
        packed([560, "ab"]),
        packed([560, [[18, 1]]]),
        packed([560, [[18, "a", "b"]]]),
        packed([560, [[0, 1, 1]]]),
        packed([560, [[18, 1e9, 1]]]),
        packed([-5, [[18, 1, 1]]]),
        packed([True, [[18, 1, 1]]]),
        packed([560, [[18, 1, 1]] * 300]),
        packed([0.5, [[18, 1, 1]]]),
        packed([10, [[18, 1, 1]]]),
        packed([10**9, [[18, 1, 1]]]),
        packed([560, [[18, *[3000, 0] * 2]]]),
        packed([560, [[200, 1, 1]]]),
        base64.urlsafe_b64encode(zlib.compress(f'{{"width":560,"strokes":[[18{",1" * 15_000}]]}}'.encode())).decode(),
        packed([560, {"a": 1}]),
        packed([560, [[18, 1, 1]]], key="lines"),
        packed("[" * 50_000),
        base64.urlsafe_b64encode(zlib.compress(b"[" * 90_000)).decode(),
        base64.urlsafe_b64encode(zlib.compress(b'{"width":560,' + b" " * 50_000 + b'"strokes":[[18,1,1]]}')).decode(),
    ],
)
def test_what_is_no_drawing_of_ours_gives_none(text):
    assert shared_drawing.unpack(text, INK) is None
