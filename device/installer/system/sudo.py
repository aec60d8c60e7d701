"""Whether the account may become root, and whether it needs its password for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..base.atomic_files import place, read_text
from ..base.commands import elsewhere, run
from ..base.errors import Refused
from ..base.inside import inside

FOLDER = Path("etc/sudoers.d")
RULE = FOLDER / "010_edgevision"
SYSTEMS_OWN = FOLDER / "010_pi-nopasswd"
"""Rule of Raspberry Pi OS (until April 2026) that lets its first account use sudo without a password."""
GROUP = "sudo"


def allow(name: str, rule: Any, root: Path) -> None:
    """Set the sudo rule of an account; ``rule``: password, nopasswd or none. Raises Refused, OSError."""
    if rule not in ("password", "nopasswd", "none"):
        raise Refused(f"invalid sudo rule {rule!r:.60}: expected password, nopasswd or none")
    inside(root, SYSTEMS_OWN, follow=False).unlink(missing_ok=True)
    if rule != "none" and not inside(root, FOLDER).is_dir():
        raise Refused("sudo is not installed on this system")
    ours = inside(root, RULE, follow=False)
    if rule == "nopasswd":
        place(ours, f"{name} ALL=(ALL) NOPASSWD: ALL\n".encode(), 0o440)
    else:
        ours.unlink(missing_ok=True)
    _join(name, rule != "none", root)


def _join(name: str, member: bool, root: Path) -> None:
    """Add the account to the sudo group or remove it; on Debian, members of this group may use sudo."""
    line = next((one for one in read_text(inside(root, "etc/group")).splitlines() if one.startswith(f"{GROUP}:")), None)
    if line is None:
        if member:
            raise Refused(f"group {GROUP} does not exist on this system")
        return
    if (name in line.rpartition(":")[2].split(",")) != member:
        run(["usermod", *elsewhere(root), "-a" if member else "-r", "-G", GROUP, name], "usermod", root)
