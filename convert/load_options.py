"""What the user says of a model file that the file itself does not say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a model file is opened; None: what the file says."""

    allow_code: bool = False
    """Run the Python code of Lambda layers: only for files whose maker is trusted."""
    image_size: int | None = None
    """Pixels of a side, for a model that takes pictures of any size, and for one built here."""
    architecture: str | None = None
    """The network whose weights a weights-only file holds."""
    alpha: float | None = None
    """Its width multiplier."""
    classes: int | None = None
    """Its number of outputs."""


ONLY_WHAT_THE_FILE_SAYS = LoadOptions()
