"""A bounded memory for verdicts on pictures, by the hash of their bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_OVERHEAD = 1024
"""Bytes counted for an entry besides its data, so that a million small ones are bounded too."""

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Keeps what was used last, up to a number of bytes.

    Args:
        max_bytes: Memory for all entries; 0 keeps nothing.
        size: Bytes that a value takes.
    """

    def __init__(self, max_bytes: int, size: Callable[[Value], int]) -> None:
        self._max_bytes, self._size = max_bytes, size
        self._entries: OrderedDict[str, Value] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes_held(self) -> int:
        """Bytes of all entries, their overhead included."""
        return self._bytes

    def get(self, key: str) -> Value | None:
        """The value, which counts as used now, or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: str, value: Value) -> None:
        """Keep a value; what was not used for longest makes room. One that has no room at all is not kept."""
        cost = self._size(value) + _OVERHEAD
        if key in self._entries or cost > self._max_bytes:
            return
        self._entries[key] = value
        self._bytes += cost
        while self._bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= self._size(oldest) + _OVERHEAD
