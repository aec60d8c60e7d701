"""Plan the files for the boot partition: names, content and order. Nothing is written here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...bundle.installer_pyz import pyz
from ...installer.boot.first_boot import FIRSTRUN
from ..config.records import DeviceConfig
from ..seeds.registry import BACKENDS
from .bundle_file import BundleFile
from .identify import SystemImage
from .service_overrides import extras

FOLDER = "edgevision"
BUNDLE, INSTALLER, START = f"{FOLDER}/bundle.tar.xz", f"{FOLDER}/install.pyz", f"{FOLDER}/firstrun.sh"
DEVICE, STATUS, IMAGE = f"{FOLDER}/device.json", f"{FOLDER}/status.json", f"{FOLDER}/image.json"
CMDLINE = "cmdline.txt"
DEVICE_SCHEMA, IMAGE_SCHEMA = "edgevision.device/1", "edgevision.image/1"
PENDING = {
    "step": "firstboot",
    "state": "pending",
    "message": "not started yet",
    "time_monotonic": 0.0,
    "boot_id": None,
}


@dataclass(frozen=True, slots=True)
class Payload:
    """Input for the files of one SD card."""

    config: DeviceConfig
    system: SystemImage
    bundle: BundleFile
    trust: Sequence[bytes]
    """Public keys in PEM format."""
    instance: str
    """Unique name of this SD card."""


@dataclass(frozen=True, slots=True)
class Injection:
    """Files in the order of writing."""

    files: Mapping[str, bytes]
    """Path on the boot partition -> content; image.json, which lists the others, comes last."""
    cmdline: bytes
    """Content of cmdline.txt; once it is written, the OS image is prepared."""


def plan(payload: Payload) -> Injection:
    """Return the files for the boot partition. Raises BadInput if the settings do not fit the OS."""
    seed = BACKENDS[payload.system.backend].seed(payload.config, payload.system.cmdline, payload.instance)
    keys = {f"key-{number}.pem": key for number, key in enumerate(payload.trust, 1)}
    bundle = payload.bundle
    more = extras(payload.config, bundle.manifest, bundle.run_toml)
    device = {
        "schema": DEVICE_SCHEMA,
        "instance": payload.instance,
        "release": bundle.manifest.id,
        "backend": payload.system.backend,
        "trust": list(keys),
        "system": dict(seed.device) or None,
        **({"service": {"files": sorted(more)}} if more else {}),
    }
    files = {BUNDLE: bundle.content, INSTALLER: pyz(), START: FIRSTRUN, DEVICE: _json(device)}
    files |= {f"{FOLDER}/{name}": content for name, content in {**keys, **more}.items()}
    files |= seed.files
    status = _json({**PENDING, "release": bundle.manifest.id})
    image = _json(_image(payload, files))
    return Injection({**files, STATUS: status, IMAGE: image}, f"{seed.cmdline}\n".encode())


def _image(payload: Payload, files: Mapping[str, bytes]) -> dict[str, Any]:
    listed = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()
    }
    return {
        "schema": IMAGE_SCHEMA,
        "backend": payload.system.backend,
        "os": payload.system.os_name,
        "python": payload.system.python,
        "arch": payload.system.arch,
        "release": payload.bundle.manifest.id,
        "instance": payload.instance,
        "hostname": payload.config.hostname,
        "files": listed,
    }


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()
