"""`Recognizer`: a picture -> a `Reading`. Runs on LiteRT and never loads TensorFlow.

One recognizer serves many threads: an interpreter is not thread-safe, so idle ones wait
in a pool, and a thread that finds none makes one (a millisecond).
"""

import math
import queue
from dataclasses import dataclass, field

import numpy as np

from digit_core import images, model_store, normalization, segmentation
from digit_core.segmentation import Grouping, Mark

TRUSTED_FROM = 0.4  # confidence below which a mark is not called a digit
UNKNOWN = "?"
LARGEST_BATCH = 256  # digits that go through the network at once


@dataclass(frozen=True)
class Digit:
    """One mark and what it was read as.

    Attributes:
        value: the likeliest digit, 0..9.
        confidence: its probability, 0..1.
        trusted: False where the mark is not to be called a digit; it then reads "?".
        box: (x, y, width, height) in pixels of the upright picture.
        probabilities: float32 (10,), summing to 1.
        image: what the network saw, uint8 (28, 28), white on black.
        ink: the mark's own ink, uint8 (height, width), from which `image` was made.
    """

    value: int
    confidence: float
    trusted: bool
    box: tuple[int, int, int, int]
    probabilities: np.ndarray = field(repr=False)
    image: np.ndarray = field(repr=False)
    ink: np.ndarray = field(repr=False)

    @property
    def text(self) -> str:
        return str(self.value) if self.trusted else UNKNOWN


@dataclass(frozen=True)
class Reading:
    """What a picture says.

    Attributes:
        lines: the rows' texts from top to bottom, e.g. ["2026"]; empty for a blank sheet.
        digits: the marks in reading order.
        ink: the picture reduced to ink, uint8 (height, width), at most 2,000 pixels a side.
    """

    lines: list[str]
    digits: list[Digit]
    ink: np.ndarray = field(repr=False)

    @property
    def text(self) -> str:
        return "/".join(self.lines)


class Recognizer:
    """Reads pictures with one model. Safe to share between threads."""

    def __init__(self, litert: bytes, name: str = ""):
        self.name = name
        self._litert = litert
        self._idle: queue.SimpleQueue = queue.SimpleQueue()
        self._idle.put(self._new_interpreter())

    @classmethod
    def load(cls, name: str | None = None) -> "Recognizer":
        """The model of that name, by default the project's own.

        Raises:
            ModelError: there is no such model, or its files are damaged.
        """
        model = model_store.find(name)
        return cls(model.litert_bytes(), model.name)

    def read(self, picture: np.ndarray) -> Reading:
        """Read a picture: one digit, a number, or rows of them.

        Args:
            picture: uint8 (height, width), (height, width, 3) or (height, width, 4), any polarity.

        Raises:
            UnreadableImageError: the array is not a picture.
        """
        ink = images.extract_ink(images.working_size(images.check(picture)))
        scale = picture.shape[1] / ink.shape[1], picture.shape[0] / ink.shape[0]  # x, y
        rows = [self._read_row(row, scale) for row in segmentation.find_rows(ink)]
        lines = ["".join(digit.text for digit in row) for row in rows]
        return Reading(lines, [digit for row in rows for digit in row], ink)

    def classify(self, digits: np.ndarray) -> np.ndarray:
        """Ten probabilities each, float32 (n, 10), for digits uint8 (n, 28, 28), normalised as MNIST."""
        batch = normalization.batch(digits)  # (n, 28, 28, 1)
        chunks = [batch[start : start + LARGEST_BATCH] for start in range(0, len(batch), LARGEST_BATCH)]
        answers = [self._run(chunk) for chunk in chunks]
        return np.concatenate(answers) if answers else np.zeros((0, 10), np.float32)

    def _read_row(self, row: list[Mark], scale: tuple[float, float]) -> list[Digit]:
        """Score every grouping of the row's marks in one batch, and keep the best way through."""
        candidates = segmentation.groupings(row)
        pictures = np.stack([normalization.normalize(candidate.mark.ink) for candidate in candidates])
        probabilities = self.classify(pictures)
        scores = [_score(c, p) for c, p in zip(candidates, probabilities, strict=True)]
        chosen = segmentation.best_path(candidates, scores)
        return [_digit(candidates[i].mark, pictures[i], probabilities[i], scale) for i in chosen]

    def _run(self, batch: np.ndarray) -> np.ndarray:
        interpreter = self._take_interpreter()
        try:
            [entry], [exit_] = interpreter.get_input_details(), interpreter.get_output_details()
            if tuple(entry["shape"]) != batch.shape:
                interpreter.resize_tensor_input(entry["index"], batch.shape)
                interpreter.allocate_tensors()
            interpreter.set_tensor(entry["index"], batch)
            interpreter.invoke()
            return interpreter.get_tensor(exit_["index"])
        finally:
            self._idle.put(interpreter)

    def _take_interpreter(self):
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._new_interpreter()

    def _new_interpreter(self):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=self._litert, num_threads=1)
        interpreter.allocate_tensors()
        return interpreter


def _score(candidate: Grouping, probabilities: np.ndarray) -> float:
    return candidate.log_odds + math.log(max(float(probabilities.max()), 1e-9))


def _digit(mark: Mark, image: np.ndarray, probabilities: np.ndarray, scale: tuple[float, float]) -> Digit:
    value = int(probabilities.argmax())
    confidence = float(probabilities[value])
    left, right = round(mark.left * scale[0]), round(mark.right * scale[0])
    top, bottom = round(mark.top * scale[1]), round(mark.bottom * scale[1])
    return Digit(
        value=value,
        confidence=confidence,
        trusted=confidence >= TRUSTED_FROM,
        box=(left, top, right - left, bottom - top),
        probabilities=probabilities,
        image=image,
        ink=mark.ink,
    )
