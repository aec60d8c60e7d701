"""What an export is asked for, and what it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from edgevision.records import record


@record
class ExportRequest:
    """What to export, and where to."""

    model: Path
    """The model file (.tflite)."""
    output: Path | None = None
    """File or folder to make; None: the target names it after the model."""
    overwrite: bool = False
    """Whether to replace what an earlier export made there."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The target's own options, by the name of the parameter; those that were not given are absent."""


@record
class Exported:
    """What an export made."""

    path: Path
    """File or folder."""
    files: int
    """Number of files."""
    bytes: int
    """Size of all of them (bytes)."""
    model_sha256: str
    """SHA-256 of the exported model file."""
    task: str
    """Task of the model."""
    summary: str
    """What was made, in a few words."""
    next_step: str
    """The next command, or what to do next."""
    notes: tuple[str, ...] = ()
    """What the user should know, a sentence each."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the JSON has, under the name of the target."""
