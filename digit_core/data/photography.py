"""Render synthetic scenes as a canvas, scanner or camera would: paper, light, lens, noise, JPEG.

Intermediate pictures are float32 (side, side), 0..255.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from digit_core.data.scenes import TILE, Scene

PHOTO_SIDE = 1000  # longest side of photographs without writing
SMALLEST_SIDE = 100  # pixels of their shorter side, else they are left out
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
FOLDERS = (Path("/usr/share/backgrounds"), Path("/usr/share/wallpapers"))


def load_photos(folders: Sequence[Path] = FOLDERS, most: int = 80) -> list[np.ndarray]:
    """Load photographs without writing, grey uint8 (height, width), as backgrounds and negative examples.

    Uses scikit-learn's two samples and the pictures in the folders (on Debian: the packages gnome-backgrounds,
    mate-backgrounds and lomiri-wallpapers).
    """
    from sklearn.datasets import load_sample_images  # takes a second, and few callers need it

    photos = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in load_sample_images().images]
    for folder in folders:
        files = sorted(folder.rglob("*")) if folder.is_dir() else []
        for file in (file for file in files if file.suffix.lower() in SUFFIXES and not file.is_symlink()):
            picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) if len(photos) < most else None
            scale = PHOTO_SIDE / max(picture.shape) if picture is not None else 0
            if scale and min(picture.shape) * scale > SMALLEST_SIDE:
                photos.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return photos


class Camera:
    """Takes pictures of scenes, or of scenes enlarged to `side` pixels."""

    def __init__(self, photos: Sequence[np.ndarray], rng: np.random.Generator, side: int = TILE):
        self.photos, self.rng = photos, rng
        self.side, self.shape = side, (side, side)
        self.y, self.x = (np.mgrid[:side, :side] / side - 0.5).astype(np.float32)

    def picture(self, scene: Scene) -> tuple[np.ndarray, np.ndarray | None]:
        """A picture of the scene, uint8 (side, side), and a bool mask of what covers the page, or None.

        If the picture shows no paper, the scene mostly loses its marks.
        """
        rng = self.rng
        covered = None
        if rng.random() < 0.3:
            image = self._canvas(scene)
        else:
            image, covered = self._photograph(scene)
        image = self._digitised(image)
        return image, covered

    def canvas(self, scene: Scene) -> np.ndarray:
        """The scene as it looks while it is drawn on a screen, uint8 (side, side)."""
        return 255 - np.maximum(scene.ink, scene.lines)

    def _canvas(self, scene: Scene) -> np.ndarray:
        """Drawn on a screen, or scanned: even paper."""
        rng = self.rng
        image = 255 * (1 - scene.ink.astype(np.float32) / 255)
        if scene.lines.any():
            image *= 1 - scene.lines / 255 * rng.uniform(0.15, 1)
        if rng.random() < 0.3:  # coloured ink or paper
            dark = rng.uniform(0, 0.6) * 255
            image = dark + image / 255 * (255 - dark)
        if rng.random() < 0.3:
            image = image * (255 - rng.uniform(0, 40)) / 255 + self._grain(rng.uniform(0.3, 3))
        return image

    def _photograph(self, scene: Scene) -> tuple[np.ndarray, np.ndarray | None]:
        rng = self.rng
        ink = scene.ink.astype(np.float32) / 255
        is_busy = rng.random() < 0.10  # no paper at all, mostly without ink
        if is_busy and rng.random() < 0.8:
            scene.marks.clear()
            scene.ink[:], scene.owner[:], scene.lines[:] = 0, 0, 0
            ink = np.zeros(self.shape, np.float32)
        paper = self._surface() if is_busy else self._paper()
        contrast = rng.uniform(0.5, 0.97) if is_busy or rng.random() < 0.55 else rng.uniform(0.12, 0.5)
        signal = (
            max(float(np.median(paper)), 30) * contrast * min(1.0, 0.45 + 0.4 * scene.pen)
        )  # grey levels of a stroke
        if rng.random() < 0.35:  # pressure, and a pen that runs dry
            ink = ink * np.clip(0.8 + 0.35 * self._smooth(int(rng.choice((6, 20, 60)))), 0.15, 1)
        if scene.lines.any():
            paper = paper * (1 - scene.lines / 255 * contrast * rng.uniform(0.1, 1.1))
        if scene.behind is not None and not is_busy:
            behind = cv2.GaussianBlur(scene.behind, (0, 0), float(rng.uniform(0.5, 2.5)))
            paper = paper * (1 - behind / 255 * contrast * rng.uniform(0.03, 0.25))
        image = paper * (1 - ink * contrast) * self._light()
        covered = None
        if rng.random() < 0.12:
            image, covered = self._with_desk(image)
        image = self._through_lens(image, signal)
        if rng.random() < 0.3:
            image = 255 * np.clip(image / 255, 0, 1) ** rng.uniform(0.6, 1.7)
        if rng.random() < 0.2:  # overexposed
            image = image * rng.uniform(1.0, 1.5)
        return image, covered

    def _paper(self) -> np.ndarray:
        rng = self.rng
        paper = np.full(self.shape, rng.uniform(90, 250), np.float32)
        for cells in (4, 12, 40):
            if rng.random() < 0.6:
                paper += self._smooth(cells) * rng.uniform(0, 1) * rng.choice((0, 2, 5, 10), p=(0.3, 0.4, 0.2, 0.1))
        if self.photos and rng.random() < 0.04:  # printed or creased paper
            detail = self._piece_of_photo() - 128.0
            paper += detail * rng.uniform(0.02, 0.15)
        if rng.random() < 0.1:
            paper -= self._fibres()
        return paper

    def _fibres(self) -> np.ndarray:
        """Short faint hairs, dents and scratches of paper, in grey levels."""
        rng = self.rng
        page = np.zeros(self.shape, np.uint8)
        for _ in range(int(rng.integers(3, 50))):
            points = rng.uniform(0, self.side, 2) + np.cumsum(rng.normal(0, rng.uniform(1, 6), (4, 2)), 0)
            path = np.round(points * 16).astype(np.int32).reshape(-1, 1, 2)
            cv2.polylines(page, [path], False, int(rng.integers(60, 256)), 1, cv2.LINE_AA, 4)
        deep = rng.uniform(2, 14) * rng.choice((-1, 1), p=(0.2, 0.8))
        return cv2.GaussianBlur(page, (0, 0), float(rng.uniform(0.4, 1.5))).astype(np.float32) / 255 * deep

    def _surface(self) -> np.ndarray:
        """Something that is not paper: part of a photograph, shapes, a thing on an even ground."""
        rng = self.rng
        kind = rng.random()
        if not self.photos or kind < 0.25:
            return self._shapes()
        photo = self._piece_of_photo()
        if kind < 0.8:
            return photo
        outline = self._shapes() > rng.uniform(60, 200)
        return np.where(outline, photo, np.float32(rng.uniform(0, 255)))

    def _piece_of_photo(self) -> np.ndarray:
        rng = self.rng
        photo = self.photos[int(rng.integers(len(self.photos)))]
        side = int(np.exp(rng.uniform(np.log(60), np.log(min(photo.shape)))))
        y, x = int(rng.integers(photo.shape[0] - side + 1)), int(rng.integers(photo.shape[1] - side + 1))
        piece = photo[y : y + side, x : x + side]
        if rng.random() < 0.15:  # a tiny picture enlarged
            piece = cv2.resize(piece, (int(rng.integers(16, 48)),) * 2, interpolation=cv2.INTER_AREA)
        if rng.random() < 0.5:
            piece = piece[:, ::-1]
        return cv2.resize(piece, self.shape, interpolation=int(rng.choice((cv2.INTER_AREA, cv2.INTER_CUBIC)))).astype(
            np.float32
        )

    def _shapes(self) -> np.ndarray:
        """Overlapping polygons and ellipses, a little blurred, with texture."""
        rng = self.rng
        image = np.full(self.shape, rng.uniform(0, 255), np.float32)
        for _ in range(int(rng.integers(1, 22))):
            middle, reach = rng.uniform(-20, self.side + 20, 2), np.exp(rng.uniform(np.log(6), np.log(90)))
            points = (middle + rng.normal(0, reach, (int(rng.integers(3, 8)), 2))).astype(np.int32)
            value = float(rng.uniform(0, 255))
            if rng.random() < 0.4:
                axes = int(reach) + 1, int(reach * rng.uniform(0.3, 1)) + 1
                centre = int(middle[0]), int(middle[1])
                cv2.ellipse(image, centre, axes, float(rng.uniform(0, 180)), 0, 360, value, -1, cv2.LINE_AA)
            else:
                outline = cv2.convexHull(points) if rng.random() < 0.5 else points.reshape(-1, 1, 2)
                cv2.fillPoly(image, [outline], value, cv2.LINE_AA)
        image = cv2.GaussianBlur(image, (0, 0), float(np.exp(rng.uniform(np.log(0.4), np.log(4)))))
        return image + self._smooth(int(rng.choice((4, 12, 40)))) * rng.uniform(0, 20)

    def _light(self) -> np.ndarray:
        """How much light falls where, 0.12..1 or a little more: slopes, vignettes, shadows, folds, glare."""
        rng = self.rng
        light = np.ones(self.shape, np.float32)
        if rng.random() < 0.5:
            turn = rng.uniform(0, 2 * np.pi)
            light *= np.exp((self.x * np.cos(turn) + self.y * np.sin(turn)) * rng.uniform(0, 1.4))
        if rng.random() < 0.3:  # vignette
            x, y = rng.uniform(-0.8, 0.8, 2)
            light *= 1 / (1 + rng.uniform(0, 2.5) * ((self.x - x) ** 2 + (self.y - y) ** 2))
        for _ in range(int(rng.choice((0, 1, 2), p=(0.68, 0.24, 0.08)))):  # shadows of hands and things
            points = (rng.uniform(-0.5, 1.5, 2) + rng.normal(0, 0.6, (int(rng.integers(3, 7)), 2))) * self.side
            shadow = np.zeros(self.shape, np.float32)
            cv2.fillPoly(shadow, [points.astype(np.int32).reshape(-1, 1, 2)], 1.0)
            shadow = cv2.GaussianBlur(shadow, (0, 0), float(np.exp(rng.uniform(np.log(0.5), np.log(25)))))
            light *= 1 - shadow * rng.uniform(0.1, 0.65)
        if rng.random() < 0.1:  # a fold
            turn = rng.uniform(0, np.pi)
            distance = (self.x * np.cos(turn) + self.y * np.sin(turn) - rng.uniform(-0.4, 0.4)) * self.side
            edge = np.tanh(distance / rng.uniform(0.5, 4)) * np.exp(-np.abs(distance) / rng.uniform(2, 30))
            light *= 1 + rng.uniform(-0.3, 0.3) * edge
        if rng.random() < 0.06:  # glare
            x, y, reach = *rng.uniform(-0.5, 0.5, 2), rng.uniform(0.05, 0.3)
            light *= 1 + rng.uniform(0.2, 1.0) * np.exp(-((self.x - x) ** 2 + (self.y - y) ** 2) / reach**2)
        light /= light.max() if rng.random() < 0.8 else light.mean()
        return np.maximum(light, 0.12)

    def _with_desk(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sheet ends somewhere on the tile; beyond it lies a desk. Returns where the desk is, bool, as well."""
        rng = self.rng
        turn = (
            rng.choice((0, 0.5, 1, 1.5)) * np.pi + rng.normal(0, 0.1)
            if rng.random() < 0.7
            else rng.uniform(0, 2 * np.pi)
        )
        distance = self.x * np.cos(turn) + self.y * np.sin(turn) - rng.uniform(0.1, 0.5)
        if rng.random() < 0.3:  # a round corner
            distance = np.maximum(distance, -self.x * np.sin(turn) + self.y * np.cos(turn) - rng.uniform(0.0, 0.5))
        desk = distance > 0
        surface = self._surface() if rng.random() < 0.4 else rng.uniform(0, 255) + self._smooth(12) * rng.uniform(0, 15)
        out = np.where(desk, surface, image)
        if rng.random() < 0.4:  # the sheet's shadow, or its edge
            out = out * (1 - rng.uniform(0.1, 0.6) * np.exp(-np.abs(distance) * self.side / rng.uniform(0.7, 8)))
        return out.astype(np.float32), desk

    def _through_lens(self, image: np.ndarray, signal: float) -> np.ndarray:
        """Add blur, and noise weak enough for strokes of that signal."""
        rng = self.rng
        if rng.random() < 0.6:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.4)))
        if rng.random() < 0.06:  # moved
            length = int(rng.integers(2, 6))
            kernel = np.eye(length) if rng.random() < 0.5 else np.ones((1, length))
            image = cv2.filter2D(image, -1, (kernel / kernel.sum()).astype(np.float32))
        if rng.random() < 0.6:
            deviation = min(rng.uniform(0.3, 9), 0.14 * signal)
            image = image + rng.standard_normal(self.shape, np.float32) * np.float32(deviation)
        if rng.random() < 0.65:
            image = image + self._grain(min(float(np.exp(rng.uniform(np.log(0.4), np.log(9)))), 0.12 * signal))
        return image

    def _digitised(self, image: np.ndarray) -> np.ndarray:
        """Coarse pixels, thresholds, negatives, JPEG: uint8."""
        rng = self.rng
        if rng.random() < 0.2:
            image = self._enlarged_from(image, max(24, int(self.side * rng.uniform(0.33, 0.9))))
        if rng.random() < 0.05:
            image = np.where(image > (image.max() + image.min()) / 2, 255, 0).astype(np.float32)
        if rng.random() < 0.3:
            image = 255 - image
        out = np.clip(image, 0, 255).astype(np.uint8)
        return self._as_jpeg(out) if rng.random() < 0.3 else out

    def _enlarged_from(self, image: np.ndarray, side: int) -> np.ndarray:
        """Simulate a low-resolution picture, often saved as JPEG, that was enlarged afterwards."""
        rng = self.rng
        down = cv2.INTER_AREA if rng.random() < 0.6 else cv2.INTER_NEAREST
        small = np.clip(cv2.resize(image, (side, side), interpolation=down), 0, 255).astype(np.uint8)
        if rng.random() < 0.6:
            small = self._as_jpeg(small)
        return cv2.resize(small, self.shape, interpolation=int(rng.choice((0, 1, 2)))).astype(np.float32)

    def _as_jpeg(self, picture: np.ndarray) -> np.ndarray:
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(self.rng.integers(15, 95))])
        return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)

    def _smooth(self, cells: int) -> np.ndarray:
        """Smooth noise of about that many cells a side, deviation about 1."""
        field = self.rng.standard_normal((cells + 2, cells + 2), np.float32)
        return cv2.resize(field, self.shape, interpolation=cv2.INTER_CUBIC)

    def _grain(self, deviation: float) -> np.ndarray:
        """Noise as cameras leave it: soft, in grains of one to several pixels."""
        width = np.exp(self.rng.uniform(np.log(0.4), np.log(3.0)))
        noise = cv2.GaussianBlur(self.rng.standard_normal(self.shape, np.float32), (0, 0), float(width))
        return noise * (deviation / max(float(noise.std()), 1e-6))
