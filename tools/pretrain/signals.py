"""Turn Ctrl-C and SIGTERM into a request to stop, which the loop handles between two steps."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any


class StopRequest:
    """Context manager that records the two signals instead of ending the process; a second one ends it as usual."""

    def __init__(self) -> None:
        self.signal: int | None = None
        """The signal received, None if there was none."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, self._before[number])
