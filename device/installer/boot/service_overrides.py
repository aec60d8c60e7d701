"""A device's own settings of the loop, which the card brings beside the bundle: a configuration and a drop-in of the unit."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..base.atomic_files import place
from .boot_partition import Device

PLACES = {
    "run.toml": Path("etc/edgevision/run.toml"),
    "service.conf": Path("etc/systemd/system/edgevision.service.d/device.conf"),
}
"""File on the card -> where it belongs. Anybody may read both: the service has a user of its own at each start."""


def place_extras(card: Path, device: Device, root: Path) -> list[str]:
    """Names of those in place. A card without any takes away those of an earlier one. Raises OSError."""
    present = []
    for name, target in PLACES.items():
        if not device.service:
            (root / target).unlink(missing_ok=True)
        elif (card / name).is_file():
            place(root / target, (card / name).read_bytes())
            (root / target).parent.chmod(0o755)
        if (root / target).exists():
            present.append(name)
    with suppress(OSError):  # not empty, or not there
        (root / PLACES["service.conf"]).parent.rmdir()
    return present
