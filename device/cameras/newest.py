"""Live sources: the newest frame wins. A slow loop sees what is, not what was."""

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
"""A camera that delivers nothing for so long is lost."""
SENSOR_FROZEN_S = 5.0
"""A sensor has noise: the same bytes for so long are no picture of now."""


class NewestFrame(ThreadedCamera):
    """Keeps one frame, the newest; counts those that nobody took."""

    live = True

    def __init__(
        self,
        reader: Reader,
        timeout_s: float = TIMEOUT_S,
        frozen_s: float = 0.0,
        may_repeat: bool = True,
        identity: str = "",
    ) -> None:
        """``frozen_s``: a picture unchanged for so long is frozen; 0: never. ``may_repeat``: two equal frames may be two.

        ``identity``: a spec that opens this camera again wherever it is plugged in; empty: its own.
        """
        super().__init__(reader, Handoff(1, newest_wins=True))
        self._timeout_s = timeout_s
        self.frozen_s = frozen_s
        self.may_repeat = may_repeat
        self.identity = identity or reader.spec

    @property
    def dropped(self) -> int:
        """Frames that were captured and never delivered, so far; damaged ones too."""
        return self._handoff.dropped + int(getattr(self._reader, "damaged", 0))

    def _next(self) -> Frame | Unreadable | None:
        try:
            return self._handoff.get(self._timeout_s)
        except TimeoutError:
            raise CameraLost(f"{self.spec} delivered no frame for {self._timeout_s:g} s") from None
