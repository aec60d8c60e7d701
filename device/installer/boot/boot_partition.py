"""Content of a prepared SD card's boot partition: device.json, and the keys and files beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..archive import trusted_keys
from ..base import strict_json
from ..base.errors import Refused

SCHEMA = "edgevision.device/1"
DEVICE, BUNDLE, INSTALLER = "device.json", "bundle.tar.xz", "install.pyz"
FOLDER = Path("/boot/firmware/edgevision")
"""The SD card's edgevision folder on the running system."""
MAX_BYTES = 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


@dataclass(frozen=True, slots=True)
class Device:
    """Fields of device.json that the device uses."""

    instance: str
    """Unique name of this SD card; also the instance-id of cloud-init."""
    release: str
    backend: str
    trust: tuple[str, ...]
    """Names of public key files beside device.json."""
    system: Mapping[str, Any] | None
    """Settings to apply; None: there are none, or they were applied and removed from the SD card."""
    service: bool
    """Whether the SD card holds its own service settings: run.toml, service.conf."""


def read_device(card: Path) -> Device:
    """Read and validate device.json. Raises Refused, OSError."""
    path = card / DEVICE
    try:
        value = strict_json.loads(path.read_bytes(), MAX_BYTES)
    except FileNotFoundError:
        raise Refused(f"{path} not found; prepare the SD card again") from None
    except ValueError:
        raise Refused(f"{path} is damaged; prepare the SD card again") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise Refused(f"{path}: expected schema {SCHEMA}; prepare the SD card again")
    texts = [value.get(key) for key in ("instance", "release", "backend")]
    trust, system = value.get("trust", []), value.get("system")
    if not all(isinstance(text, str) and _NAME.fullmatch(text) for text in texts):
        raise Refused(f"{path}: instance, release or backend is missing or invalid; prepare the SD card again")
    if not isinstance(trust, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in trust):
        raise Refused(f"{path}: trust must be a list of file names; prepare the SD card again")
    if system is not None and not isinstance(system, dict):
        raise Refused(f"{path}: system must be null or an object; prepare the SD card again")
    instance, release, backend = map(str, texts)
    return Device(instance, release, backend, tuple(trust), system, bool(value.get("service")))


def take_keys(card: Path, device: Device, root: Path) -> None:
    """Install the trusted keys; from now on every bundle must be signed with one of them. Raises Refused, OSError.

    Whether they are keys is checked before a bundle is installed.
    """
    for name in device.trust:
        try:
            data = (card / name).read_bytes()
        except FileNotFoundError:
            raise Refused(
                f"trusted key {card / name} not found, so no bundle can be accepted; prepare the SD card again"
            ) from None
        if not 0 < len(data) <= MAX_BYTES:
            raise Refused(f"{card / name} is not a public key; prepare the SD card again")
        trusted_keys.place_key(root, name, data)
