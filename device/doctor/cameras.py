"""Checks of the cameras: which are usable, and why others are not.

``edgevision cameras`` runs in a child process, so that a camera stack that crashes or hangs does not stop the doctor.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from ..system.host import System, how_it_ended
from .packages import INSTALL, Packages
from .result import Check

COMMAND = (sys.executable, "-P", "-m", "edgevision", "cameras", "--json")
TIMEOUT_S = 60.0
"""Seconds for the child: each camera is opened for one frame, and some take seconds to start."""


@dataclass(frozen=True, slots=True)
class Cameras:
    """The cameras listed by the child process."""

    usable: tuple[str, ...] = ()
    """One line for each: number, name and driver."""
    forbidden: tuple[str, ...] = ()
    """Device nodes that this user may not open."""
    csi: bool = False
    """Whether a CSI camera is plugged in, usable or not."""
    lacking: str = ""
    """Why CSI cameras cannot be used; empty if they can."""
    problem: str = ""
    """Why the cameras could not be listed; empty if they could."""


def look(system: System) -> Cameras:
    """List the cameras in a child process."""
    answer = system.child(COMMAND, TIMEOUT_S)
    try:
        return _cameras(json.loads(answer.out))
    except (ValueError, KeyError, TypeError):
        return Cameras(problem=how_it_ended(answer, "listing the cameras", TIMEOUT_S))


def _cameras(listed: dict[str, Any]) -> Cameras:
    found, others, hints = listed["cameras"], listed["others"], listed["hints"]
    forbidden = tuple(other["path"] for other in others if "no permission" in other["reason"])
    return Cameras(
        usable=tuple(_one(camera) for camera in found),
        forbidden=forbidden,
        csi=any(camera["through"] != "V4L2" for camera in found) or any("CSI" in other["reason"] for other in others),
        lacking="; ".join(hint for hint in hints if "usermod" not in hint),
    )


def _one(camera: dict[str, Any]) -> str:
    state = "" if camera["state"] == "ready" else f", {camera['state']}"
    return f"{camera['number']}: {camera['name']} ({camera['through']}{state})"


def checks(found: Cameras, packages: Packages, system: System) -> tuple[Check, ...]:
    """Return the check of the cameras, and a second one if CSI cameras cannot be used, required if one is plugged in."""
    if not found.lacking:
        return (_listed(found, system),)
    absent = not packages.tried["picamera2"].problem
    fix = INSTALL["picamera2"] if absent else "fix picamera2 as shown above"
    lacking = Check("libcamera", False, found.lacking, expected="works", fix=fix, needed=found.csi)
    return _listed(found, system), lacking


def _listed(found: Cameras, system: System) -> Check:
    if found.problem:
        return Check("cameras", False, found.problem, fix="EDGEVISION_DEBUG=1 edgevision cameras", needed=False)
    if found.usable:
        return Check("cameras", True, "; ".join(found.usable))
    if found.forbidden:
        nodes = ", ".join(found.forbidden)
        return Check(
            "cameras",
            False,
            f"{nodes}: no permission",
            expected="readable and writable",
            fix=f"sudo usermod -aG video {system.user}, then log in again",
        )
    fix = "plug one in; for a CSI camera, check its cable and camera_auto_detect=1 in /boot/firmware/config.txt"
    return Check("cameras", None, "none found", fix=fix if system.raspberry_pi else None, needed=False)
