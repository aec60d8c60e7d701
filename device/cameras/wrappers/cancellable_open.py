"""Opens what may hang on a thread of its own, so that the caller can give up at any time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """Anything that can be closed after opening."""

    def close(self) -> None:
        """Free it."""


T = TypeVar("T", bound=Closable)


class Opening(Generic[T]):
    """One attempt to open something, started at once. If it succeeds after being abandoned, the result is closed."""

    def __init__(self, attempt: Callable[[], T], name: str) -> None:
        self._changed = Condition()
        self._opened: T | None = None
        self._error: Exception | None = None
        self._abandoned = False
        Thread(target=self._try, args=(attempt,), name=f"open {name}", daemon=True).start()

    def wait(self, timeout_s: float | None = None) -> T | None:
        """Return the result, or None if abandoned. Raises what the attempt raised; on TimeoutError it is abandoned."""
        try:
            return self._take(timeout_s)
        except (KeyboardInterrupt, TimeoutError):
            self.abandon()
            raise

    def abandon(self) -> None:
        """Give up: ``wait`` returns at once, on any thread."""
        with self._changed:
            self._abandoned = True
            opened, self._opened = self._opened, None
            self._changed.notify_all()
        if opened is not None:
            opened.close()

    def _is_over(self) -> bool:
        return self._opened is not None or self._error is not None or self._abandoned

    def _take(self, timeout_s: float | None) -> T | None:
        with self._changed:
            if not self._changed.wait_for(self._is_over, timeout_s):
                raise TimeoutError
            if self._error is not None and not self._abandoned:
                raise self._error
            opened, self._opened = self._opened, None
            return opened

    def _try(self, attempt: Callable[[], T]) -> None:
        opened, error = None, None
        try:
            opened = attempt()
        except Exception as fault:  # re-raised in ``wait``
            error = fault
        with self._changed:
            if not self._abandoned:
                self._opened, self._error = opened, error
                opened = None
            self._changed.notify_all()
        if opened is not None:
            opened.close()
