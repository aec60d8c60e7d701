"""A few things out of many, spread evenly over all that came, without knowing how many will come."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Even(Generic[T]):
    """Keeps every n-th thing; n doubles, and every second one kept is given up, whenever there is no more room."""

    def __init__(self, size: int) -> None:
        """``size``: how many are kept at most, 2 or more."""
        self._size = size
        self._every = 1
        self._seen = 0
        self._kept: list[T] = []

    def wants(self) -> bool:
        """Counts one thing; whether it is to be kept."""
        self._seen += 1
        return (self._seen - 1) % self._every == 0

    def keep(self, thing: T) -> None:
        """The thing that ``wants`` was just true for."""
        if len(self._kept) >= self._size:
            self._kept = self._kept[::2]
            self._every *= 2
            if (self._seen - 1) % self._every:
                return
        self._kept.append(thing)

    def kept(self) -> list[T]:
        """In the order in which they came."""
        return list(self._kept)
