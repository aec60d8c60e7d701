"""Names of classes from annotation files."""

from __future__ import annotations

from ..csv_labels import has_control

MAX_LENGTH = 200
"""Longest name in characters."""


def class_name(value: object, where: str) -> str:
    """Return the name of a class without surrounding spaces. Raises ValueError, whose message starts with ``where``."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: expected the name of a class, got {value!r:.60}")
    name = value.strip()
    if len(name) > MAX_LENGTH or has_control(name):
        raise ValueError(
            f"{where}: a name of a class may have {MAX_LENGTH} characters and no line breaks, got {name!r:.60}"
        )
    return name
