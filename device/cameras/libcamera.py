"""Cameras known to libcamera (the CSI cameras of a Raspberry Pi), through picamera2 or else rpicam-vid."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from edgevision.errors import EdgeVisionError

from ..clock import Clock
from .v4l2_nodes import SENSOR_DRIVERS, Node, nodes
from .wanted import Wanted

if TYPE_CHECKING:
    from ..protocols import Source

PICAMERA_HINT = (
    "CSI cameras need python3-picamera2 (sudo apt install python3-picamera2, in a virtual environment created with "
    "--system-site-packages) or rpicam-vid (sudo apt install rpicam-apps-lite)"
)


NOT_DETECTED = (
    "no CSI camera detected: check the ribbon cable, and that /boot/firmware/config.txt has camera_auto_detect=1"
)


@dataclass(frozen=True, slots=True)
class LibcameraCamera:
    """A camera known to libcamera."""

    number: int
    """Index in picamera2 or rpicam-vid."""
    name: str
    """Sensor name, such as imx219."""
    identity: str
    """Permanent libcamera ID."""
    through: str
    """picamera or rpicam: the back end that opens it, and the prefix of its spec."""
    modes: tuple[str, ...] = ()
    """Sensor modes for display, such as ``640x480 at 206.65 frames/s``."""
    size: tuple[int, int] | None = None
    """Full sensor size in pixels."""

    @property
    def spec(self) -> str:
        """The camera spec that a user types."""
        return f"{self.through}:{self.number}"

    def open(self, clock: Clock, wanted: Wanted) -> Source:
        """Open this camera. Raises CameraError."""
        if self.through == "picamera":
            from .picamera import open_picamera

            return open_picamera(self.spec, clock, wanted)
        from .rpicam import open_rpicam

        return open_rpicam(self.spec, clock, wanted)


@dataclass(frozen=True, slots=True)
class Survey:
    """Cameras that libcamera reported."""

    cameras: tuple[LibcameraCamera, ...]
    hint: str = ""
    """What to install or fix, if anything."""


def survey(found: list[Node] | None = None) -> Survey:
    """List the CSI cameras; USB cameras are left to V4L2. ``found``: V4L2 nodes, which show whether there is a sensor."""
    found = nodes() if found is None else found
    reason = ""
    if find_spec("picamera2") is not None:
        from . import picamera

        try:
            return _surveyed(picamera.cameras(), found)
        except EdgeVisionError as error:
            reason = str(error)
    from . import rpicam

    if rpicam.program() is not None:
        try:
            return _surveyed(rpicam.cameras(), found, reason)
        except EdgeVisionError as error:
            return Survey((), reason or str(error))
    return Survey((), reason or (PICAMERA_HINT if _has_sensor(found) else ""))


def _surveyed(cameras: tuple[LibcameraCamera, ...], found: list[Node], reason: str = "") -> Survey:
    return Survey(cameras, reason or (NOT_DETECTED if not cameras and _has_sensor(found) else ""))


def _has_sensor(found: list[Node]) -> bool:
    return any(node.driver in SENSOR_DRIVERS for node in found)
