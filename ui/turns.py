"""Runs that answer drawings take turns: a few at a time, those who have waited longest first.

Threads that run together wait for Python's lock, and for the one inside Streamlit's options, longer than they work:
with fifty at a time the server answers less than with three.
"""

import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Iterator

import streamlit as st

AT_ONCE = 3  # runs; `benchmarks/load.py` was no better with 1 or 2
SINCE = "waits_since"  # key of the session, beside those of `state`: when its oldest picture without an answer came


class Turns:
    """Lets `at_once` threads in; of those who wait, the one with the lowest `since` comes next."""

    def __init__(self, at_once: int):
        self._free, self._waiting = at_once, []
        self._lock, self._count = threading.Lock(), itertools.count()

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
_own = threading.local()


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Wait for this session's turn, and have it until the block ends; within another turn there is nothing to wait for.

    Where a newer picture has come meanwhile, Streamlit ends this run and begins another: its place in the queue stays.
    """
    if getattr(_own, "is_running", False):
        yield
        return
    since = st.session_state.setdefault(SINCE, time.monotonic())
    with _turns.take(since):
        _own.is_running = True
        try:
            yield
        finally:
            _own.is_running = False
    st.session_state.pop(SINCE, None)
