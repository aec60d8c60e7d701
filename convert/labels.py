"""Class names of a model, from a text file with one name per line or from its model card."""

from __future__ import annotations

from pathlib import Path

from edgevision.card import ModelCard
from edgevision.errors import BadInput
from edgevision.files import require_file
from edgevision.modelfile import parse_labels


def read_labels(path: Path, classes: int) -> tuple[str, ...]:
    """Read a UTF-8 label file with one label per line. Raises MissingFile, and BadInput unless it has ``classes`` labels."""
    require_file(path, "label file")
    labels = parse_labels(path.read_bytes(), str(path))
    if len(labels) != classes:
        raise BadInput(_wrong_count(path, len(labels), classes))
    return labels


def labels_for(path: Path | None, card: ModelCard | None, classes: int) -> tuple[tuple[str, ...], str]:
    """Return the labels and their origin: the file, else the card of the Keras file, else none. Raises BadInput."""
    if path is not None:
        return read_labels(path, classes), path.name
    if card is not None and card.labels:
        if len(card.labels) != classes:
            raise BadInput(f"the model card has {len(card.labels)} labels, but the model has {classes} classes")
        return card.labels, "the model card"
    return (), "none; classes are numbered"


def _wrong_count(path: Path, found: int, classes: int) -> str:
    hint = ""
    if (found, classes) == (1000, 1001):
        hint = "; the model has a background class at index 0: add a first line 'background'"
    elif (found, classes) == (1001, 1000):
        hint = "; the model has no background class: remove the first line"
    return f"{path} has {found} labels, but the model has {classes} classes; use one line per class{hint}"
