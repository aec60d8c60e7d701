"""The device's own settings for the loop: a configuration and a unit drop-in, on the SD card beside the bundle."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..base.atomic_files import place
from ..base.inside import inside
from ..release.credentials import is_credential
from ..release.service import with_existing_groups
from .boot_partition import Device

PLACES = {
    "run.toml": Path("etc/edgevision/run.toml"),
    "service.conf": Path("etc/systemd/system/edgevision.service.d/device.conf"),
}
"""File on the SD card -> installation path. All can read them, since the service gets a new user at each start, unless the
drop-in loads the configuration as a credential."""


def place_extras(card: Path, device: Device, root: Path) -> list[str]:
    """Install the files and return the names of those present; without any, remove earlier ones. Raises OSError."""
    present = []
    private = is_credential(card / "service.conf", str(PLACES["run.toml"]))
    for name, target in PLACES.items():
        path = inside(root, target, follow=False)
        if not device.service:
            path.unlink(missing_ok=True)
        elif (card / name).is_file():
            content = (card / name).read_bytes()
            if name == "service.conf":
                content = with_existing_groups(root, content.decode("utf-8", "surrogateescape")).encode(
                    errors="surrogateescape"
                )
            place(path, content, 0o600 if private and name == "run.toml" else 0o644)
            path.parent.chmod(0o755)
        if inside(root, target).exists():
            present.append(name)
    with suppress(OSError):  # not empty, or missing
        inside(root, PLACES["service.conf"].parent).rmdir()
    return present
