"""LiteRT networks that many threads can run at once.

Interpreters are not thread-safe, so idle ones are pooled, and a thread that finds none
creates one (a millisecond).
"""

import functools
import math
import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from digit_core.pictures import normalization

LARGEST_BATCH = 16  # digits at once; more are no faster, and 256 take 50 MB


class Network:
    """Runs a digit classifier, given as a LiteRT file: a batch on one thread, several batches on all cores."""

    def __init__(self, content: bytes):
        self._interpreters = Interpreters(content)

    def run(self, digits: np.ndarray) -> list[np.ndarray]:
        """The network's outputs, each float32 (n, classes), for digits uint8 (n, 28, 28); widest first."""
        batch = normalization.batch(digits)  # (n, 28, 28, 1)
        parts = [batch[start : start + LARGEST_BATCH] for start in range(0, max(len(batch), 1), LARGEST_BATCH)]
        chunks = (map if len(parts) == 1 else _threads().map)(self._interpreters.run, parts)
        return [np.concatenate(outputs) for outputs in zip(*chunks, strict=True)]


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, "litert")


class Interpreters:
    """Runs a LiteRT file, given as bytes, on inputs of varying shape.

    Allocating an interpreter for a shape takes a millisecond, and each holds a copy of the weights; the most
    recently used ones are cached.

    Args:
        content: the file.
        threads: per call.
        most: maximum number of cached interpreters.
        room: maximum total of their input values, since their memory grows with the input.
    """

    def __init__(self, content: bytes, threads: int = 1, most: int = 4, room: int = 1_000_000):
        self._content, self._threads, self._most, self._room = content, threads, most, room
        self._idle: OrderedDict[tuple[int, ...], list] = OrderedDict()
        self._lock = threading.Lock()
        self._new()  # fail early if the file is not a network

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        """The outputs, each float32 with the batch first, widest first."""
        interpreter = self._take(batch.shape) if len(batch) else self._new()
        [entry], exits = interpreter.get_input_details(), interpreter.get_output_details()
        exits = sorted(exits, key=lambda exit_: -exit_["shape"][-1])
        if not len(batch):
            return [np.zeros((0, exit_["shape"][-1]), np.float32) for exit_ in exits]
        interpreter.set_tensor(entry["index"], batch)
        interpreter.invoke()
        outputs = [interpreter.get_tensor(exit_["index"]) for exit_ in exits]
        self._give_back(batch, interpreter)
        return outputs

    def _new(self):
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_content=self._content, num_threads=self._threads)

    def _take(self, shape: tuple[int, ...]):
        with self._lock:
            if self._idle.get(shape):
                return self._idle[shape].pop()
        interpreter = self._new()
        [entry] = interpreter.get_input_details()
        interpreter.resize_tensor_input(entry["index"], shape)
        interpreter.allocate_tensors()
        return interpreter

    def _give_back(self, batch: np.ndarray, interpreter) -> None:
        if batch.size > self._room:  # it would evict all others
            return
        with self._lock:
            self._idle.setdefault(batch.shape, []).append(interpreter)
            self._idle.move_to_end(batch.shape)
            while not self._fits():
                shape, others = next(iter(self._idle.items()))  # least recently used
                others.pop()
                if not others:
                    del self._idle[shape]

    def _fits(self) -> bool:
        """Whether the cache is within its limits."""
        idle = {shape: len(interpreters) for shape, interpreters in self._idle.items()}
        values = sum(count * math.prod(shape) for shape, count in idle.items())
        return sum(idle.values()) <= self._most and values <= self._room
