"""Photographed paper: partly in shadow, on a desk, or with the desk in view at one side."""

import cv2
import numpy as np
import pytest
from drawing import draw, number

WIDTH, HEIGHT = 800, 600
DESK = 70  # grey level


def _shade_from_the_left(page):
    page[:, : WIDTH // 3] *= 0.6
    return page


def _shade_of_a_hand(page):
    shade = np.ones((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(shade, (WIDTH // 2, HEIGHT), (280, 450), 20, 0, 360, 0.6, -1)
    return page * cv2.GaussianBlur(shade, (0, 0), 12)


def _shaded_corner(page):
    shade = np.ones((HEIGHT, WIDTH), np.float32)
    cv2.fillPoly(shade, [np.array([[0, 0], [WIDTH, 0], [0, HEIGHT]])], 0.65)
    return page * cv2.GaussianBlur(shade, (0, 0), 8)


def _sheet_on_a_desk(page):
    corners = np.array([[120, 90], [700, 70], [720, 500], [110, 520]])
    sheet = cv2.fillPoly(np.zeros((HEIGHT, WIDTH), np.uint8), [corners], 255)
    return np.where(sheet > 0, page, DESK)


def _desk_beside(page):
    corners = np.array([[0, 0], [90, 0], [110, HEIGHT], [0, HEIGHT]])
    return np.where(cv2.fillPoly(np.zeros((HEIGHT, WIDTH), np.uint8), [corners], 255) > 0, DESK, page)


def _desk_below(page):
    page[-70:] = DESK
    return page


SCENES = [_shade_from_the_left, _shade_of_a_hand, _shaded_corner, _sheet_on_a_desk, _desk_beside, _desk_below]


def _photo(page, scene, rng):
    seen = scene(page.astype(np.float32)) + rng.normal(0, 3, page.shape)
    return cv2.GaussianBlur(seen.clip(0, 255).astype(np.uint8), (0, 0), 0.7)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("text", "size", "pen"), [("7", 170, 9), ("2475", 100, 8)])
def test_light_and_desk_do_not_matter(recognizer, rng, scene, text, size, pen):
    left = (WIDTH - 0.95 * size * len(text)) / 2
    page = draw(number(text, left, (HEIGHT - size) / 2, size), WIDTH, HEIGHT, pen) * 0.85 + 25
    assert recognizer.read(_photo(page, scene, rng)).text == text


@pytest.mark.parametrize("scene", SCENES)
def test_an_empty_sheet_holds_no_digit(recognizer, rng, scene):
    text = recognizer.read(_photo(np.full((HEIGHT, WIDTH), 225), scene, rng)).text
    assert not any(letter.isdigit() for letter in text)
