"""What a device says about itself, read strictly from the answer of ``programs/probe.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgevision.errors import EdgeVisionError

from ..installer.archive.manifest import Manifest, parse_value
from ..installer.base.errors import Refused
from ..installer.base.loop import is_name


@dataclass(frozen=True, slots=True)
class System:
    """Hardware and operating system of a device; unknown values are None or empty."""

    arch: str
    """As printed by ``uname -m``."""
    bits: int
    python: str
    """Version of /usr/bin/python3, such as 3.11."""
    os: str
    libc: str
    board: str
    page_size: int
    """Size of a memory page in bytes."""
    memory_mb: int | None
    available_mb: int | None
    free_mb: int
    """Free space for releases in MB."""
    home_free_mb: int
    """Free space for uploads in MB."""
    time: float
    """Its clock in seconds since 1970."""
    systemd: bool
    user: str
    root: bool
    venv: bool
    """Whether its Python can make virtual environments."""
    cameras: tuple[str, ...]
    """Names of /dev/video*."""
    csi: bool | None
    """Whether libcamera lists a camera; None: unknown."""


@dataclass(frozen=True, slots=True)
class LastEvent:
    """An event of the running loop."""

    time: str
    """RFC 3339, UTC."""
    what: str
    """Its kind, and the label that it is about."""
    detail: str


@dataclass(frozen=True, slots=True)
class Installed:
    """Releases and service of a device."""

    current: str | None = None
    state: str = "confirmed"
    """confirmed, provisional, reverted or stopped."""
    since: str | None = None
    confirmed_at: str | None = None
    previous: str | None = None
    reason: str = ""
    attempts: int = 0
    bad: tuple[tuple[str, str], ...] = ()
    """Release and reason of each one that failed."""
    manifest: Manifest | None = None
    """Manifest of the current release; None: there is none, or it cannot be read."""
    manager: bool = False
    wheels: frozenset[str] = frozenset()
    """Hashes of the libraries that the device keeps."""
    releases: Mapping[str, bool] = field(default_factory=dict)
    """Name -> whether it is complete."""
    keys: tuple[str, ...] = ()
    newest: int | None = None
    """Highest number of a signed release that was installed."""
    service: Mapping[str, str] = field(default_factory=dict)
    """Properties of the unit, by systemd's names."""
    frames: int | None = None
    rate_fps: float | None = None
    temperature_c: float | None = None
    drift: str | None = None
    """learning, watching or drifted; None: unknown, or the loop does not watch for drift."""
    last_event: LastEvent | None = None
    """What the running loop reported last."""
    metrics: tuple[str, ...] = ()
    """Its metrics outputs, such as metrics:0.0.0.0:9100."""
    card_options: bool = False
    """Whether a device.toml of its SD card overrides the options of each release."""
    update_status: Mapping[str, Any] | None = None
    outcome: Mapping[str, Any] | None = None
    updating: bool = False
    """Whether an update runs."""
    loops: tuple[str, ...] = ()
    """Names of the device's loops that have one."""

    @property
    def active(self) -> bool:
        """Whether the service runs."""
        return self.service.get("ActiveState") == "active"

    def known(self) -> frozenset[str]:
        """Return the hashes of everything that need not be sent."""
        files = {} if self.manifest is None else self.manifest.files
        own = {entry.sha256 for name, entry in files.items() if not name.startswith("wheels/")}
        return self.wheels | own


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Everything that a deployment asks first."""

    system: System
    installed: Installed
    uploads: Mapping[str, int]
    """Name -> size of files that an earlier deployment left."""
    sudo: bool
    """Whether the user may become root without a password, at least for the manager."""


def device_info(value: Mapping[str, Any]) -> DeviceInfo:
    """Read the full answer. Raises EdgeVisionError."""
    try:
        uploads = {str(name): int(size) for name, size in value["uploads"].items()}
        return DeviceInfo(_system(value["system"]), read_installed(value["installed"]), uploads, bool(value["sudo"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EdgeVisionError(f"the device gave an answer that cannot be read: {error!r:.80}") from None


def read_installed(value: Mapping[str, Any]) -> Installed:
    """Read the part about releases and service. Raises KeyError, TypeError, ValueError, AttributeError."""
    state = value["state"] or {}
    health = value["health"] or {}
    update = value["update"]
    newest = str(value["newest"])
    return Installed(
        current=_text(value["current"]),
        state=str(state.get("state", "confirmed")),
        since=_text(state.get("since")),
        confirmed_at=_text(state.get("confirmed_at")),
        previous=_text(state.get("previous")),
        reason=str(state.get("reason", "")),
        attempts=int(state.get("attempts", 0)),
        bad=tuple((str(one["release"]), str(one["reason"])) for one in state.get("bad", [])),
        manifest=_manifest(value["manifest"]),
        manager=bool(value["manager"]),
        wheels=frozenset(map(str, value["wheels"])),
        releases={str(name): bool(done) for name, done in value["releases"].items()},
        keys=tuple(map(str, value["keys"])),
        newest=int(newest) if newest.isdecimal() else None,
        service={str(name): str(text) for name, text in value["service"].items()},
        temperature_c=_real(value.get("temperature_c")),
        drift=_text(health.get("drift")),
        last_event=_event(health.get("last_event")),
        metrics=tuple(map(str, value.get("metrics", ()))),
        card_options=bool(value.get("card_options")),
        frames=None if health.get("frames") is None else int(health["frames"]),
        rate_fps=_real(health.get("rate_fps")),
        update_status=_object(update["status"]),
        outcome=_object(update["outcome"]),
        updating=update["service"].get("ActiveState") in ("active", "activating", "deactivating"),
        loops=tuple(name for name in map(str, value.get("loops", ())) if is_name(name)),
    )


def _system(value: Mapping[str, Any]) -> System:
    return System(
        arch=str(value["arch"]),
        bits=int(value["bits"]),
        python=str(value["system_python"]),
        os=str(value["os"]),
        libc=str(value["libc"]),
        board=str(value["board"]),
        page_size=int(value["page_size"]),
        memory_mb=_integer(value["memory_mb"]),
        available_mb=_integer(value["available_mb"]),
        free_mb=int(value["free_mb"]),
        home_free_mb=int(value["home_free_mb"]),
        time=float(value["time"]),
        systemd=bool(value["systemd"]),
        user=str(value["user"]),
        root=bool(value["root"]),
        venv=bool(value["venv"]),
        cameras=tuple(map(str, value["cameras"])),
        csi=None if value["csi"] is None else bool(value["csi"]),
    )


def _manifest(value: Any) -> Manifest | None:
    try:
        return parse_value(value)
    except Refused:
        return None


def _object(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _real(value: Any) -> float | None:
    return None if value is None else float(value)


def _event(value: Any) -> LastEvent | None:
    return None if value is None else LastEvent(str(value["time"]), str(value["what"]), str(value["detail"]))


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)
