"""A queue for script runs that answer drawings: a few run at a time, and the longest wait goes first.

Concurrent threads spend more time waiting for the GIL and the lock in Streamlit's options than working. With fifty
at a time the server's throughput is lower than with three.
"""

import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Iterator

import streamlit as st

AT_ONCE = 3  # concurrent runs; 1 or 2 were no better in `benchmarks/load.py`
SINCE = "waits_since"  # session key, in addition to those in `state`: arrival time of the oldest unanswered picture


class Turns:
    """A semaphore for `at_once` threads with a priority queue: the waiting thread with the lowest `since` is next."""

    def __init__(self, at_once: int):
        self._at_once = self._free = at_once
        self._waiting = []
        self._lock, self._count = threading.Lock(), itertools.count()

    @property
    def is_crowded(self) -> bool:
        """Whether at least `at_once` are waiting."""
        return len(self._waiting) >= self._at_once

    @contextlib.contextmanager
    def take(self, since: float) -> Iterator[None]:
        self._begin(since)
        try:
            yield
        finally:
            self._end()

    def _begin(self, since: float) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            begins = threading.Event()
            heapq.heappush(self._waiting, (since, next(self._count), begins))
        begins.wait()

    def _end(self) -> None:
        with self._lock:
            if self._waiting:
                heapq.heappop(self._waiting)[2].set()
            else:
                self._free += 1


_turns = Turns(AT_ONCE)


def is_busy() -> bool:
    """Whether many runs wait for their turn."""
    return _turns.is_crowded


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Wait for this session's turn and hold it until the block ends.

    If a newer picture arrives, Streamlit stops this run and starts another, which keeps the place in the queue.
    """
    since = st.session_state.setdefault(SINCE, time.monotonic())
    with _turns.take(since):
        yield
    forget()


def forget() -> None:
    """Forget since when this session's picture waits: it is answered, or no longer shown."""
    st.session_state.pop(SINCE, None)
