"""First-boot user dialog of Raspberry Pi OS; without a screen nobody could answer it."""

from __future__ import annotations

from pathlib import Path

from ..base.atomic_files import place_link
from ..base.inside import inside

UNITS = Path("etc/systemd/system")
WANTED = UNITS / "multi-user.target.wants/userconfig.service"
BANNER = Path("etc/ssh/sshd_config.d/rename_user.conf")
"""Tells everybody who logs in over SSH that no user has been set up yet."""
LOGIN = UNITS / "getty.target.wants/getty@tty1.service"
"""Login on the screen, which the dialog disables."""


def cancel(root: Path) -> None:
    """Disable the dialog. Raises OSError."""
    for path in (WANTED, BANNER):
        inside(root, path, follow=False).unlink(missing_ok=True)
    login = inside(root, LOGIN, follow=False)
    for folder in ("usr/lib/systemd/system", "lib/systemd/system"):
        if inside(root, f"{folder}/getty@.service").exists() and not login.is_symlink():
            place_link(login, f"/{folder}/getty@.service")
