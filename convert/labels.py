"""The names of a model's classes: a text file, one name a line."""

from __future__ import annotations

from pathlib import Path

from edgevision.card import ModelCard
from edgevision.errors import BadInput
from edgevision.files import require_file
from edgevision.modelfile import parse_labels


def read_labels(path: Path, classes: int) -> tuple[str, ...]:
    """One label a line, UTF-8; as many as the model has classes. Raises MissingFile, BadInput."""
    require_file(path, "label file")
    labels = parse_labels(path.read_bytes(), str(path))
    if len(labels) != classes:
        raise BadInput(_wrong_count(path, len(labels), classes))
    return labels


def labels_for(path: Path | None, card: ModelCard | None, classes: int) -> tuple[tuple[str, ...], str]:
    """The labels and where they came from: the file, else the card of the Keras file, else none. Raises BadInput."""
    if path is not None:
        return read_labels(path, classes), path.name
    if card is not None and card.labels:
        if len(card.labels) != classes:
            raise BadInput(f"the model's card has {len(card.labels)} labels, but the model has {classes} classes")
        return card.labels, "the model's card"
    return (), "none: classes are shown by number"


def _wrong_count(path: Path, found: int, classes: int) -> str:
    hint = ""
    if (found, classes) == (1000, 1001):
        hint = "; this model has a background class at index 0: add a line 'background' at the top"
    elif (found, classes) == (1001, 1000):
        hint = "; this model has no background class: leave the first line out"
    return f"{path} has {found} labels, but the model has {classes} classes; give one line a class{hint}"
