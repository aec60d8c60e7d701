"""Remove the bundle and the secrets from the SD card after the installation.

Files with secrets are overwritten in place and replaced. The controller of the SD card may still keep old copies for a
while.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..base.atomic_files import place
from ..base.inside import inside
from .boot_partition import BUNDLE, DEVICE, Device
from .secrets import SECRET_FILES, blanked

CLOUD_INIT = "trixie"
"""Back end whose settings cloud-init applies."""
APPLIED_S = 900
POLL_S = 5.0
SEMAPHORE = "var/lib/cloud/instances/{}/sem/config_users_groups"
"""File that cloud-init creates once it has set up the account of this instance, which it does after the network."""


def wait_for_cloud_init(
    device: Device,
    root: Path,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until cloud-init has applied the SD card's settings; return whether it has (True if it does not apply any)."""
    if device.backend != CLOUD_INIT:
        return True
    end = now() + APPLIED_S
    while not inside(root, SEMAPHORE.format(device.instance)).exists():
        if now() >= end:
            return False
        sleep(POLL_S)
    return True


def blank(card: Path, names: tuple[str, ...] = SECRET_FILES) -> None:
    """Remove the secrets from files of the boot partition. Raises OSError."""
    boot = card.parent
    for name in names:
        path = boot / name
        if not path.is_file():
            continue
        before = path.read_bytes()
        after = blanked(name, before)
        if after != before:
            _replace(path, after)


def blank_settings(card: Path) -> None:
    """Remove the secrets from device.json if possible, after an installation that failed for good."""
    with suppress(OSError):
        blank(card, (f"{card.name}/{DEVICE}",))


def remove(card: Path) -> None:
    """Remove the bundle, and the configuration, which may hold a camera password. Raises OSError."""
    configuration = card / "run.toml"
    if configuration.is_file():
        _replace(configuration, b"")
        configuration.unlink()
    (card / BUNDLE).unlink(missing_ok=True)
    os.sync()


def _replace(path: Path, data: bytes) -> None:
    """Replace a file and overwrite its old bytes through a handle that stays valid after the rename."""
    with path.open("r+b") as old:
        size = os.fstat(old.fileno()).st_size
        place(path, data)
        old.write(bytes(size))
        old.flush()
        os.fsync(old.fileno())
