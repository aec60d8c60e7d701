"""The data check: damaged files, duplicates, leaks between splits, small classes."""

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
    """Facts about one usable image."""

    item: Item
    width: int
    """Width of the upright image in pixels."""
    height: int
    """Height of the upright image in pixels."""
    bytes: int
    """Size of the file in bytes."""
    sha256: str
    """sha256 of the file."""
    kind: str
    """Format by content: jpeg, png, webp, bmp or tiff."""
    traits: tuple[str, ...]
    """Any of gray, cmyk, alpha and 16 bit."""
    flat: bool
    """Whether the image has one plain color."""

    @property
    def misnamed(self) -> bool:
        """Whether the suffix does not fit the content."""
        return formats.expected_kind(self.item.path) != self.kind


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Images that are duplicates of each other."""

    kind: Literal["exact", "near"]
    """exact: the same bytes; near: the same image scaled, saved again or mirrored."""
    items: tuple[Item, ...]
    across: Across
    """split: in different splits (a leak); class: with different labels; none: neither."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {"kind": self.kind, "paths": [item.path for item in self.items], "across": self.across}


@dataclass(frozen=True, slots=True)
class DataReport:
    """The result of a data check."""

    dataset: Dataset
    pictures: tuple[Picture, ...]
    """Usable images, sorted by path."""
    bad: tuple[Skipped, ...]
    """Unusable files, each with the reason."""
    duplicates: tuple[Duplicates, ...]
    groups: Mapping[str, str]
    """Group of each path that has duplicates; other paths are absent."""
    warnings: tuple[str, ...]
    """Problems that should be fixed, one line each."""
    notes: tuple[str, ...]
    """Remarks that need no fix, one line each."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The usable images."""
        return tuple(picture.item for picture in self.pictures)

    @property
    def fingerprint(self) -> str:
        """sha256 of the usable images and their labels."""
        return fingerprint((picture.sha256, picture.item.labels) for picture in self.pictures)

    def counts(self) -> dict[str, int]:
        """Return the number of usable images per class."""
        found = Counter(label for item in self.items for label in item.labels)
        return {name: found[name] for name in self.dataset.classes}

    def to_json(self) -> dict[str, Any]:
        """Return the report in the schema ``edgevision.data_check/1``."""
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
    """Read and decode every image once. ``step`` receives the number done. Raises BadInput if no image is usable."""
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
            f"none of the {len(dataset.items)} images in {dataset.path} can be read: {bad[-1].path}: {bad[-1].reason}"
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
    """Return the decoder's message, or a better one if the content has an unsupported format."""
    if kind == "text":
        return "a text file, not an image"
    if kind in formats.READABLE or kind == "unknown":
        return said
    return f"the content is {kind.upper()}, which is not supported; save it as JPEG or PNG"


def _duplicates(pictures: list[Picture], alike: Alike) -> tuple[Duplicates, ...]:
    """Convert groups to duplicates: one entry per set of equal files and one per set of similar images."""
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
    """Return minimum, median and maximum of width and height in pixels and of the file size in bytes."""
    measured = {
        "width": [p.width for p in pictures],
        "height": [p.height for p in pictures],
        "bytes": [p.bytes for p in pictures],
    }
    return {key: {"min": min(v), "median": median(v), "max": max(v)} for key, v in measured.items()}
