"""The folder for state that outlives a run, chosen by the rules of systemd and XDG, and the files in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SYSTEM_FOLDER = Path("/var/lib/edgevision")


def state_folder(
    given: Path | None = None, environment: Mapping[str, str] = os.environ, user: int | None = None
) -> Path:
    """Return ``given``, else systemd's folder, else the system's for root, else $XDG_STATE_HOME/edgevision. May not exist."""
    if given is not None:
        return given
    assigned = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if assigned:
        return Path(assigned)
    if (os.geteuid() if user is None else user) == 0:
        return SYSTEM_FOLDER
    home = environment.get("XDG_STATE_HOME", "")
    base = Path(home) if home.startswith("/") else Path(environment.get("HOME", "/")) / ".local" / "state"
    return base / "edgevision"


def taught_file(sha256: str, folder: Path) -> Path:
    """Return the file in a state folder with the classes taught to the model with this SHA-256."""
    return folder / "taught" / f"{sha256}.json"
