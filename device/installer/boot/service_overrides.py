"""The device's own settings for the loop: a configuration and a unit drop-in, on the SD card beside the bundle."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..base.atomic_files import place
from ..base.inside import inside
from .boot_partition import Device

PLACES = {
    "run.toml": Path("etc/edgevision/run.toml"),
    "service.conf": Path("etc/systemd/system/edgevision.service.d/device.conf"),
}
"""File on the SD card -> installation path. Both are world-readable: the service gets a new user at each start."""


def place_extras(card: Path, device: Device, root: Path) -> list[str]:
    """Install the files and return the names of those present; without any, remove earlier ones. Raises OSError."""
    present = []
    for name, target in PLACES.items():
        path = inside(root, target, follow=False)
        if not device.service:
            path.unlink(missing_ok=True)
        elif (card / name).is_file():
            place(path, (card / name).read_bytes())
            path.parent.chmod(0o755)
        if inside(root, target).exists():
            present.append(name)
    with suppress(OSError):  # not empty, or missing
        inside(root, PLACES["service.conf"].parent).rmdir()
    return present
