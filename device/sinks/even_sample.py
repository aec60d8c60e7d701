"""Keeps a few items spread evenly over a stream of unknown length."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class EvenSampler(Generic[T]):
    """Keeps every n-th item; when full, drops every second one kept and doubles n."""

    def __init__(self, size: int) -> None:
        """``size``: maximum number kept, 2 or more."""
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
        if len(self._kept) >= self._size:
            self._kept = self._kept[::2]
            self._every *= 2
            if (self._seen - 1) % self._every:
                return
        self._kept.append(thing)

    def kept(self) -> list[T]:
        """Return the kept items in order of arrival."""
        return list(self._kept)
