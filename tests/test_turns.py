"""The queue of script runs while many people draw at once."""

import threading
import time

import pytest

from ui.turns import Turns


def _wait_until(what) -> None:
    until = time.monotonic() + 10
    while not what():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_those_who_have_waited_longest_come_first():
    turns, order, threads = Turns(1), [], []

    def run(since: float) -> None:
        with turns.take(since):
            order.append(since)

    with turns.take(0.0):
        for since in (5.0, 2.0, 9.0, 1.0):
            threads.append(threading.Thread(target=run, args=(since,)))
            threads[-1].start()
            _wait_until(lambda: len(turns._waiting) == len(threads))
        assert order == []
    for thread in threads:
        thread.join()
    assert order == [1.0, 2.0, 5.0, 9.0]


def test_no_more_run_than_are_let_in_and_an_error_gives_the_turn_back():
    turns, inside, most = Turns(2), [], []

    def fail() -> None:
        with turns.take(time.monotonic()):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()
            raise ZeroDivisionError

    def run() -> None:
        with pytest.raises(ZeroDivisionError):
            fail()

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(most) == 10
    assert max(most) == 2
