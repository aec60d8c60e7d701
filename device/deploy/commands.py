"""Constant commands that are run on a device for the user to read."""

from __future__ import annotations

JOURNAL = "journalctl --no-pager --unit=edgevision.service --unit=edgevision-update.service"
SUDO = "if sudo -n true 2>/dev/null; then exec sudo -n {0}; else exec {0}; fi"
"""Reads the whole journal where the user may; others see their own lines only."""


def journal(lines: int, follow: bool) -> str:
    """Return the command that shows the journal; it holds numbers only."""
    return SUDO.format(f"{JOURNAL} --lines={int(lines)}{' --follow' if follow else ''}")


DOCTOR = "cd / && exec /opt/edgevision/current/venv/bin/python -I -B -m edgevision doctor /opt/edgevision/current/model.tflite"
"""Doctor of the current release, with its own libraries."""
