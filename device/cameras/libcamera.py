"""Which cameras libcamera knows: the CSI cameras of a Raspberry Pi, through picamera2 or, without it, rpicam-vid."""

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
    "a CSI camera needs python3-picamera2 (sudo apt install python3-picamera2, and a virtual environment made with "
    "--system-site-packages) or rpicam-vid (sudo apt install rpicam-apps-lite)"
)


NOT_DETECTED = (
    "no CSI camera was detected: check its ribbon cable, and camera_auto_detect=1 in /boot/firmware/config.txt"
)


@dataclass(frozen=True, slots=True)
class LibcameraCamera:
    """One camera of libcamera."""

    number: int
    """As picamera2 or rpicam-vid counts."""
    name: str
    """Of the sensor: imx219 ..."""
    identity: str
    """libcamera's name for it, which stays."""
    through: str
    """picamera or rpicam: what opens it, and what its spec begins with."""
    modes: tuple[str, ...] = ()
    """What the sensor can do, for people: ``640x480 at 206.65 frames/s`` ..."""
    size: tuple[int, int] | None = None
    """Pixels of the whole sensor."""

    @property
    def spec(self) -> str:
        """What a user types."""
        return f"{self.through}:{self.number}"

    def open(self, clock: Clock, wanted: Wanted) -> Source:
        """Raises CameraError."""
        if self.through == "picamera":
            from .picamera import open_picamera

            return open_picamera(self.spec, clock, wanted)
        from .rpicam import open_rpicam

        return open_rpicam(self.spec, clock, wanted)


@dataclass(frozen=True, slots=True)
class Survey:
    """What libcamera said."""

    cameras: tuple[LibcameraCamera, ...]
    hint: str = ""
    """What to install or mend, where there is reason to."""


def survey(found: list[Node] | None = None) -> Survey:
    """USB cameras are left out: V4L2 has them. ``found``: the V4L2 nodes, which tell whether there is a CSI camera."""
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
