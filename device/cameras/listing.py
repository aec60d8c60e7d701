"""All cameras of this machine, numbered as for ``--camera``, and why other devices cannot be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgevision.errors import CameraError

from .backends import libcamera, rpicam, v4l2_lookup
from .backends.v4l2_formats import Format, formats
from .backends.v4l2_nodes import Node, nodes

if TYPE_CHECKING:
    from .backends.v4l2 import V4L2Reader

VIDEO_HINT = "no permission to open cameras: run sudo usermod -aG video $USER, then log in again"
READY = "ready"


@dataclass(frozen=True, slots=True)
class Listed:
    """A usable camera."""

    number: int
    """Value for ``--camera``."""
    spec: str
    """Spec that identifies this camera whatever else is plugged in."""
    name: str
    through: str
    """Back end: picamera2, rpicam-vid or V4L2."""
    state: str
    """ready, or in use by another program."""
    formats: tuple[Format, ...] = ()
    modes: tuple[str, ...] = ()
    """Modes of a CSI sensor, for display; the image processor scales to any size."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        offered = [
            {"format": one.fourcc, "width": one.width, "height": one.height, "rates_fps": list(one.rates_fps)}
            for one in self.formats
        ]
        plain = {
            "number": self.number,
            "spec": self.spec,
            "name": self.name,
            "through": self.through,
            "state": self.state,
        }
        return {**plain, "formats": offered, "modes": list(self.modes)}


@dataclass(frozen=True, slots=True)
class Listing:
    """All devices that were found."""

    cameras: tuple[Listed, ...]
    others: tuple[tuple[str, str, str], ...]
    """Nodes that are not cameras: path, name, reason."""
    hints: tuple[str, ...]
    """What to install or change."""

    def to_json(self) -> dict[str, Any]:
        """Return the document ``edgevision.cameras/1``."""
        others = [{"path": path, "name": name, "reason": reason} for path, name, reason in self.others]
        cameras = [camera.to_json() for camera in self.cameras]
        return {"schema": "edgevision.cameras/1", "cameras": cameras, "others": others, "hints": list(self.hints)}


Tried = Iterator[tuple[Node, "V4L2Reader | None", str]]


def look(found: list[Node] | None = None, tried: Callable[[list[Node]], Tried] = v4l2_lookup.try_nodes) -> Listing:
    """Query libcamera and the kernel; open every V4L2 camera for one frame, as ``--camera N`` would."""
    found = nodes() if found is None else found
    seen = libcamera.survey(found)
    modes = _sensor_modes() if seen.cameras else {}
    cameras = [
        Listed(number, camera.spec, camera.name, THROUGH[camera.through], READY, modes=modes.get(camera.identity, ()))
        for number, camera in enumerate(seen.cameras)
    ]
    others = [(str(node.path), node.name, node.refusal) for node in found if node.refusal]
    for node, reader, fault in tried(found):
        if reader is not None:
            reader.close()
        if fault and fault != v4l2_lookup.IN_USE:
            others.append((str(node.path), node.name, fault))
            continue
        cameras.append(Listed(len(cameras), node.spec, node.name, "V4L2", fault or READY, formats(node.path)))
    hints = [seen.hint] if seen.hint else []
    if any("no permission" in reason for _, _, reason in others) and os.geteuid() != 0:
        hints.append(VIDEO_HINT)
    return Listing(tuple(cameras), tuple(others), tuple(hints))


def _sensor_modes() -> dict[str, tuple[str, ...]]:
    """Return modes by libcamera ID, as listed by rpicam-vid; picamera2 would have to start each mode."""
    if rpicam.program() is None:
        return {}
    try:
        return {camera.identity: camera.modes for camera in rpicam.cameras()}
    except CameraError:
        return {}


THROUGH = {"picamera": "picamera2", "rpicam": "rpicam-vid"}


def summary(camera: Listed) -> str:
    """Summarize what a camera offers in one line: ``MJPG to 1920x1080 at 30, YUYV to 640x480 at 30``."""
    if camera.modes:
        return "any size; sensor " + ", ".join(dict.fromkeys(camera.modes))
    parts = []
    for fourcc in dict.fromkeys(one.fourcc for one in camera.formats):
        of_kind = [one for one in camera.formats if one.fourcc == fourcc]
        largest = max(of_kind, key=lambda one: one.width * one.height)
        rate = f" at {largest.rates_fps[0]:g}" if largest.rates_fps else ""
        parts.append(
            f"{fourcc}{' to' if len(of_kind) > 1 or largest.any_size else ''} {largest.width}x{largest.height}{rate}"
        )
    return ", ".join(parts) or "any size"
