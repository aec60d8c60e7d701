"""Which cameras there are, and why one that is plugged in cannot be used."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from .check import Check
from .system import System

MODULE = "edgevision.device.doctor.camera_child"
TIMEOUT_S = 30.0
CSI_DRIVERS = ("unicam", "rp1-cfe")
"""Of the Raspberry Pi up to 4, and of the 5."""
NO_PERMISSION = "no permission"


@dataclass(frozen=True, slots=True)
class Cameras:
    """What the child listed."""

    usable: tuple[str, ...] = ()
    """For people: what opens it, and its name."""
    forbidden: tuple[str, ...] = ()
    """Nodes that this user may not open."""
    csi: bool = False
    """There is a CSI camera: its pictures come from libcamera alone."""
    through_libcamera: bool = False
    """libcamera lists at least one."""
    hint: str = ""
    """What libcamera lacks."""
    problem: str = ""
    """Why they could not be listed."""


def look(system: System) -> Cameras:
    """Lists them in a child process."""
    answer = system.child([sys.executable, "-P", "-m", MODULE], TIMEOUT_S)
    if answer.status is None:
        return Cameras(problem=f"listing them did not end within {TIMEOUT_S:g} s")
    try:
        listed = json.loads((answer.out.strip().splitlines() or [""])[-1])
    except ValueError:
        last = (answer.err.strip().splitlines() or [f"exit status {answer.status}"])[-1]
        return Cameras(problem=f"they could not be listed: {last}")
    return _cameras(listed)


def _cameras(listed: dict[str, Any]) -> Cameras:
    nodes, others = listed["v4l2"], listed["libcamera"]
    capture = [f"{node['path']} ({node['name']})" for node in nodes if node["refusal"] is None]
    return Cameras(
        usable=(*(f"{camera['spec']} ({camera['name']})" for camera in others), *capture),
        forbidden=tuple(node["path"] for node in nodes if (node["refusal"] or "").startswith(NO_PERMISSION)),
        csi=bool(others) or any(node["driver"] in CSI_DRIVERS for node in nodes),
        through_libcamera=bool(others),
        hint=listed["hint"],
    )


def checks(found: Cameras, system: System) -> tuple[Check, ...]:
    """One line; a second where libcamera lacks something."""
    lines = [_listed(found, system)]
    if found.hint:
        lines.append(_through_libcamera(found))
    return tuple(lines)


def _through_libcamera(found: Cameras) -> Check:
    """A CSI camera that cannot be used is a fault; without one, libcamera is not needed."""
    fix = "sudo apt install python3-picamera2, in a virtual environment made with --system-site-packages"
    return Check("libcamera", False, found.hint, expected="picamera2 or rpicam-vid", fix=fix, needed=found.csi)


def _listed(found: Cameras, system: System) -> Check:
    if found.problem:
        return Check("cameras", False, found.problem, fix="edgevision cameras", needed=False)
    if found.usable:
        return Check("cameras", True, ", ".join(found.usable))
    if found.forbidden:
        nodes = ", ".join(found.forbidden)
        return Check(
            "cameras",
            False,
            f"{nodes}: no permission",
            expected="readable and writable",
            fix=f"sudo usermod -aG video {system.user}, then log in again",
        )
    fix = "plug one in; for a CSI camera look at its cable and at camera_auto_detect=1 in /boot/firmware/config.txt"
    return Check("cameras", None, "none found", fix=fix if system.raspberry_pi else None, needed=False)
