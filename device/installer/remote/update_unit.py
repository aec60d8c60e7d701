"""The unit that updates the device: systemd starts it again if it is killed.

/etc/systemd/system/edgevision-update.service    written by the manager that starts it, removed with that manager
/opt/edgevision/update/request.json              what it has to do; only root can read and write it
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ..base.atomic_files import place_text, read_text
from ..base.commands import run
from ..base.errors import Refused
from ..base.inside import inside
from ..release.install import MANAGER, UPDATE_FILE
from ..release.switch import HOME

UPDATE_UNIT = UPDATE_FILE.name
CONTENT = f"""# Installed by edgevision; started by edgevision deploy, never at boot.
[Unit]
Description=edgevision: update to another release
StartLimitIntervalSec=900
StartLimitBurst=5

[Service]
# Not oneshot, so that nothing waits for it.
Type=exec
ExecStart=/usr/bin/python3 -I /{HOME / MANAGER} run-update
Restart=on-failure
RestartSec=1
TimeoutStopSec=30
"""

Run = Callable[[Sequence[str | Path], str, Path], str]


def start_updater(root: Path, command: Run = run) -> None:
    """Start the update that was requested, and return at once. Raises Refused, OSError."""
    path = inside(root, UPDATE_FILE, follow=False)
    if path.is_symlink() or read_text(path) != CONTENT:
        place_text(path, CONTENT)
        command(["systemctl", "daemon-reload"], "systemctl daemon-reload", root)
    with suppress(Refused):  # it is not loaded before its first start
        # systemd counts these starts like those after a crash, and refuses too many.
        command(["systemctl", "reset-failed", UPDATE_UNIT], "systemctl reset-failed", root)
    command(["systemctl", "start", "--no-block", UPDATE_UNIT], "starting the update", root)
