"""The data check: damaged files, duplicates, leaks between splits, small classes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..engines.interpreter import available_cpus
from ..errors import BadImage, BadInput, MissingFile
from ..log import Log
from ..preprocessing import sniff
from ..preprocessing.decode import decode
from . import perceptual_hash
from .check_report import Across, DataReport, Duplicates, Picture
from .dataset import Dataset, Item, Skipped
from .duplicates import Alike, find_alike
from .findings import find_warnings
from .prefetch import in_order

if TYPE_CHECKING:
    import numpy.typing as npt


log = Log("edgevision.data")


Findings = Callable[
    [Dataset, Sequence[Picture], Sequence[Skipped], Sequence[Duplicates], int], tuple[tuple[str, ...], tuple[str, ...]]
]
"""Function that returns the warnings and the notes, as ``findings.find_warnings`` does."""


def check(
    dataset: Dataset, step: Callable[[int], None] = lambda done: None, findings: Findings = find_warnings
) -> DataReport:
    """Read and decode every image once. ``step`` receives the number done. Raises BadInput if no image is usable."""
    pictures: list[Picture] = []
    thumbs: list[npt.NDArray[np.uint8]] = []
    bad: list[Skipped] = list(dataset.skipped)
    threads = min(8, available_cpus())
    for done, result in enumerate(in_order(_inspect, dataset.items, threads), 1):
        if isinstance(result, Skipped):
            bad.append(result)
            log.debug("not usable: %s: %s", result.path, result.reason)
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
    log.info("%d images are usable, %d are not; %d sets of duplicates", len(pictures), len(bad), len(duplicates))
    groups = {pictures[i].item.path: f"g{number}" for number, group in enumerate(alike.groups, 1) for i in group}
    warnings, notes = findings(dataset, pictures, bad, duplicates, alike.still)
    return DataReport(dataset, tuple(pictures), tuple(bad), duplicates, groups, warnings, notes)


def _inspect(item: Item) -> tuple[Picture, npt.NDArray[np.uint8]] | Skipped:
    try:
        data = item.data()
    except (BadImage, MissingFile) as error:
        return Skipped(item.path, str(error).removeprefix(f"{item.path}: "))
    found = sniff.sniff(data)
    try:
        frame = decode(data, item.path)
    except BadImage as error:
        return Skipped(item.path, str(error).removeprefix(f"{item.path}: "))
    thumb = perceptual_hash.thumbnail(frame)
    digest = hashlib.sha256(data).hexdigest()
    flat = bool(perceptual_hash.is_flat(thumb[np.newaxis])[0])
    picture = Picture(item, frame.width, frame.height, len(data), digest, found.kind, found.traits, flat)
    return picture, thumb


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
