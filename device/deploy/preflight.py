"""Checks of a device before anything is changed there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..bundle.target import ARCHES, PYTHONS
from ..installer.archive.manifest import Manifest
from ..installer.base.commands import ROOM
from .device_info import DeviceInfo

CLOCK_S = 300
"""Difference of clocks in seconds from which times in events and logs mislead."""
LOW_MB = 300
"""Memory in MB below which the loop may not start."""
OLDEST_LIBC = (2, 34)
"""Oldest glibc that the libraries run on (PEP 600)."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    name: str
    ok: bool
    found: str
    fix: str = ""
    """What to do; empty if it is fine."""
    fatal: bool = True
    """Whether a deployment is impossible if it is not fine."""

    def to_json(self) -> dict[str, Any]:
        """Return the check as JSON values."""
        return {"name": self.name, "ok": self.ok, "found": self.found, "fix": self.fix}


def check(device: DeviceInfo, plan: Manifest | None, signed: bool, now: float) -> list[Check]:
    """Return all checks, in the order of the table.

    ``plan``: manifest of what would be installed; None: not known yet. ``signed``: whether it is, or will be, signed.
    ``now``: time at which the device was asked, in seconds since 1970.
    """
    system = device.system
    target = None if plan is None else (plan.arch, plan.python)
    return [
        _architecture(device, target),
        Check(
            "system", system.systemd, system.os or "unknown", _unless(system.systemd, "a device with systemd is needed")
        ),
        _python(device, target),
        _libc(device),
        _disk(device, plan),
        _memory(device),
        _clock(device, now),
        _camera(device),
        Check("page size", True, f"{system.page_size // 1024} kB"),
        Check(
            "root rights", device.sudo, _rights(device), _unless(device.sudo, "allow sudo, or give --ask-sudo-password")
        ),
        _release(device),
        _signature(device, plan, signed),
        *_card_options(device),
    ]


def _unless(ok: bool, fix: str) -> str:
    return "" if ok else fix


def _architecture(device: DeviceInfo, target: tuple[str, str] | None) -> Check:
    system = device.system
    found = f"{system.arch}{f', {system.board}' if system.board else ''}"
    if system.bits != 64 or system.arch not in ARCHES:
        return Check("architecture", False, f"{found}, {system.bits} bits", "use 64-bit Raspberry Pi OS")
    if target is not None and target[0] != system.arch:
        return Check(
            "architecture", False, found, f"the bundle is for {target[0]}; build one with --arch {system.arch}"
        )
    return Check("architecture", True, found)


def _python(device: DeviceInfo, target: tuple[str, str] | None) -> Check:
    python = device.system.python
    if python not in PYTHONS:
        return Check("Python", False, python or "none", f"needs {' or '.join(PYTHONS)}, as Raspberry Pi OS has it")
    if target is not None and target[1] != python:
        return Check("Python", False, python, f"the bundle is for {target[1]}; build one with --python {python}")
    if not device.system.venv:
        return Check("Python", False, f"{python} without venv", "on the device: sudo apt install python3-venv")
    return Check("Python", True, python)


def _libc(device: DeviceInfo) -> Check:
    name, _, version = device.system.libc.partition(" ")
    parts = tuple(int(one) for one in version.split(".")[:2] if one.isdecimal())
    ok = name == "glibc" and parts >= OLDEST_LIBC
    needed = ".".join(map(str, OLDEST_LIBC))
    return Check("C library", ok, device.system.libc or "unknown", _unless(ok, f"needs glibc {needed} or newer"))


def _disk(device: DeviceInfo, plan: Manifest | None) -> Check:
    free = device.system.free_mb
    if plan is None:
        return Check("disk space", True, f"{free} MB free")
    known = device.installed.known()
    missing = sum(entry.bytes for entry in plan.files.values() if entry.sha256 not in known)
    needed = max(10, ROOM * missing // 10**6)
    ok = free >= needed
    return Check(
        "disk space", ok, f"{free} MB free", _unless(ok, f"needs about {needed} MB; try: edgevision deploy prune HOST")
    )


def _memory(device: DeviceInfo) -> Check:
    memory = device.system.available_mb
    ok = memory is None or memory >= LOW_MB
    found = "unknown" if memory is None else f"{memory} of {device.system.memory_mb} MB available"
    return Check("memory", ok, found, _unless(ok, f"less than {LOW_MB} MB; stop other programs"), fatal=False)


def _clock(device: DeviceInfo, now: float) -> Check:
    off = device.system.time - now
    ok = abs(off) < CLOCK_S
    found = "right" if ok else f"{_shown(abs(off))} {'ahead' if off > 0 else 'behind'}"
    return Check("clock", ok, found, _unless(ok, "on the device: sudo timedatectl set-ntp true"), fatal=False)


def _shown(seconds: float) -> str:
    """Return a difference of clocks in the unit that a person would use."""
    return f"{seconds / 86400:.0f} days" if seconds >= 2 * 86400 else f"{seconds / 60:.0f} min"


def _camera(device: DeviceInfo) -> Check:
    cameras = [f"/dev/{name}" for name in device.system.cameras]
    ok = bool(cameras) or bool(device.system.csi)
    found = ", ".join(cameras[:3]) + (" ..." if len(cameras) > 3 else "") if cameras else "none"
    if device.system.csi and not cameras:
        found = "a CSI camera"
    return Check("camera", ok, found, _unless(ok, "connect one, unless the source is a stream or a file"), fatal=False)


def _rights(device: DeviceInfo) -> str:
    if device.system.root:
        return "root"
    return f"{device.system.user} may use sudo" if device.sudo else f"{device.system.user} needs a password for sudo"


def _release(device: DeviceInfo) -> Check:
    installed = device.installed
    if installed.updating or installed.state == "provisional":
        return Check("release", False, f"{installed.current}, on trial", "another update runs; wait until it has ended")
    found = installed.current or "none yet"
    return Check("release", True, f"{found}{'' if installed.state == 'confirmed' else f', {installed.state}'}")


def _card_options(device: DeviceInfo) -> list[Check]:
    if not device.installed.card_options:
        return []
    found = "the device.toml of its SD card overrides the options of each release"
    fix = "to end that: sudo rm /etc/systemd/system/edgevision.service.d/device.conf"
    return [Check("options", False, found, fix, fatal=False)]


def _signature(device: DeviceInfo, plan: Manifest | None, signed: bool) -> Check:
    keys = device.installed.keys
    if not keys:
        return Check(
            "signature", True, "the device trusts any bundle" if not signed else "signed; the device has no key"
        )
    if not signed:
        return Check("signature", False, f"the device trusts {', '.join(keys)} only", "sign it: --sign KEY.pem")
    newest, number = device.installed.newest, None if plan is None else plan.number
    if newest is not None and number is not None and number < newest:
        fix = "build it again, or give --allow-downgrade --sign KEY.pem"
        return Check("signature", False, f"release number {number}, the device had {newest}", fix)
    return Check("signature", True, f"signed; the device trusts {', '.join(keys)}")
