"""Records of a dataset check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from ..preprocessing import sniff
from .dataset import Dataset, Item, Skipped, fingerprint

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
        return sniff.expected_kind(self.item.path) != self.kind


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


def _sizes(pictures: tuple[Picture, ...]) -> dict[str, dict[str, float]]:
    """Return minimum, median and maximum of width and height in pixels and of the file size in bytes."""
    measured = {
        "width": [p.width for p in pictures],
        "height": [p.height for p in pictures],
        "bytes": [p.bytes for p in pictures],
    }
    return {key: {"min": min(v), "median": median(v), "max": max(v)} for key, v in measured.items()}
