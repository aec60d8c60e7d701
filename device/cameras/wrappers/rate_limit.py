"""Rate limit: drops frames of a live camera that is faster than requested, or samples a video."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgevision.types import Frame

from .wrapper import Wrapped

if TYPE_CHECKING:
    from ...stream.events import SourceEvent, Unreadable
    from ...stream.protocols import Source

_EARLY = 0.1
"""Tolerance as a share of the frame period: camera clocks are inexact, and 30 of 30 frames must all pass."""
_ROUNDED_S = 0.001
"""Tolerance in seconds for video positions, which are whole milliseconds."""


class Paced(Wrapped):
    """Passes at most ``fps`` frames per second by capture time or video position; the others count as dropped."""

    def __init__(self, source: Source, fps: float) -> None:
        super().__init__(source)
        self._period_s = 1.0 / fps
        self._early_s = _EARLY * self._period_s if source.live else _ROUNDED_S
        self._due: float | None = None
        self._passed_over = 0

    @property
    def dropped(self) -> int:
        """Number of frames captured but never delivered."""
        return self._source.dropped + self._passed_over

    def __iter__(self) -> Iterator[Frame | Unreadable | SourceEvent]:
        """Yield the source's items without the frames that come too early."""
        for item in self._source:
            if isinstance(item, Frame) and self._too_early(item):
                self._passed_over += 1
            else:
                yield item

    def _too_early(self, frame: Frame) -> bool:
        at = frame.position_s if frame.captured_at is None else frame.captured_at
        if at is None:
            return False
        if self._due is not None and at < self._due - self._early_s:
            return True
        on_time = self._due is not None and at < self._due + self._period_s
        self._due = (self._due if on_time and self._due is not None else at) + self._period_s
        return False
