"""``--camera N``: the N-th usable camera, libcamera cameras first, then V4L2 nodes that actually capture.

On a Raspberry Pi with a CSI camera, /dev/video0 is raw sensor data: it opens but never delivers an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.errors import CameraError

from ..clock import SYSTEM, Clock
from . import libcamera, v4l2_opening
from .wanted import ANY, Wanted

if TYPE_CHECKING:
    from ..protocols import Source


def open_numbered(number: int, clock: Clock = SYSTEM, wanted: Wanted = ANY) -> Source:
    """Open camera N. Raises CameraError, which lists the available cameras."""
    seen = libcamera.survey()
    if number < len(seen.cameras):
        return seen.cameras[number].open(clock, wanted)
    try:
        return v4l2_opening.open_numbered(number - len(seen.cameras), clock, wanted)
    except CameraError as error:
        if seen.cameras:
            there = ", ".join(f"{camera.number} {camera.name}" for camera in seen.cameras)
            raise CameraError(f"camera {number} not found: libcamera has {there}; {error}") from None
        if seen.hint:
            raise CameraError(f"{error}; {seen.hint}") from None
        raise
