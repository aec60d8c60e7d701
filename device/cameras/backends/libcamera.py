"""Cameras known to libcamera (the CSI cameras of a Raspberry Pi), through picamera2 or else rpicam-vid."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from edgevision.errors import EdgeVisionError
from edgevision.log import Log

from .csi_camera import NOT_DETECTED, PICAMERA_HINT, LibcameraCamera
from .v4l2_nodes import SENSOR_DRIVERS, Node, nodes

if TYPE_CHECKING:
    from ...stream.protocols import LiveSource
    from ...stream.request import CaptureRequest
    from ...system.clock import Clock

log = Log("edgevision.cameras")


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
            log.info("not through picamera2: %s", error)
    from . import rpicam

    if rpicam.program() is not None:
        try:
            return _surveyed(rpicam.cameras(), found, reason)
        except EdgeVisionError as error:
            log.info("not through rpicam-vid: %s", error)
            return Survey((), reason or str(error))
    return Survey((), reason or (PICAMERA_HINT if _has_sensor(found) else ""))


def open_listed(camera: LibcameraCamera, clock: Clock, wanted: CaptureRequest) -> LiveSource:
    """Open a camera that ``survey`` listed. Raises CameraError."""
    if camera.through == "picamera":
        from .picamera import open_picamera

        return open_picamera(camera.spec, clock, wanted)
    from .rpicam import open_rpicam

    return open_rpicam(camera.spec, clock, wanted)


def _surveyed(cameras: tuple[LibcameraCamera, ...], found: list[Node], reason: str = "") -> Survey:
    return Survey(cameras, reason or (NOT_DETECTED if not cameras and _has_sensor(found) else ""))


def _has_sensor(found: list[Node]) -> bool:
    return any(node.driver in SENSOR_DRIVERS for node in found)
