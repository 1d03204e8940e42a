"""LiteRT networks that many threads can run at once.

Interpreters are not thread-safe, so idle ones are pooled, and a thread that finds none creates one.
"""

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from digit_core.pictures import normalization

CORES = os.cpu_count() or 1
LARGEST_BATCH = 16  # digits at once; more are no faster, and 256 take 50 MB


class Network:
    """Runs a digit classifier, given as a LiteRT file: a batch on one thread, several batches on all cores."""

    def __init__(self, content: bytes):
        self._interpreters = Interpreters(content)

    def run(self, digits: np.ndarray) -> list[np.ndarray]:
        """The network's outputs, each float32 (n, classes), for digits uint8 (n, 28, 28); widest first."""
        batch = normalization.batch(digits)  # (n, 28, 28, 1)
        if len(batch) <= LARGEST_BATCH:
            return self._interpreters.run(batch)
        rounds = -(-len(batch) // (LARGEST_BATCH * CORES))
        chunks = _threads().map(self._interpreters.run, np.array_split(batch, rounds * CORES))  # equal work for each
        return [np.concatenate(outputs) for outputs in zip(*chunks, strict=True)]


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CORES, "litert")


class Interpreters:
    """Runs a LiteRT file, given as bytes, on inputs of varying shape.

    A new interpreter packs the weights, which takes milliseconds, and holds that copy; to give it another shape takes
    hardly any time. So idle ones are kept and get the shape that comes next.

    Args:
        content: the file.
        threads: per call.
        most: maximum number of idle interpreters.
        room: maximum total of the input values of the largest inputs that they had: their memory has grown with those.
    """

    def __init__(self, content: bytes, threads: int = 1, most: int = 4, room: int = 1_000_000):
        self._content, self._threads, self._most, self._room = content, threads, most, room
        self._idle: list[tuple[int, Any]] = []  # its largest input, and the interpreter; used last comes last
        self._lock = threading.Lock()
        self._new()  # fail early if the file is not a network

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        """The outputs, each float32 with the batch first, widest first."""
        largest, interpreter = self._take(batch.size)
        [entry], exits = interpreter.get_input_details(), interpreter.get_output_details()
        exits = sorted(exits, key=lambda exit_: -exit_["shape"][-1])
        if not len(batch):
            return [np.zeros((0, exit_["shape"][-1]), np.float32) for exit_ in exits]
        interpreter.resize_tensor_input(entry["index"], batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entry["index"], batch)
        interpreter.invoke()
        outputs = [interpreter.get_tensor(exit_["index"]) for exit_ in exits]
        self._give_back(max(largest, batch.size), interpreter)
        return outputs

    def _new(self):
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_content=self._content, num_threads=self._threads)

    def _take(self, size: int) -> tuple[int, Any]:
        """An idle interpreter and its largest input so far, which is the nearest to this one; a new one if all run."""
        with self._lock:
            if self._idle:
                nearest = min(range(len(self._idle)), key=lambda place: abs(self._idle[place][0] - size))
                return self._idle.pop(nearest)
        return 0, self._new()

    def _give_back(self, largest: int, interpreter) -> None:
        if largest > self._room:  # it would evict all others
            return
        with self._lock:
            self._idle.append((largest, interpreter))
            while len(self._idle) > self._most or sum(size for size, _ in self._idle) > self._room:
                self._idle.pop(0)
