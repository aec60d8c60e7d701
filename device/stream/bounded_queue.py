"""A short queue between two threads that ends cleanly; when full, it drops the oldest item or makes ``put`` wait."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedQueue(Generic[T]):
    """Holds at most ``size`` items in transit from one thread to another."""

    def __init__(self, size: int, newest_wins: bool) -> None:
        """``newest_wins``: a full queue drops and counts its oldest item; otherwise ``put`` waits for space."""
        self._size = size
        self._newest_wins = newest_wins
        self._items: deque[T] = deque()
        self._changed = Condition()
        self._ended = False
        self._closed = False
        self._error: Exception | None = None
        self.dropped = 0
        """Number of items dropped."""

    def put(self, item: T, timeout: float | None = None) -> bool:
        """Add an item; return False if closed, or still full after ``timeout`` seconds."""
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
        """Take the oldest item; None at the end. Raises TimeoutError, or the error passed to ``end``."""
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
        """Accept no more items; queued ones are still delivered, then ``error`` is raised."""
        with self._changed:
            self._ended = True
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Stop both sides at once and discard queued items."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
