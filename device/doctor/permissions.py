"""Checks of this user's permissions: device nodes of cameras and accelerators, and the groups that may open them."""

from __future__ import annotations

from pathlib import Path

from edgevision.engines.edgetpu_devices import plugged_in

from ..system.host import System
from .result import Check

GROUPS = {
    # group: nodes below /dev, kind of device
    "video": (("video*",), "camera"),
    "render": (("dri/renderD*",), "graphics processor"),
    "plugdev": ((), "USB Edge TPU"),
}
CSI_NODES = ("media*", "dma_heap/*", "vcio")
"""Nodes that libcamera and the firmware's tools open on a Raspberry Pi; elsewhere they belong to root and are not needed."""


def checks(system: System) -> tuple[Check, ...]:
    """Return one check for each group."""
    return tuple(_group(system, name) for name in GROUPS)


def _group(system: System, name: str) -> Check:
    nodes, what = _nodes(system, name), GROUPS[name][1]
    label = f"group {name}"
    if not nodes:
        member = f" ({system.user} is a member)" if name in system.groups else ""
        return Check(label, None, f"no {what} here{member}", needed=False)
    locked = [node for node in nodes if not system.may_use(node)]
    if not locked:
        how = "is root" if system.superuser else "is a member" if name in system.groups else "does not need it"
        return Check(label, True, f"{system.user} {how}: can open all {what} nodes ({len(nodes)})")
    shown = ", ".join(f"/{node.relative_to(system.root)}" for node in locked[:3]) + (" ..." if len(locked) > 3 else "")
    if name in system.groups:
        return Check(
            label, False, f"{system.user} is a member but cannot open {shown}", fix=_udev(locked), needed=_needed(name)
        )
    later = system.user in _members(system, name)
    return Check(
        label,
        False,
        f"{system.user} is {'a member only after the next login' if later else 'not a member'} and cannot open {shown}",
        expected="member",
        fix="log out and in again" if later else f"sudo usermod -aG {name} {system.user}, then log in again",
        needed=_needed(name),
    )


def _needed(name: str) -> bool:
    """Return whether edgevision needs the group's devices; it does not use the graphics processor."""
    return name != "render"


def _nodes(system: System, name: str) -> list[Path]:
    if name == "plugdev":
        return [tpu.node for tpu in plugged_in(system.root, system.may_use) if tpu.bus == "usb" and tpu.node]
    patterns = GROUPS[name][0] + (CSI_NODES if name == "video" and system.raspberry_pi else ())
    return [node for pattern in patterns for node in system.nodes(pattern)]


def _members(system: System, name: str) -> list[str]:
    """Return the members of a group in /etc/group, which applies to new logins."""
    for line in system.read("/etc/group").splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) == 4:
            return fields[3].split(",")
    return []


def _udev(locked: list[Path]) -> str:
    return f"udev gave it to another group (ls -l {locked[0]}); run sudo udevadm trigger, or reboot"
