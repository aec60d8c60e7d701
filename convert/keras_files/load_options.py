"""Loading options: what the user specifies about a model file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to open a model file; None means as the file specifies."""

    allow_code: bool = False
    """Whether to run the Python code of Lambda layers; only for files from a trusted source."""
    image_size: int | None = None
    """Side of the input in pixels, for models that take images of any size and for weights-only files."""
    architecture: str | None = None
    """Architecture of a weights-only file."""
    alpha: float | None = None
    """Width multiplier of that architecture."""
    classes: int | None = None
    """Number of outputs of that architecture."""


ONLY_WHAT_THE_FILE_SAYS = LoadOptions()
