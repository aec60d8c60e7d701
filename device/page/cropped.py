"""Crops the frames of a camera to a region that may change while the loop runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from edgevision.types import Frame

from ..cameras.wrappers.orientation import turn
from ..cameras.wrappers.wrapper import Wrapped
from ..stream.request import CaptureRequest

if TYPE_CHECKING:
    from ..stream.control import LoopControl
    from ..stream.events import SourceEvent, Unreadable
    from ..stream.protocols import Source


class Cropped(Wrapped):
    """A crop is a view of the frame and costs nothing."""

    def __init__(self, source: Source, control: LoopControl) -> None:
        super().__init__(source)
        self._control = control

    def __iter__(self) -> Iterator[Frame | Unreadable | SourceEvent]:
        """Yield the source's items with cropped frames."""
        for item in self._source:
            roi = self._control.roi
            if roi is not None and isinstance(item, Frame):
                yield replace(item, pixels=turn(item.pixels, CaptureRequest(roi=roi)))
            else:
                yield item
