"""Configurations that only root can read: systemd hands them to the service (systemd.exec(5), LoadCredential=)."""

from __future__ import annotations

from pathlib import Path

LOADED = "LoadCredential="


def is_credential(unit: Path, config: str) -> bool:
    """Return whether a unit, or a drop-in, loads a configuration as a credential, by the end of its path."""
    try:
        lines = unit.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.startswith(LOADED) and line.endswith(f"/{config}") for line in lines)
