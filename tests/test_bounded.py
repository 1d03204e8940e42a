"""The LRU cache bounded in bytes."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest

from ui.bounded import Bounded, weight


@dataclass(frozen=True)
class Pair:
    one: np.ndarray
    other: list[np.ndarray]


def array(kilobytes: int) -> np.ndarray:
    return np.zeros(1000 * kilobytes, np.uint8)


def test_arrays_are_weighed_wherever_they_are_held():
    assert 5_000 <= weight(Pair(array(2), [array(1), array(2)])) < 6_000
    assert 3_000 <= weight({"a": (array(1), array(2))}) < 4_000


def test_what_was_used_longest_ago_goes_first():
    cache = Bounded(11_000)
    for key in "abc":
        cache.put(key, array(3))
    assert cache.get("a") is not None
    cache.put("d", array(3))
    assert [key for key in "abcd" if cache.get(key) is not None] == ["a", "c", "d"]
    assert cache.bytes <= cache.most


def test_a_value_put_twice_weighs_once_and_one_that_is_too_large_is_not_kept():
    cache = Bounded(10_000)
    cache.put("a", array(4))
    cache.put("a", array(5))
    cache.put("b", array(4))
    assert cache.get("a") is not None
    cache.put("c", array(20))
    assert [key for key in "abc" if cache.get(key) is not None] == ["a", "b"]
    cache.put("a", array(20))
    assert 4_000 <= cache.bytes < 5_000


def test_what_is_kept_is_not_made_again():
    cache, made = Bounded(10_000), []

    def make():
        made.append(1)
        return array(1)

    assert cache.get_or_make("a", make, waits=True) is cache.get_or_make("a", make, waits=True)
    assert len(made) == 1


@pytest.mark.parametrize(("fails", "times"), [(False, 1), (True, 2)])
def test_a_value_that_two_threads_want_is_made_once_unless_that_fails(fails, times):
    cache, begun, goes_on, made, got = Bounded(10_000), threading.Event(), threading.Event(), [], []

    def make() -> int:
        made.append(1)
        begun.set()
        goes_on.wait(10)
        if fails and len(made) == 1:
            raise ValueError
        return 7

    def want() -> None:
        try:
            got.append(cache.get_or_make("a", make, waits=True))
        except ValueError:
            got.append("failed")

    threads = [threading.Thread(target=want) for _ in range(2)]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    goes_on.set()
    for thread in threads:
        thread.join(10)
    assert len(made) == times
    assert got == (["failed", 7] if fails else [7, 7])


def test_many_small_entries_count_with_their_keys():
    cache = Bounded(10_000)
    for number in range(1000):
        cache.put(f"a long key {number}", number)
        cache.get_or_make(f"missing {number}", lambda: None)
    assert len(cache._kept) < 50
