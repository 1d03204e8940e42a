"""Networks in LiteRT form that many threads may run at once.

An interpreter is not thread-safe, so idle ones wait in a pool, and a thread that finds none
makes one (a millisecond).
"""

import queue

import numpy as np

from digit_core import normalization

LARGEST_BATCH = 256  # digits that go through the network at once


class Network:
    """Runs a network of digits, whose LiteRT file it is given, on one thread a call."""

    def __init__(self, content: bytes):
        self._interpreters = Interpreters(content)

    def run(self, digits: np.ndarray) -> list[np.ndarray]:
        """The network's outputs, each float32 (n, classes), for digits uint8 (n, 28, 28); widest first."""
        batch = normalization.batch(digits)  # (n, 28, 28, 1)
        starts = range(0, max(len(batch), 1), LARGEST_BATCH)
        chunks = [self._interpreters.run(batch[start : start + LARGEST_BATCH]) for start in starts]
        return [np.concatenate(outputs) for outputs in zip(*chunks, strict=True)]


class Interpreters:
    """Runs the LiteRT file whose bytes it is given, on one thread a call."""

    def __init__(self, content: bytes):
        self._content = content
        self._idle: queue.SimpleQueue = queue.SimpleQueue()
        self._idle.put(self._new_interpreter())

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        """The outputs, each float32 with the batch first, widest first; the sizes left open may differ every time."""
        interpreter = self._take_interpreter()
        try:
            [entry], exits = interpreter.get_input_details(), interpreter.get_output_details()
            exits = sorted(exits, key=lambda exit_: -exit_["shape"][-1])
            if not len(batch):
                return [np.zeros((0, exit_["shape"][-1]), np.float32) for exit_ in exits]
            if tuple(entry["shape"]) != batch.shape:
                interpreter.resize_tensor_input(entry["index"], batch.shape)
                interpreter.allocate_tensors()
            interpreter.set_tensor(entry["index"], batch)
            interpreter.invoke()
            return [interpreter.get_tensor(exit_["index"]) for exit_ in exits]
        finally:
            self._idle.put(interpreter)

    def _take_interpreter(self):
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._new_interpreter()

    def _new_interpreter(self):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=self._content, num_threads=1)
        interpreter.allocate_tensors()
        return interpreter
