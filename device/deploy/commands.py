"""Constant commands that are run on a device for the user to read."""

from __future__ import annotations

from ..installer.base.loop import PREFIX, UNNAMED, Loop
from ..installer.release.switch import CURRENT

JOURNAL = "journalctl --no-pager --unit=edgevision-update.service"
ALL = f"--unit={UNNAMED.unit} --unit='{PREFIX}@*.service'"
SUDO = "if sudo -n true 2>/dev/null; then exec sudo -n {0}; else exec {0}; fi"
"""Reads the whole journal where the user may; others see their own lines only."""


def journal(lines: int, follow: bool, loop: Loop | None) -> str:
    """Return the command that shows the journal; it holds numbers and a checked name only. ``loop``: None: all loops."""
    units = ALL if loop is None else f"--unit={loop.unit}"
    return SUDO.format(f"{JOURNAL} {units} --lines={int(lines)}{' --follow' if follow else ''}")


def doctor(loop: Loop) -> str:
    """Return the command that runs the doctor of a loop's current release, with its own libraries."""
    release = f"/{loop.home}/{CURRENT}"
    return f"cd / && exec {release}/venv/bin/python -I -B -m edgevision doctor {release}/model.tflite"
