"""Check the number of labels against the model's number of classes."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BadInput

PLACEHOLDERS = ("???", "n/a", "background", "unlabeled", "none", "")
"""Labels, in lower case, that lists use for a class that a detector does not number."""


def refuse_count(labels: Sequence[str], classes: int | None) -> None:
    """Raise BadInput if the number of labels does not fit the model's number of classes."""
    if labels and classes is not None and len(labels) != classes:
        raise BadInput(count_fault(labels, classes))


def count_fault(labels: Sequence[str], classes: int) -> str:
    """Return the message about a wrong number of labels; one more or fewer is usually the background."""
    said = f"got {len(labels)} labels, but the model has {classes} classes"
    if len(labels) == classes + 1:
        first = labels[0]
        if first.lower() in PLACEHOLDERS:
            return f"{said}; the first label, {first!r}, is for a class that the model does not have: remove that line"
        return f"{said}; remove the label of the class that the model does not have, usually a background"
    if len(labels) == classes - 1:
        return f"{said}; usually class 0 is the background then: insert the line 'background' before the first label"
    return f"{said}; give one label per class"
