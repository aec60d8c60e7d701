"""Install the systemd unit of the bundle; its content was fixed when the bundle was built."""

from __future__ import annotations

import os
from pathlib import Path

from ..base.atomic_files import place_link, place_text, read_text
from ..base.commands import BOOTED, run
from ..base.inside import inside
from ..base.loop import UNITS, UNNAMED, Loop

GROUPS = "SupplementaryGroups="


def place_service(root: Path, release: Path, start: bool, loop: Loop = UNNAMED) -> bool:
    """Write and enable the unit and, if systemd runs this root, start it; return whether it did. Raises Refused."""
    text = with_existing_groups(root, (release / loop.unit).read_text(encoding="utf-8"))
    place_text(inside(root, UNITS / loop.unit, follow=False), text)
    link = inside(root, UNITS / "multi-user.target.wants" / loop.unit, follow=False)
    place_link(link, f"../{loop.unit}")
    os.sync()
    if not start or root != Path("/") or not BOOTED.exists():
        return False
    run(["systemctl", "daemon-reload"], "systemctl daemon-reload", release)
    run(["systemctl", "restart", loop.unit], f"starting the service (see journalctl -u {loop.service})", release)
    return True


def with_existing_groups(root: Path, text: str) -> str:
    """Remove groups that do not exist on this system, since systemd would refuse to start the service with them."""
    try:
        known = {line.partition(":")[0] for line in read_text(inside(root, "etc/group")).splitlines()}
    except OSError:
        known = set()
    lines = []
    for line in text.splitlines():
        if line.startswith(GROUPS):
            there = [name for name in line.removeprefix(GROUPS).split() if name in known]
            if not there:
                continue
            line = GROUPS + " ".join(there)
        lines.append(line)
    return "\n".join(lines) + "\n"
