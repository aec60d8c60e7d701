"""Whether the account may become root, and what it is asked for then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..base.atomic_files import place, read_text
from ..base.commands import elsewhere, run
from ..base.errors import Refused

FOLDER = Path("etc/sudoers.d")
RULE = FOLDER / "010_edgevision"
SYSTEMS_OWN = FOLDER / "010_pi-nopasswd"
"""Raspberry Pi OS's rule for its first account, until April 2026: no password."""
GROUP = "sudo"


def allow(name: str, rule: Any, root: Path) -> None:
    """``rule``: password, nopasswd or none. Raises Refused, OSError."""
    if rule not in ("password", "nopasswd", "none"):
        raise Refused(f"sudo cannot be {rule!r:.60}; it is password, nopasswd or none")
    (root / SYSTEMS_OWN).unlink(missing_ok=True)
    if rule != "none" and not (root / FOLDER).is_dir():
        raise Refused("this system has no sudo")
    if rule == "nopasswd":
        place(root / RULE, f"{name} ALL=(ALL) NOPASSWD: ALL\n".encode(), 0o440)
    else:
        (root / RULE).unlink(missing_ok=True)
    _join(name, rule != "none", root)


def _join(name: str, member: bool, root: Path) -> None:
    """Debian's sudo lets the members of one group."""
    line = next((one for one in read_text(root / "etc/group").splitlines() if one.startswith(f"{GROUP}:")), None)
    if line is None:
        if member:
            raise Refused(f"this system has no group {GROUP}")
        return
    if (name in line.rpartition(":")[2].split(",")) != member:
        run(["usermod", *elsewhere(root), "-a" if member else "-r", "-G", GROUP, name], "usermod", root)
