"""The pictures a conversion is judged on: none of those that made the model, with labels where they are known."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgevision import pictures
from edgevision.card import ModelCard
from edgevision.data import Frame
from edgevision.dataset import Dataset, Item, open_dataset
from edgevision.errors import BadInput, BadPicture
from edgevision.label_match import fold

from .calibrate import CalibrationSet, Skipped, file_sha256, fingerprint

MAX_COUNT = 400
"""Of the calibration folder's other pictures; a share of 400 is known to within five points or better."""

USED = "makes the model, or is a copy of another picture"
"""Why a labelled picture is left out that is otherwise good."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture and what it shows."""

    path: Path
    sha256: str
    labels: frozenset[int]
    """Class indices; empty: unknown. A name that two classes share stands for both."""
    item: Item | None = None
    """Where it comes from, if not from a plain file."""

    def read(self) -> Frame:
        """The decoded picture. Raises MissingFile, BadPicture."""
        return self.item.read() if self.item is not None else pictures.read(self.path)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The pictures a conversion is judged on."""

    path: Path
    pictures: tuple[Judged, ...]
    skipped: tuple[Skipped, ...]
    independent: bool = True
    """False: these chose between ways to quantize, because no others are left."""

    @property
    def labelled(self) -> int:
        """How many of them have a label."""
        return sum(bool(picture.labels) for picture in self.pictures)

    @property
    def fingerprint(self) -> str:
        """Which pictures they are, whatever their names and order."""
        return fingerprint(picture.sha256 for picture in self.pictures)


def remaining(calibration: CalibrationSet, labels: Sequence[str], seed: int = 0, count: int = MAX_COUNT) -> HeldOut:
    """At most ``count`` of the calibration folder's other pictures, drawn at random; folder names may label them.

    Where none are left, the pictures that chose, which flatter the model a little.
    """
    order = list(calibration.others)
    random.Random(seed).shuffle(order)
    known = _indices(labels)
    used = set(calibration.used)
    skipped: list[Skipped] = []
    found: list[Judged] = []
    for path in order:
        if len(found) == count:
            break
        try:
            digest = file_sha256(path)
        except BadPicture as error:
            skipped.append(Skipped(path, str(error)))
            continue
        if digest not in used:
            used.add(digest)
            found.append(Judged(path, digest, _folder_label(path, calibration.folder, known)))
    if not found:
        return _choosing(calibration, known, tuple(skipped))
    return HeldOut(calibration.folder, tuple(found), tuple(skipped))


def labelled(path: Path, card: ModelCard, classes: int, calibration: CalibrationSet) -> HeldOut:
    """All pictures of a CSV, folder or zip of labelled ones, but for those that calibrated. Raises BadInput."""
    data = open_dataset(path)
    known = _indices(card.labels) | {str(n): frozenset({n}) for n in range(classes)}
    items = data.in_split("test") or data.items
    _check_labels(data, items, known, path)
    used = set(calibration.used)
    found: list[Judged] = []
    skipped: list[Skipped] = []
    for item, digest in _hashed(items, skipped):
        if digest in used:
            skipped.append(Skipped(Path(item.path), USED))
            continue
        used.add(digest)
        every = frozenset().union(*(known[fold(name)] for name in item.labels))
        found.append(Judged(Path(item.path), digest, every, item))
    if not found:
        raise BadInput(f"{path}: no picture is left to report on; all of them calibrated the model, or are damaged")
    return HeldOut(path, tuple(found), tuple(skipped))


def _choosing(calibration: CalibrationSet, known: dict[str, frozenset[int]], skipped: tuple[Skipped, ...]) -> HeldOut:
    folder = calibration.folder
    found = tuple(Judged(p.path, p.sha256, _folder_label(p.path, folder, known)) for p in calibration.choosing)
    return HeldOut(folder, found, skipped, independent=not found)


def _hashed(items: Sequence[Item], skipped: list[Skipped]) -> Iterator[tuple[Item, str]]:
    for item in items:
        try:
            yield item, hashlib.sha256(item.data()).hexdigest()
        except BadPicture as error:
            skipped.append(Skipped(Path(item.path), str(error)))


def _check_labels(data: Dataset, items: Sequence[Item], known: dict[str, frozenset[int]], path: Path) -> None:
    unknown = sorted({name for item in items for name in item.labels if fold(name) not in known})
    if unknown:
        raise BadInput(
            f"{path}: the model has no class {unknown[0]!r}; labels must be its label names or class numbers "
            f"({len(unknown)} of {len(data.classes)} classes do not match)"
        )


def _folder_label(path: Path, root: Path, known: dict[str, frozenset[int]]) -> frozenset[int]:
    """The class that the nearest folder above a picture is named after."""
    for parent in path.relative_to(root).parents:
        found = known.get(fold(parent.name))
        if found:
            return found
    return frozenset()


def _indices(labels: Sequence[str]) -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for index, label in enumerate(labels):
        found[fold(label)] = found.get(fold(label), frozenset()) | {index}
    return found
