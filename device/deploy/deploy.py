"""``edgevision deploy USER@HOST FILE``: check, upload, switch, watch, and report."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgevision.errors import EdgeVisionError, GateNotMet
from edgevision.input_file import read_file
from edgevision.log import Log

from ..installer.base.loop import UNNAMED, Loop
from ..installer.remote.request import SCHEMA as REQUEST_SCHEMA
from .device_info import DeviceInfo, Installed, device_info, read_installed
from .package import Package, PackageOptions, package
from .preflight import Check, check
from .ssh import Device
from .watch import INSTALL_S, watch

log = Log("edgevision.deploy")
SCHEMA = "edgevision.deploy/1"
_MANAGER = "/usr/bin/python3 -I /opt/edgevision/manager.pyz remote"
_FIRST = '/usr/bin/python3 -I "$HOME"/.cache/edgevision/upload/install.pyz remote'
"""First contact: the installer of the bundle that was just uploaded."""
_AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec {0}; else exec sudo -n {0}; fi'
_WITH_PASSWORD = (
    'if [ "$(id -u)" = 0 ]; then IFS= read -r _; exec {0}; '
    "elif sudo -n true 2>/dev/null; then IFS= read -r _; exec sudo -n {0}; "
    "else exec sudo -S -p '' {0}; fi"
)
"""The same where the first line of standard input is the password of sudo, which not every device asks for."""
MAX_KEY = 2**16


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """Options of a deployment."""

    package: PackageOptions
    frames: int
    within_s: float
    min_fps: float | None = None
    share: float = 0.8
    trust: tuple[Path, ...] = ()
    """Public keys that the device trusts from now on."""
    password: str | None = field(default=None, repr=False)
    """Password of sudo on the device; None: not needed."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The outcome of a deployment."""

    host: str
    preflight: Sequence[Check]
    uploaded_bytes: int
    outcome: Mapping[str, Any]
    """``edgevision.update/1`` of the device."""
    seconds: Mapping[str, float]

    @property
    def state(self) -> str:
        """confirmed, unchanged, reverted, stopped or refused."""
        return str(self.outcome.get("state"))

    @property
    def kept(self) -> bool:
        """Whether the device runs what was deployed."""
        return self.state in ("confirmed", "unchanged")

    @property
    def reason(self) -> str:
        """Why it was not kept; empty if it was."""
        return str(self.outcome.get("reason", ""))

    @property
    def note(self) -> str:
        """What the new release does not have of the one before; empty if nothing."""
        return str(self.outcome.get("note", ""))

    @property
    def log(self) -> list[str]:
        """Last lines of a release that was taken back."""
        return [str(line) for line in self.outcome.get("log", [])]

    def describe(self) -> str:
        """Return a summary of one line."""
        release = self.outcome.get("release") or {}
        old, new = release.get("from"), release.get("to")
        took = f"in {self.seconds['total']:.0f} s"
        if self.state == "unchanged":
            return f"{self.host} runs {new} already; nothing was restarted"
        if self.state == "confirmed":
            rate = (self.outcome.get("rate_fps") or {}).get("after")
            return f"{self.host} runs {new}{'' if rate is None else f' at {rate:.1f} frames/s'}; confirmed {took}"
        if self.state == "refused":
            return f"{self.host} refused the bundle, and nothing changed: {self.reason}"
        back = "the service is stopped" if self.state == "stopped" else f"{old} runs again"
        return f"{self.host}: {new} was taken back: {self.reason}; {back}"

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return {
            "schema": SCHEMA,
            "host": self.host,
            "preflight": [one.to_json() for one in self.preflight],
            "uploaded_bytes": self.uploaded_bytes,
            "release": self.outcome.get("release"),
            "state": self.state,
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "rate_fps": self.outcome.get("rate_fps"),
            "reason": self.reason,
            "log": self.log,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, before anything is changed."""

    device: DeviceInfo
    checks: Sequence[Check]
    package: Package | None
    """None: the device cannot take any."""

    @property
    def failed(self) -> list[Check]:
        """The checks that make a deployment impossible."""
        return [one for one in self.checks if one.fatal and not one.ok]


class Progress:
    """Observer of a deployment; the methods do nothing."""

    def step(self, name: str, message: str) -> None:
        """Report a step of the device or of this machine."""

    def sent(self, done: int, total: int) -> None:
        """Report uploaded bytes."""


def plan(device: Device, options: DeployOptions) -> Plan:
    """Ask the device, decide what to send and check it. Changes nothing. Raises EdgeVisionError."""
    name = options.package.loop.name
    found, now = device_info(device.program("probe", {"loop": name})), time.time()
    if options.password is not None:
        found = replace(found, sudo=True)
    return plan_for(found, lambda: package(options.package, found), now)


def plan_for(found: DeviceInfo, make: Callable[[], Package], now: float) -> Plan:
    """Check a device, make what it gets if it can take any, and check it again with that. Raises EdgeVisionError.

    ``now``: time at which the device was asked, in seconds since 1970.
    """
    checks = check(found, None, signed=True, now=now)
    if any(not one.ok and one.fatal for one in checks):
        return Plan(found, checks, None)
    made = make()
    return Plan(found, check(found, made.manifest, made.signed, now), made)


def deploy(device: Device, wish: Plan, options: DeployOptions, progress: Progress) -> Deployed:
    """Carry out a plan without failed checks. Raises EdgeVisionError, with the old release in charge."""
    if wish.failed or wish.package is None:
        raise GateNotMet(f"{device.host} is not ready: {wish.failed[0].name}: {wish.failed[0].fix}")
    made, began = wish.package, time.monotonic()
    seconds: dict[str, float] = {}
    first = not wish.device.installed.manager
    current = wish.device.installed
    if made.manifest.id == current.current and current.state == "confirmed" and current.active:
        outcome: Mapping[str, Any] = _unchanged(current)
        return Deployed(device.host, wish.checks, 0, outcome, {"total": time.monotonic() - began})
    try:
        uploaded, wanted = _upload(device, wish, options, progress, first)
        seconds["upload"] = time.monotonic() - began
        _call(device, wanted, options.password, first)
        outcome = watch(
            device.host, lambda: look(device, options.package.loop), progress.step, current, made.manifest.id
        )
    finally:
        _forget(device)
    seconds |= {str(name): float(value) for name, value in outcome.get("seconds", {}).items()}
    seconds["total"] = time.monotonic() - began
    return Deployed(device.host, wish.checks, uploaded, outcome, seconds)


def request(device: Device, wanted: Mapping[str, Any], password: str | None) -> dict[str, Any]:
    """Send a request to a device that has a release. Raises EdgeVisionError, RemoteUnreachable."""
    if not look(device).manager:
        raise EdgeVisionError(
            f"nothing is installed on {device.host}; install it with: edgevision deploy {device.host} MODEL"
        )
    return _call(device, wanted, password)


def look(device: Device, loop: Loop = UNNAMED) -> Installed:
    """Return the releases and the service of a loop of a device. Raises EdgeVisionError, RemoteUnreachable."""
    return read_installed(device.program("probe", {"only": "installed", "loop": loop.name}))


def device_user(device: Device) -> str:
    """Return the user that commands run as. Raises EdgeVisionError, RemoteUnreachable."""
    return device_info(device.program("probe", {})).system.user


def _call(device: Device, wanted: Mapping[str, Any], password: str | None, first: bool = False) -> dict[str, Any]:
    """Send a request to the manager of the device. Raises EdgeVisionError, RemoteUnreachable."""
    # The manager of an older release refuses entries that it does not know, so those without a value are left out.
    entries = {name: value for name, value in wanted.items() if value is not None}
    command, line = _FIRST if first else _MANAGER, json.dumps({"schema": REQUEST_SCHEMA, **entries}).encode()
    if password is None:
        return device.call(_AS_ROOT.format(command), line)
    return device.call(_WITH_PASSWORD.format(command), f"{password}\n".encode() + line)


def _upload(
    device: Device, wish: Plan, options: DeployOptions, progress: Progress, first: bool
) -> tuple[int, dict[str, Any]]:
    """Send the archive and what it needs; return the bytes sent, and the request to install it."""
    assert wish.package is not None
    made = wish.package
    name = f"{made.sha256}.tar.xz"
    extra = {path.name: read_file(path, "public key", MAX_KEY) for path in options.trust}
    if first:
        extra["install.pyz"] = made.installer
    files = {**extra, name: made.data}
    sent, paths = 0, {}
    for key, data in files.items():
        offset = wish.device.uploads.get(f"{key}.part", 0) if key == name else 0
        offset = offset if offset <= len(data) else 0
        if offset:
            progress.step("upload", f"continuing at {offset / 1e6:.1f} of {len(data) / 1e6:.1f} MB")
        paths[key] = _send(device, key, data, offset, [*files], progress)
        sent += len(data) - offset
    request: dict[str, Any] = {
        "verb": "update",
        "bundle": paths[name],
        "trust": [paths[path.name] for path in options.trust],
        "frames": options.frames,
        "within_s": options.within_s,
        "min_fps": options.min_fps,
        "share": options.share,
        "loop": options.package.loop.name,
    }
    return sent, request


def _send(device: Device, name: str, data: bytes, offset: int, keep: list[str], progress: Progress) -> str:
    digest = hashlib.sha256(data).hexdigest()
    argument = {"name": name, "sha256": digest, "bytes": len(data), "offset": offset, "keep": keep}
    stream = Counted(data[offset:], lambda done: progress.sent(offset + done, len(data)))
    answer = device.program("receive", argument, stream, timeout_s=INSTALL_S)
    if "path" not in answer:
        raise EdgeVisionError(f"{device.host}: the upload of {name} failed ({answer.get('error')}); try again")
    return str(answer["path"])


class Counted(io.BytesIO):
    """Bytes that report how far they were read."""

    def __init__(self, data: bytes, told: Callable[[int], None]) -> None:
        super().__init__(data)
        self._told = told

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and report the position."""
        part = super().read(size)
        self._told(self.tell())
        return part


def _forget(device: Device) -> None:
    """Remove the upload; if the connection broke, it stays, and the next deployment continues with it."""
    try:
        device.program("forget", {})
    except EdgeVisionError as error:
        log.info("%s: the upload stays: %s", device.host, error)


def _unchanged(current: Installed) -> dict[str, Any]:
    return {
        "state": "unchanged",
        "release": {"from": current.current, "to": current.current},
        "rate_fps": {"before": current.rate_fps, "after": current.rate_fps},
        "reason": "",
    }
