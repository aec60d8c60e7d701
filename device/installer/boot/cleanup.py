"""What leaves the card when all is installed: the bundle, and every secret that has reached its place.

Overwritten where it stood and then replaced whole. A card's own controller may keep copies for a while all the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..base.atomic_files import place
from .boot_partition import BUNDLE, DEVICE, Device
from .secrets import SECRET_FILES, blanked

CLOUD_INIT = "trixie"
"""The back end whose settings are made by cloud-init, not here."""
APPLIED_S = 900
POLL_S = 5.0
SEMAPHORE = "var/lib/cloud/instances/{}/sem/config_users_groups"
"""Left by cloud-init when this instance's account was made; the network comes before it."""


def wait_for_cloud_init(
    device: Device,
    root: Path,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Whether cloud-init took over this card's settings; at once where it has nothing to do with them."""
    if device.backend != CLOUD_INIT:
        return True
    end = now() + APPLIED_S
    while not (root / SEMAPHORE.format(device.instance)).exists():
        if now() >= end:
            return False
        sleep(POLL_S)
    return True


def blank(card: Path, names: tuple[str, ...] = SECRET_FILES) -> None:
    """Takes the secrets out of the boot partition's files. Raises OSError."""
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
    """Those of device.json alone, as well as that goes: for an installation that failed for good."""
    with suppress(OSError):
        blank(card, (f"{card.name}/{DEVICE}",))


def remove(card: Path) -> None:
    """The bundle, and the configuration, which may name a camera with its password. Raises OSError."""
    configuration = card / "run.toml"
    if configuration.is_file():
        _replace(configuration, b"")
        configuration.unlink()
    (card / BUNDLE).unlink(missing_ok=True)
    os.sync()


def _replace(path: Path, data: bytes) -> None:
    """The old bytes are overwritten through a handle that outlives their name."""
    with path.open("r+b") as old:
        size = os.fstat(old.fileno()).st_size
        place(path, data)
        old.write(bytes(size))
        old.flush()
        os.fsync(old.fileno())
