"""Start the updater in a unit of its own, which systemd starts again if it is killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..base.commands import run
from ..base.errors import Refused

UPDATE_UNIT = "edgevision-update.service"
ATTEMPTS = 20
"""Starts that are tried, a second apart: a busy machine takes some to forget a unit."""
LOADED = "already loaded"
"""In systemd's message if it still has the unit of an update that ended."""

Run = Callable[[Sequence[str | Path], str, Path], str]


def start_updater(manager: Path, command: Run = run, sleep: Callable[[float], None] = time.sleep) -> None:
    """Start the update that was requested. Raises Refused, OSError."""
    retry = ("Restart=on-failure", "RestartSec=1", "StartLimitIntervalSec=900", "StartLimitBurst=5")
    properties = [f"--property={one}" for one in (*retry, "TimeoutStopSec=30")]
    start = ["systemd-run", f"--unit={UPDATE_UNIT}", "--quiet", "--collect", *properties]
    for attempt in range(ATTEMPTS):
        try:
            command([*start, "/usr/bin/python3", "-I", manager, "run-update"], "starting the update", Path("/"))
            return
        except Refused as error:
            if LOADED not in str(error) or attempt == ATTEMPTS - 1:
                raise
        # The unit's file is gone, but systemd forgets a unit only when nobody asks for it.
        command(["systemctl", "daemon-reload"], "systemctl daemon-reload", Path("/"))
        sleep(1)
