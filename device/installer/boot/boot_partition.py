"""What a prepared card brings: device.json and the keys and files beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.atomic_files import place
from ..base.errors import Refused

SCHEMA = "edgevision.device/1"
DEVICE, BUNDLE, INSTALLER = "device.json", "bundle.tar.xz", "install.pyz"
FOLDER = Path("/boot/firmware/edgevision")
"""Where the card's folder is on a running system."""
KEYS = Path("etc/edgevision/keys")
MAX_BYTES = 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


@dataclass(frozen=True, slots=True)
class Device:
    """device.json, as far as the device itself asks it."""

    instance: str
    """A name that no other card has; cloud-init knows it as its instance-id."""
    release: str
    backend: str
    trust: tuple[str, ...]
    """Files with public keys, beside device.json."""
    system: Mapping[str, Any] | None
    """Settings to make here; None: there are none, or they were made and taken off the card."""
    service: bool
    """Whether the card brings settings of its own for the service: run.toml, service.conf."""


def read_device(card: Path) -> Device:
    """Raises Refused, OSError."""
    path = card / DEVICE
    try:
        value = json.loads(path.read_bytes()[: MAX_BYTES + 1].decode("utf-8"))
    except FileNotFoundError:
        raise Refused(f"{path} is not there; prepare the card again") from None
    except (ValueError, RecursionError):
        raise Refused(f"{path} is damaged; prepare the card again") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise Refused(f"{path} is of another kind, not {SCHEMA}; prepare the card again")
    texts = [value.get(key) for key in ("instance", "release", "backend")]
    trust, system = value.get("trust", []), value.get("system")
    if not all(isinstance(text, str) and _NAME.fullmatch(text) for text in texts):
        raise Refused(f"{path} lacks instance, release or backend; prepare the card again")
    if not isinstance(trust, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in trust):
        raise Refused(f"{path}: trust is no list of file names; prepare the card again")
    if system is not None and not isinstance(system, dict):
        raise Refused(f"{path}: system is neither null nor an object; prepare the card again")
    instance, release, backend = map(str, texts)
    return Device(instance, release, backend, tuple(trust), system, bool(value.get("service")))


def take_keys(card: Path, device: Device, root: Path) -> None:
    """From now on no bundle is taken that none of these keys signed. Raises Refused, OSError."""
    for name in device.trust:
        try:
            data = (card / name).read_bytes()
        except FileNotFoundError:
            raise Refused(
                f"{card / name} is not there, and no bundle may be taken without it; prepare the card again"
            ) from None
        if not 0 < len(data) <= MAX_BYTES:
            raise Refused(f"{card / name} is no public key")
        place(root / KEYS / f"{name.removesuffix('.pem')}.pem", data)
