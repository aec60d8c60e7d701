"""Live sources: keep only the newest frame, so that a slow loop works on current images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.errors import CameraLost

from ..handoff import Handoff
from .threaded import ThreadedCamera

if TYPE_CHECKING:
    from edgevision.data import Frame

    from ..items import Unreadable
    from ..protocols import Reader

TIMEOUT_S = 10.0
"""Seconds without a frame after which a camera counts as lost."""
SENSOR_FROZEN_S = 5.0
"""Seconds of identical bytes after which a sensor counts as frozen: a working sensor always shows noise."""


class NewestFrame(ThreadedCamera):
    """Keeps only the newest frame and counts those that were not taken."""

    live = True

    def __init__(
        self,
        reader: Reader,
        timeout_s: float = TIMEOUT_S,
        frozen_s: float = 0.0,
        may_repeat: bool = True,
        identity: str = "",
    ) -> None:
        """Set up a live source.

        ``frozen_s``: seconds without change after which the image counts as frozen; 0 disables the check. ``may_repeat``:
        equal frames can be distinct captures. ``identity``: spec that opens this camera again wherever it is plugged in;
        empty: ``spec``.
        """
        super().__init__(reader, Handoff(1, newest_wins=True))
        self._timeout_s = timeout_s
        self.frozen_s = frozen_s
        self.may_repeat = may_repeat
        self.identity = identity or reader.spec

    @property
    def dropped(self) -> int:
        """Number of frames captured but never delivered, damaged ones included."""
        return self._handoff.dropped + int(getattr(self._reader, "damaged", 0))

    def _next(self) -> Frame | Unreadable | None:
        try:
            return self._handoff.get(self._timeout_s)
        except TimeoutError:
            raise CameraLost(f"{self.spec} sent no frame for {self._timeout_s:g} s") from None
