"""Read pictures in a separate process while many people draw at once.

A reading releases Python's global interpreter lock (GIL) about thirty times. Beside many busy threads it waits for the
GIL each time and takes several times as long. So a process is started when several readings run at once. It reads
pictures in order, this process reads what exceeds its capacity, and it exits when idle for a while. If it fails, this
process reads instead.
"""

import contextlib
import functools
import logging
import pickle
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection
from typing import Any

import cv2
import numpy as np

from digit_core import paths
from digit_core.reading.recognizer import Recognizer
from digit_core.reading.result import Reading

log = logging.getLogger(__name__)

MANY = 3  # concurrent readings from which the process is started
IDLE = 60.0  # seconds without a picture after which it exits
LONGEST = 20.0  # seconds without an answer, or until it has started, after which it counts as hanging
AHEAD = 2  # pictures sent but not yet answered
LEAD = 2  # how many more pictures the process may have than this one before this one reads as well
KEPT = 3  # models that it keeps loaded


class OffloadError(Exception):
    """The process cannot read: it exited, hangs, or raised an error."""


class Offload:
    """Reads in the separate process if it runs and is not too busy, else in this one. Thread-safe."""

    def __init__(self, idle: float = IDLE, many: int = MANY):
        self._idle, self._many = idle, many
        self._lock, self._jobs = threading.Lock(), queue.SimpleQueue()
        self._here, self._there = 0, 0  # pictures that this process and the other one read
        self._is_ready, self._feeder = False, None
        self._heard = 0.0  # time of the last answer
        self.process: subprocess.Popen | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the process runs and takes pictures."""
        return self._is_ready

    def read(self, name: str | None, files: str, picture: np.ndarray, here: Callable[[], Reading]) -> Reading:
        """Read a picture with a model.

        Args:
            name: of the model; None is the default one.
            files: identifies the version of the model's files.
            picture: uint8, as `Recognizer.read` takes it.
            here: reads it in this process.
        """
        with self._lock:
            is_sent = self._is_ready and self._there - self._here < LEAD  # else this process is less busy
            if is_sent:
                answer, process = Future(), self.process
                self._jobs.put((answer, name, files, picture))
                self._there += 1
        if is_sent:
            try:
                return self._waited_for(answer)
            except OffloadError:
                log.warning("A picture is read here: the process for it failed", exc_info=True)
            except TimeoutError:
                log.warning("The reading process hangs, and is ended")
                if process is self.process:  # not its successor
                    self.kill()
            finally:
                with self._lock:
                    self._there -= 1
        with self._lock:
            self._here += 1
            if self._here >= self._many and not self._feeder:
                self._feeder = threading.Thread(target=self._feed, name="offload", daemon=True)
                self._feeder.start()
        try:
            return here()
        finally:
            with self._lock:
                self._here -= 1

    def _waited_for(self, answer: Future) -> Reading:
        """Wait for an answer, as long as others come: the picture waits its turn.

        Raises:
            TimeoutError: no answer came for too long.
            OffloadError: the process failed.
        """
        while True:
            try:
                return answer.result(LONGEST)
            except TimeoutError:
                if time.monotonic() - self._heard > LONGEST:
                    raise

    def _feed(self) -> None:
        """Run the process and send it pictures in order, the next one while it still reads."""
        ours, theirs = socket.socketpair()
        sent, ahead = queue.SimpleQueue(), threading.BoundedSemaphore(AHEAD)
        self._jobs = jobs = queue.SimpleQueue()
        with Connection(ours.detach()) as connection:
            try:
                with theirs:
                    self.process = _started(theirs.fileno())
                if not connection.poll(LONGEST) or connection.recv() != "ready":
                    raise OffloadError("it does not start")
                hearer = threading.Thread(target=self._hear, args=(connection, jobs, sent, ahead), daemon=True)
                hearer.start()
                with self._lock:
                    self._is_ready = True
                while True:
                    job = jobs.get(timeout=self._idle)
                    if job is None:
                        raise OffloadError("it has exited")
                    answer, name, files, picture = job
                    ahead.acquire()
                    sent.put(answer)
                    _send(connection, (name, files, _grey(picture)))
            except queue.Empty:
                log.info("The reading process ends: nothing was read for a while")
            except (OSError, EOFError, OffloadError):
                log.warning("The reading process failed", exc_info=True)
            self._end(sent)

    def _hear(
        self,
        connection: Connection,
        jobs: queue.SimpleQueue,
        sent: queue.SimpleQueue,
        ahead: threading.BoundedSemaphore,
    ) -> None:
        """Receive the process's answers, in the order of the pictures sent."""
        try:
            while True:
                said = _receive(connection)
                answer = sent.get()
                self._heard = time.monotonic()
                ahead.release()
                if isinstance(said, Reading):
                    answer.set_result(said)
                else:
                    answer.set_exception(OffloadError(said))
        except (OSError, EOFError, ValueError):  # the process exited: wake the sender, wherever it waits
            jobs.put(None)
            with contextlib.suppress(ValueError):
                ahead.release()

    def _end(self, sent: queue.SimpleQueue) -> None:
        self.kill()
        with self._lock:  # from now on nothing is put into the queue
            self._is_ready, self._feeder = False, None
            left = [*_emptied(sent), *(job[0] for job in _emptied(self._jobs) if job)]
        for answer in left:
            answer.set_exception(OffloadError("it has ended"))

    def kill(self) -> None:
        """Kill the process; its unanswered pictures are read in this one."""
        process = self.process
        if process:
            process.kill()
            process.wait()


def _emptied(waiting: queue.SimpleQueue) -> list:
    left = []
    with contextlib.suppress(queue.Empty):
        while True:
            left.append(waiting.get_nowait())
    return left


def _started(descriptor: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", __name__, str(descriptor)],
        cwd=paths.PROJECT,
        env=paths.environment(),
        pass_fds=[descriptor],
        start_new_session=True,  # shield it from Ctrl+C; it exits with this process
    )


def _grey(picture: np.ndarray) -> np.ndarray:
    """Reduce RGB to grey, which is all that a reading needs."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.shape[2:] == (3,) else picture


def _send(connection: Connection, what: Any) -> None:
    connection.send_bytes(pickle.dumps(what))


def _receive(connection: Connection) -> Any:
    """Receive from the other end of the socket pair; unpickling is safe, as nobody else has access."""
    return pickle.loads(connection.recv_bytes())


def serve(connection: Connection) -> None:
    """Main loop of the process: answer each picture with its reading or with an error message."""
    cv2.setNumThreads(1)  # the other cores are busy, and splitting small pictures costs a quarter more
    load = functools.lru_cache(KEPT)(lambda name, files: Recognizer.load(name))
    load(None, "")
    connection.send("ready")
    while True:
        try:
            name, files, picture = _receive(connection)
        except EOFError:  # the parent has exited
            return
        try:
            answer = load(name, files).read(picture)
        except Exception as error:  # keep serving: the next picture may be readable
            answer = f"{type(error).__name__}: {error}"
        _send(connection, answer)


if __name__ == "__main__":
    with Connection(int(sys.argv[1])) as own:
        serve(own)
