"""First-boot user dialog of Raspberry Pi OS; without a screen nobody could answer it."""

from __future__ import annotations

from pathlib import Path

from ..base.atomic_files import place_link

UNITS = Path("etc/systemd/system")
WANTED = UNITS / "multi-user.target.wants/userconfig.service"
BANNER = Path("etc/ssh/sshd_config.d/rename_user.conf")
"""Tells everybody who logs in over SSH that no user has been set up yet."""
LOGIN = UNITS / "getty.target.wants/getty@tty1.service"
"""Login on the screen, which the dialog disables."""


def cancel(root: Path) -> None:
    """Disable the dialog. Raises OSError."""
    (root / WANTED).unlink(missing_ok=True)
    (root / BANNER).unlink(missing_ok=True)
    for folder in ("usr/lib/systemd/system", "lib/systemd/system"):
        if (root / folder / "getty@.service").exists() and not (root / LOGIN).is_symlink():
            place_link(root / LOGIN, f"/{folder}/getty@.service")
