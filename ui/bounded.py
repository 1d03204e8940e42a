"""A thread-safe LRU cache, bounded in bytes instead of entries."""

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from threading import Event, Lock
from typing import Any

import numpy as np

ENTRY = 200  # bytes of an entry beside its key and value


class Bounded:
    """LRU cache of at most `most` bytes in total; a larger value is not cached."""

    def __init__(self, most: int):
        self.most, self.bytes = most, 0
        self._kept: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._making: dict[Any, Event] = {}  # set when the value is made; single dict operations are atomic
        self._lock = Lock()

    def get(self, key: Any) -> Any | None:
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def get_or_make(self, key: Any, make: Callable[[], Any], waits: bool = False) -> Any:
        """Return the cached value, or make and cache it.

        Args:
            waits: whether to wait for another thread that makes it at this moment; if that fails, this one tries.
        """
        found = self.get(key)
        others = self._making.get(key) if found is None and waits else None
        if others:
            others.wait()
            found = self.get(key)
        return self._make(key, make) if found is None else found

    def _make(self, key: Any, make: Callable[[], Any]) -> Any:
        made = self._making.setdefault(key, Event())
        try:
            value = make()
            if value is not None:  # which counts as missing
                self.put(key, value)
            return value
        finally:
            self._making.pop(key, None)
            made.set()

    def put(self, key: Any, value: Any) -> None:
        size = weight(key) + weight(value) + ENTRY
        with self._lock:
            self.bytes -= self._kept.pop(key, (None, 0))[1]
            if size > self.most:
                return
            self._kept[key] = value, size
            self.bytes += size
            while self.bytes > self.most:
                self.bytes -= self._kept.popitem(last=False)[1][1]


def weight(value: Any) -> int:
    """Estimate the bytes of arrays and their containers."""
    if isinstance(value, np.ndarray):
        return value.nbytes + 100
    if isinstance(value, dict):
        return 100 + sum(weight(key) + weight(part) for key, part in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return 100 + sum(weight(part) for part in value)
    if is_dataclass(value):
        return 100 + sum(weight(getattr(value, field.name)) for field in fields(value))
    return sys.getsizeof(value)
