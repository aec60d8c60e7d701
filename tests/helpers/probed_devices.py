"""What a Raspberry Pi says about itself when a deployment asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgevision.device.deploy.device_info import DeviceInfo, device_info
from edgevision.device.installer.archive.verify import read

SYSTEM: dict[str, Any] = {
    "arch": "aarch64",
    "bits": 64,
    "python": "3.11",
    "system_python": "3.11",
    "os": "Debian GNU/Linux 12 (bookworm)",
    "libc": "glibc 2.36",
    "board": "Raspberry Pi 4 Model B Rev 1.4",
    "page_size": 4096,
    "memory_mb": 3900,
    "available_mb": 3000,
    "free_mb": 20_000,
    "home_free_mb": 20_000,
    "time": 1000.0,
    "boot_id": "0",
    "systemd": True,
    "user": "pi",
    "root": False,
    "venv": True,
    "cameras": ["video0"],
    "csi": None,
}
INSTALLED: dict[str, Any] = {
    "current": None,
    "state": None,
    "manifest": None,
    "manager": False,
    "wheels": [],
    "releases": {},
    "keys": [],
    "newest": "",
    "service": {},
    "health": None,
    "update": {"status": None, "outcome": None, "service": {}},
}


def answer(system: Mapping[str, Any] | None = None, installed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the answer of a Raspberry Pi with differences."""
    return {
        "system": SYSTEM | dict(system or {}),
        "installed": INSTALLED | dict(installed or {}),
        "uploads": {},
        "sudo": True,
    }


def device(system: Mapping[str, Any] | None = None, installed: Mapping[str, Any] | None = None) -> DeviceInfo:
    """Return a Raspberry Pi with differences."""
    return device_info(answer(system, installed))


def with_release(bundle: Path, **changes: Any) -> DeviceInfo:
    """Return a Raspberry Pi on which a bundle is installed."""
    return device(None, release_of(bundle) | changes)


def release_of(bundle: Path) -> dict[str, Any]:
    """Return what a device says about its releases once a bundle is installed."""
    manifest = json.loads(read(bundle).manifest.dumps())
    wheels = [entry["sha256"] for name, entry in manifest["files"].items() if name.startswith("wheels/")]
    return {"current": manifest["id"], "manifest": manifest, "manager": True, "wheels": wheels}
