"""SSH login: with keys only, never with a password."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..base.atomic_files import give, place
from ..base.commands import run
from ..base.errors import Refused
from ..base.inside import inside

DROP_IN = Path("etc/ssh/sshd_config.d/10-edgevision.conf")
"""sshd uses the first value it finds and reads these files in the order of their names."""
UNIT = "ssh.service"
_KEY = re.compile(r"[ -~\t\u00a0-\ud7ff\ue000-\U0010ffff]{1,16384}")


def keys_only(root: Path) -> None:
    """Disable password login over SSH. Raises OSError."""
    place(inside(root, DROP_IN, follow=False), b"PasswordAuthentication no\nKbdInteractiveAuthentication no\n")


def set_keys(keys: Any, home: Path, owner: tuple[int, int]) -> None:
    """Replace authorized_keys in a home folder with these lines. Raises Refused, OSError."""
    if not isinstance(keys, list) or not all(isinstance(key, str) and _KEY.fullmatch(key) for key in keys):
        raise Refused("invalid ssh_keys: expected a list of one-line keys")
    if not keys:
        return
    folder = home / ".ssh"
    if folder.is_symlink():  # its target would get a new owner
        raise Refused(f"{folder} is a link, so the SSH keys are not set; replace it by a folder")
    folder.mkdir(exist_ok=True)
    give(folder, 0o700, owner)
    place(folder / "authorized_keys", "".join(f"{key}\n" for key in keys).encode(), 0o600, owner)


def enable(root: Path) -> None:
    """Enable the SSH server from the next boot on. Raises Refused."""
    if not any(
        inside(root, f"{folder}/{UNIT}").exists() for folder in ("usr/lib/systemd/system", "lib/systemd/system")
    ):
        raise Refused("no SSH server on this system, so network login is not possible")
    run(["systemctl", "--quiet", f"--root={root}", "enable", UNIT], "systemctl enable ssh", root)


def start_now(root: Path) -> None:
    """Start the SSH server now, if its settings were applied after the boot."""
    if root == Path("/") and os.path.lexists(f"/etc/systemd/system/multi-user.target.wants/{UNIT}"):
        run(["systemctl", "--no-block", "reload-or-restart", UNIT], "systemctl restart ssh", root)
