"""``--camera N``: the N-th usable camera, those of libcamera first, then the V4L2 nodes that really capture.

On a Raspberry Pi with a CSI camera /dev/video0 is the sensor's raw data: it opens, and never gives a picture.
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
    """Raises CameraError, which lists what there is."""
    seen = libcamera.survey()
    if number < len(seen.cameras):
        return seen.cameras[number].open(clock, wanted)
    try:
        return v4l2_opening.open_numbered(number - len(seen.cameras), clock, wanted)
    except CameraError as error:
        if seen.cameras:
            there = ", ".join(f"{camera.number} {camera.name}" for camera in seen.cameras)
            raise CameraError(f"no usable camera {number}; the camera system has {there}; {error}") from None
        if seen.hint:
            raise CameraError(f"{error}; {seen.hint}") from None
        raise
