"""Tells a frozen camera from a still scene: a sensor has noise, so two frames with the same bytes are one frame twice."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edgevision.data import Frame, Pixels


class Verdict(Enum):
    """What a frame is, beside the one before it."""

    NEW = "new"
    REPEATED = "repeated"
    """The same bytes, and a sensor would not give those twice: not passed on."""
    FROZEN = "frozen"
    """The same bytes for too long."""


class Stillness:
    """Watches the frames of one camera, also across its reopening.

    A camera that shows the very same picture after it was reopened is not frozen: what it looks at stands still (a
    drawn picture, total darkness), and it is believed until the picture changes.
    """

    def __init__(self, frozen_s: float, may_repeat: bool) -> None:
        """``frozen_s``: 0 never freezes. ``may_repeat``: equal frames can be new ones, as in a compressed stream."""
        self._frozen_s = frozen_s
        self._may_repeat = may_repeat
        self._last: Pixels | None = None
        self._since = 0.0
        self._suspected = False
        """The camera was reopened because of this very picture."""
        self._believed = False

    def look(self, frame: Frame, now: float) -> Verdict:
        """``now``: monotonic seconds."""
        if not self._frozen_s:
            return Verdict.NEW
        if self._last is None or not _equal(self._last, frame.pixels):
            self._last, self._since = frame.pixels, now
            self._suspected = self._believed = False
            return Verdict.NEW
        self._believed = self._believed or self._suspected
        if self._believed:
            return Verdict.NEW
        if now - self._since >= self._frozen_s:
            self._suspected = True
            return Verdict.FROZEN
        return Verdict.NEW if self._may_repeat else Verdict.REPEATED


def _equal(one: Pixels, other: Pixels) -> bool:
    if one.shape != other.shape:
        return False
    middle = one.shape[0] // 2  # one row of two frames with noise nearly always differs
    return np.array_equal(one[middle], other[middle]) and np.array_equal(one, other)
