"""A few items spread evenly over a stream of unknown length."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class EvenSampler(Generic[T]):
    """Keeps every n-th item; when it has twice as many as wanted, drops every second one and doubles n."""

    def __init__(self, size: int) -> None:
        """``size``: number of items to return, if there are so many."""
        self._size = size
        self._every = 1
        self._seen = 0
        self._kept: list[T] = []

    def wants(self) -> bool:
        """Count one item; return whether to keep it."""
        self._seen += 1
        return (self._seen - 1) % self._every == 0

    def keep(self, thing: T) -> None:
        """Keep the item for which ``wants`` just returned True."""
        if len(self._kept) >= 2 * self._size:
            self._kept = self._kept[::2]
            self._every *= 2
            if (self._seen - 1) % self._every:
                return
        self._kept.append(thing)

    def kept(self) -> list[T]:
        """Return up to ``size`` items, evenly spread, in order of arrival."""
        count = len(self._kept)
        if count <= self._size:
            return list(self._kept)
        return [self._kept[number * count // self._size] for number in range(self._size)]
