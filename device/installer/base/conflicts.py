"""What two loops of a device cannot both have: a local camera, and a port to listen on."""

from __future__ import annotations

import re
from dataclasses import dataclass

ANY = frozenset({"0.0.0.0", "::"})
"""Hosts that stand for all addresses of a device."""
_CSI = re.compile(r"(?:picamera|rpicam):(\d+)", re.IGNORECASE)
_NODE = re.compile(r"(?:v4l2:|/dev/video)(\d+)", re.IGNORECASE)
_LOCAL = re.compile(r"(?:picamera|rpicam|v4l2|usb):|/dev/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listening:
    """A port that a loop listens on."""

    what: str
    """The option, for messages."""
    host: str
    port: int

    def overlaps(self, other: Listening) -> bool:
        """Return whether both cannot listen at the same time."""
        mine, theirs = _host(self.host), _host(other.host)
        return self.port == other.port and (mine == theirs or bool({mine, theirs} & ANY))


@dataclass(frozen=True, slots=True)
class Claims:
    """What a loop needs for itself."""

    camera: str
    """Camera or source, as the user wrote it."""
    listening: tuple[Listening, ...] = ()

    def conflict(self, other: Claims, service: str) -> str | None:
        """Return why both cannot run at the same time, in one line; None: they can. ``service``: name of the other loop."""
        if _devices(self.camera) & _devices(other.camera):
            return f"camera {self.camera} is used by the loop {service}; choose another one with --camera"
        for here in self.listening:
            there = next((one for one in other.listening if here.overlaps(one)), None)
            if there is not None:
                return (
                    f"port {here.port} ({here.what}) is used by the loop {service} ({there.what}); choose another port"
                )
        return None


def _devices(spec: str) -> frozenset[str]:
    """Return names of the device that a camera spec opens; empty for what several loops can read, such as a URL.

    Camera 0 is the first one of libcamera if there is one, so that it counts as picamera:0, too.
    """
    if spec.isdecimal():
        return frozenset({f"number {int(spec)}", f"csi {int(spec)}"})
    if found := _CSI.fullmatch(spec):
        return frozenset({f"csi {int(found[1])}"})
    if found := _NODE.fullmatch(spec):
        return frozenset({f"node {int(found[1])}"})
    return frozenset({spec}) if _LOCAL.match(spec) else frozenset()


def _host(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host
