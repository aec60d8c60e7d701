"""The name of a converted model, where the user gives none."""

from __future__ import annotations

import re
from pathlib import Path

GENERIC = frozenset("best best_model final_model keras_model model model_unquant my_model saved_model weights".split())
"""File names that say nothing about the model."""
MAX_CHARACTERS = 40
"""Maximum length of a name made from the classes."""


def model_name(path: Path, labels: tuple[str, ...]) -> str:
    """Return the name of the file; if that says nothing, the classes, if they are few, or the folder."""
    if path.stem.lower() not in GENERIC:
        return path.stem
    classes = "-".join(_plain(label) for label in labels)
    if classes and len(classes) <= MAX_CHARACTERS:
        return classes
    return _plain(path.resolve().parent.name) or path.stem


def _plain(text: str) -> str:
    """Return a text as part of a file name."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._-")
