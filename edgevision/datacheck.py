"""What is wrong with a set of labelled pictures: damaged files, copies, leaks between splits, tiny classes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import formats, phash
from .ahead import in_order
from .data_warnings import find_warnings
from .dataset import Dataset, Item, Skipped, fingerprint
from .duplicates import Alike, find_alike
from .errors import BadInput, BadPicture, MissingFile
from .interpreter import available_cpus
from .pictures import decode

if TYPE_CHECKING:
    import numpy.typing as npt

SCHEMA = "edgevision.data_check/1"
Across = Literal["split", "class", "none"]


@dataclass(frozen=True, slots=True)
class Picture:
    """What was found in one good picture."""

    item: Item
    width: int
    """Pixels, upright."""
    height: int
    bytes: int
    sha256: str
    kind: str
    """jpeg, png, webp, bmp or tiff, by content."""
    traits: tuple[str, ...]
    """Of gray, cmyk, alpha, 16 bit."""
    flat: bool
    """All one colour."""

    @property
    def misnamed(self) -> bool:
        """Whether the suffix promises another kind than the content is."""
        return formats.expected_kind(self.item.path) != self.kind


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Pictures that are copies of each other."""

    kind: Literal["exact", "near"]
    """The same bytes, or the same picture scaled, saved again or mirrored."""
    items: tuple[Item, ...]
    across: Across
    """split: some in another split than others (a leak); class: under different labels; none."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": self.kind, "paths": [item.path for item in self.items], "across": self.across}


@dataclass(frozen=True, slots=True)
class DataReport:
    """All that a check found."""

    dataset: Dataset
    pictures: tuple[Picture, ...]
    """The good ones, in the order of their paths."""
    bad: tuple[Skipped, ...]
    """Files that cannot be used, and why."""
    duplicates: tuple[Duplicates, ...]
    groups: Mapping[str, str]
    """Path to the name of its group; a picture without copies is in none."""
    warnings: tuple[str, ...]
    """What should be mended, one line each."""
    notes: tuple[str, ...]
    """What is worth knowing and needs no mending."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The pictures that can be used."""
        return tuple(picture.item for picture in self.pictures)

    @property
    def fingerprint(self) -> str:
        """Of the usable pictures and their labels."""
        return fingerprint((picture.sha256, picture.item.labels) for picture in self.pictures)

    def counts(self) -> dict[str, int]:
        """Usable pictures per class."""
        found = Counter(label for item in self.items for label in item.labels)
        return {name: found[name] for name in self.dataset.classes}

    def to_json(self) -> dict[str, Any]:
        """``edgevision.data_check/1``."""
        return {
            "schema": SCHEMA,
            "path": str(self.dataset.path),
            "layout": self.dataset.layout,
            "multilabel": self.dataset.multilabel,
            "fingerprint": self.fingerprint,
            "pictures": len(self.pictures),
            "classes": [{"name": name, "pictures": count} for name, count in self.counts().items()],
            "splits": {name: sum(item.split == name for item in self.items) for name in self.dataset.splits},
            "sizes": _sizes(self.pictures),
            "kinds": dict(Counter(picture.kind for picture in self.pictures).most_common()),
            "traits": dict(Counter(trait for picture in self.pictures for trait in picture.traits).most_common()),
            "misnamed": [{"path": p.item.path, "content": p.kind} for p in self.pictures if p.misnamed],
            "bad": [one.to_json() for one in self.bad],
            "duplicates": [one.to_json() for one in self.duplicates],
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }


def check(dataset: Dataset, step: Callable[[int], None] = lambda done: None) -> DataReport:
    """Reads and decodes every picture once; ``step`` hears how many are done. Raises BadInput where none is good."""
    pictures: list[Picture] = []
    thumbs: list[npt.NDArray[np.uint8]] = []
    bad: list[Skipped] = list(dataset.skipped)
    threads = min(8, available_cpus())
    for done, result in enumerate(in_order(_inspect, dataset.items, threads), 1):
        if isinstance(result, Skipped):
            bad.append(result)
        else:
            pictures.append(result[0])
            thumbs.append(result[1])
        step(done)
    if not pictures:
        raise BadInput(
            f"{dataset.path}: not one of {len(dataset.items)} pictures can be read: {bad[-1].path}: {bad[-1].reason}"
        )
    alike = find_alike([p.sha256 for p in pictures], np.stack(thumbs), [p.item.labels for p in pictures])
    duplicates = _duplicates(pictures, alike)
    groups = {pictures[i].item.path: f"g{number}" for number, group in enumerate(alike.groups, 1) for i in group}
    warnings, notes = find_warnings(dataset, pictures, bad, duplicates, alike.still)
    return DataReport(dataset, tuple(pictures), tuple(bad), duplicates, groups, warnings, notes)


def _inspect(item: Item) -> tuple[Picture, npt.NDArray[np.uint8]] | Skipped:
    try:
        data = item.data()
    except (BadPicture, MissingFile) as error:
        return Skipped(item.path, str(error).removeprefix(f"{item.path}: "))
    found = formats.sniff(data)
    try:
        frame = decode(data, item.path)
    except BadPicture as error:
        return Skipped(item.path, _reason(str(error).removeprefix(f"{item.path}: "), found.kind))
    thumb = phash.thumbnail(frame)
    digest = hashlib.sha256(data).hexdigest()
    flat = bool(phash.is_flat(thumb[np.newaxis])[0])
    picture = Picture(item, frame.width, frame.height, len(data), digest, found.kind, found.traits, flat)
    return picture, thumb


def _reason(said: str, kind: str) -> str:
    """What the decoder said; where the content is of another kind altogether, that says more."""
    if kind == "text":
        return "text, not a picture"
    if kind in formats.READABLE or kind == "unknown":
        return said
    return f"a {kind.upper()} file under another name, which cannot be read; save it as JPEG or PNG"


def _duplicates(pictures: list[Picture], alike: Alike) -> tuple[Duplicates, ...]:
    """The groups as copies: one entry for each set of equal files, one for each set that only looks the same."""
    found: list[Duplicates] = []
    for group in alike.groups:
        by_bytes: dict[str, list[Item]] = {}
        for index in group:
            by_bytes.setdefault(pictures[index].sha256, []).append(pictures[index].item)
        found += [_duplicate("exact", items) for items in by_bytes.values() if len(items) > 1]
        if len(by_bytes) > 1:
            found.append(_duplicate("near", [pictures[index].item for index in group]))
    return tuple(found)


def _duplicate(kind: Literal["exact", "near"], items: list[Item]) -> Duplicates:
    across: Across = "none"
    if len({item.split for item in items}) > 1:
        across = "split"
    elif len({frozenset(item.labels) for item in items}) > 1:
        across = "class"
    return Duplicates(kind, tuple(items), across)


def _sizes(pictures: tuple[Picture, ...]) -> dict[str, dict[str, float]]:
    """Smallest, median and largest; pixels and bytes."""
    measured = {
        "width": [p.width for p in pictures],
        "height": [p.height for p in pictures],
        "bytes": [p.bytes for p in pictures],
    }
    return {key: {"min": min(v), "median": median(v), "max": max(v)} for key, v in measured.items()}
