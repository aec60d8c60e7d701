"""The label file that lies beside a model, as Teachable Machine, Coral and app projects keep it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import EdgeVisionError
from ..input_file import read_file
from ..log import Log
from ..types import Task
from .label_file import MAX_BYTES, parse_labels
from .labels import fit_labels

log = Log("edgevision.model")
MAX_FILES = 2000
"""Largest number of files of a folder that are looked at; a folder with more is not one of a model."""
ENDINGS = (".txt", ".names", ".csv", ".json", "")
COMMON = ("labels", "label", "classes", "class_names", "dict", "labelmap", "label_map", "names")
"""Names, in lower case and without the ending, of the labels of a folder's only model."""


class LabelsBeside(NamedTuple):
    """Labels, and the file that lists them."""

    labels: tuple[str, ...]
    path: Path


def find_labels(model: Path, classes: int | None, task: Task) -> LabelsBeside | None:
    """Return the labels beside a model: of a file with the model's name, else of a file with a common name.

    Only a list with one label per class is taken, so nothing is if the number of classes is unknown, or is 1. Files that
    fit but contradict each other are left out.
    """
    if classes is None or classes < 2:
        return None
    for candidates in _candidates(model):
        found = [one for path in candidates if (one := _read(path, classes, task)) is not None]
        if len({one.labels for one in found}) == 1:
            return found[0]
        if found:
            log.warning(
                "%s: %s have different labels; none is used", model, " and ".join(str(one.path) for one in found)
            )
            return None
    return None


def _candidates(model: Path) -> Iterator[list[Path]]:
    """Yield the files with the model's name, then those with a common name."""
    names = []
    try:
        for number, path in enumerate(model.parent.iterdir()):
            if number >= MAX_FILES:
                return
            if path.suffix.lower() in ENDINGS:
                names.append(path)
    except OSError:
        return
    stem = model.stem.lower()
    own = {stem, *(f"{stem}{sign}{word}" for sign in "_-." for word in COMMON)}
    own |= {f"{word}{sign}{stem}" for sign in "_-." for word in COMMON}
    yield sorted(path for path in names if path.stem.lower() in own and path.suffix != ".json")
    yield sorted(path for path in names if path.stem.lower() in COMMON)


def _read(path: Path, classes: int, task: Task) -> LabelsBeside | None:
    """Return the labels of a file if there is one for each class."""
    try:
        labels = fit_labels(parse_labels(read_file(path, "labels file", MAX_BYTES), str(path), classes), classes, task)
    except (EdgeVisionError, OSError) as error:
        log.info("%s is not used for labels: %s", path, error)
        return None
    fits = len(labels) == classes and all(labels)
    return LabelsBeside(labels, path) if fits else None
