"""Wakes viewers on the server's thread when the loop has something new."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Bell:
    """``ring`` may be called from any thread, and costs almost nothing while nobody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[asyncio.Future[None]] = set()
        self._rung = False

    def ring(self) -> None:
        """Wake all that wait."""
        if self._waiting and not self._rung:
            self._rung = True
            with suppress(RuntimeError):  # the server has ended
                self._loop.call_soon_threadsafe(self._wake)

    async def wait(self, seconds: float) -> None:
        """Wait until the bell rings, at most ``seconds``."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait([future], timeout=max(0.0, seconds))
        finally:
            self._waiting.discard(future)

    def _wake(self) -> None:
        self._rung = False
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
