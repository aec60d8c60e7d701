"""Tells a frozen camera from a still scene: a sensor has noise, so identical bytes mean the same frame twice."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edgevision.types import Frame, Pixels


class FrameChange(Enum):
    """Relation of a frame to the one before it."""

    NEW = "new"
    REPEATED = "repeated"
    """The same bytes, which a sensor would not produce twice: not passed on."""
    FROZEN = "frozen"
    """The same bytes for too long."""


class Stillness:
    """Compares consecutive frames of one camera, also across reconnects.

    If a camera shows the same image after it was reopened, it is not frozen: its scene is static (a drawn image, total
    darkness), and the check is suspended until the image changes.
    """

    def __init__(self, freeze_timeout_s: float, may_repeat: bool) -> None:
        """``freeze_timeout_s``: 0 disables the check. ``may_repeat``: equal frames can be new ones, as in a compressed stream."""
        self._freeze_timeout_s = freeze_timeout_s
        self._may_repeat = may_repeat
        self._last: Pixels | None = None
        self._since = 0.0
        self._suspected = False
        """Whether the camera was reopened because of this image."""
        self._believed = False

    def look(self, frame: Frame, now: float) -> FrameChange:
        """Classify a frame; ``now``: monotonic seconds."""
        if not self._freeze_timeout_s:
            return FrameChange.NEW
        if self._last is None or not _equal(self._last, frame.pixels):
            self._last, self._since = frame.pixels, now
            self._suspected = self._believed = False
            return FrameChange.NEW
        self._believed = self._believed or self._suspected
        if self._believed:
            return FrameChange.NEW
        if now - self._since >= self._freeze_timeout_s:
            self._suspected = True
            return FrameChange.FROZEN
        return FrameChange.NEW if self._may_repeat else FrameChange.REPEATED


def _equal(one: Pixels, other: Pixels) -> bool:
    if one.shape != other.shape:
        return False
    middle = one.shape[0] // 2  # with noise, one row nearly always differs: a cheap first check
    return np.array_equal(one[middle], other[middle]) and np.array_equal(one, other)
