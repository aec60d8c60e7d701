"""Files in the folder for state that outlives a run."""

from __future__ import annotations

from pathlib import Path


def taught_file(sha256: str, folder: Path) -> Path:
    """Return the file with the classes taught to the model with this SHA-256."""
    return folder / "taught" / f"{sha256}.json"
