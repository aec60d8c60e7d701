"""A short queue between two threads that ends cleanly: either the oldest item gives way, or the giver waits."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """At most ``size`` items on their way from one thread to another."""

    def __init__(self, size: int, newest_wins: bool) -> None:
        """``newest_wins``: a full queue drops its oldest item and counts it; otherwise ``put`` waits for room."""
        self._size = size
        self._newest_wins = newest_wins
        self._items: deque[T] = deque()
        self._changed = Condition()
        self._ended = False
        self._closed = False
        self._error: Exception | None = None
        self.dropped = 0
        """Items that gave way."""

    def put(self, item: T, timeout: float | None = None) -> bool:
        """Gives one item; False when nobody takes it: closed, or still full after ``timeout`` seconds."""
        with self._changed:
            if self._newest_wins and len(self._items) >= self._size:
                self._items.popleft()
                self.dropped += 1
            elif not self._changed.wait_for(lambda: self._closed or len(self._items) < self._size, timeout):
                return False
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout: float | None = None) -> T | None:
        """Takes the oldest item; None at the end. Raises TimeoutError, or what the giver failed with."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._items) or self._ended or self._closed, timeout):
                raise TimeoutError
            if self._items and not self._closed:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None and not self._closed:
                raise self._error
            return None

    def end(self, error: Exception | None = None) -> None:
        """No more will be put; what is queued is still delivered, then ``error`` is raised."""
        with self._changed:
            self._ended = True
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Both sides stop at once; what is queued is forgotten."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
