"""The dialog of Raspberry Pi OS that asks at the first start for a user; a machine without a screen has nobody to answer it."""

from __future__ import annotations

from pathlib import Path

from ..base.atomic_files import place_link

UNITS = Path("etc/systemd/system")
WANTED = UNITS / "multi-user.target.wants/userconfig.service"
BANNER = Path("etc/ssh/sshd_config.d/rename_user.conf")
"""Tells everybody who logs in over SSH that the user is still to be named."""
LOGIN = UNITS / "getty.target.wants/getty@tty1.service"
"""The log-in on a screen, which the dialog had switched off."""


def cancel(root: Path) -> None:
    """Switches it off. Raises OSError."""
    (root / WANTED).unlink(missing_ok=True)
    (root / BANNER).unlink(missing_ok=True)
    for folder in ("usr/lib/systemd/system", "lib/systemd/system"):
        if (root / folder / "getty@.service").exists() and not (root / LOGIN).is_symlink():
            place_link(root / LOGIN, f"/{folder}/getty@.service")
