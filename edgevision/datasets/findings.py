"""The findings of a data check as text: warnings about problems to fix, and notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .check_report import Duplicates, Picture
    from .dataset import Dataset, Skipped

TINY = 20
"""A class with fewer images is memorized instead of generalized."""
IMBALANCE = 10.0
"""Largest accepted ratio between the largest and the smallest class."""
SMALL_SIDE = 32
"""Smallest accepted side in pixels; a smaller image shows almost nothing."""


def find_warnings(
    dataset: Dataset,
    pictures: Sequence[Picture],
    bad: Sequence[Skipped],
    duplicates: Sequence[Duplicates],
    still: int,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the warnings and the notes. ``still``: number of images of one scene that makes up most of a class."""
    counts = Counter(label for picture in pictures for label in picture.item.labels)
    warnings = [
        *dataset.warnings,
        *unusable(bad),
        *_classes(dataset, counts),
        *image_warnings(pictures, duplicates, still),
    ]
    return tuple(warnings), (*dataset.notes, *image_notes(pictures, duplicates))


def image_warnings(pictures: Sequence[Picture], duplicates: Sequence[Duplicates], still: int) -> list[str]:
    """Return the warnings about images, whatever their labels mean. ``still``: see ``find_warnings``."""
    return [*_copies(duplicates), *_still(still), *_misnamed(pictures), *_blank(pictures)]


def image_notes(pictures: Sequence[Picture], duplicates: Sequence[Duplicates]) -> list[str]:
    """Return the notes about images, whatever their labels mean."""
    return [*_within(duplicates), *_unusual(pictures)]


def unusable(bad: Sequence[Skipped]) -> list[str]:
    """Return the warning about files that cannot be used."""
    return [f"{counted(len(bad), 'unusable file')} will be skipped"] if bad else []


def _classes(dataset: Dataset, counts: Counter[str]) -> list[str]:
    lines = []
    if len(dataset.classes) == 1 and not dataset.multilabel:
        lines.append(f"only one class, {dataset.classes[0]!r}; a classifier needs two")
    empty = [name for name in dataset.classes if counts[name] == 0]
    if empty:
        lines.append(f"no usable images in {listed(empty)}")
    tiny = [f"{name} ({counts[name]})" for name in dataset.classes if 0 < counts[name] < TINY]
    if tiny:
        lines.append(f"fewer than {TINY} images in {listed(tiny)}")
    sizes = [counts[name] for name in dataset.classes if counts[name]]
    if len(sizes) > 1 and max(sizes) > IMBALANCE * min(sizes):
        large, small = (pick(counts, key=lambda name: (counts[name], name)) for pick in (max, min))
        lines.append(f"unbalanced classes: {large} has {counts[large]} images, {small} has {counts[small]}")
    return lines


def _copies(duplicates: Sequence[Duplicates]) -> list[str]:
    lines = []
    leaks = [d for d in duplicates if d.across == "split"]
    if leaks:
        splits = "/".join(sorted({item.split or "no split" for d in leaks for item in d.items}))
        lines.append(
            f"leak: {counted(_pictures(leaks), 'image')} in {splits} are duplicates of each other, such as {_first(leaks)}"
        )
    mixed = [d for d in duplicates if d.across == "class" or (d.across == "split" and _labels(d) > 1)]
    if mixed:
        lines.append(f"{counted(_pictures(mixed), 'duplicate image')} with different labels, such as {_first(mixed)}")
    return lines


def _still(still: int) -> list[str]:
    if not still:
        return []
    return [
        f"{still} images show one scene that makes up most of a class (a camera that never moves?); "
        "scores on this data will be too high"
    ]


def _misnamed(pictures: Sequence[Picture]) -> list[str]:
    wrong = [picture for picture in pictures if picture.misnamed]
    if not wrong:
        return []
    first = f"{wrong[0].item.path} is {wrong[0].kind.upper()}"
    return [f"{counted(len(wrong), 'file')} with a wrong suffix (read anyway), such as {first}"]


def _blank(pictures: Sequence[Picture]) -> list[str]:
    flat = [picture.item.path for picture in pictures if picture.flat]
    small = [picture.item.path for picture in pictures if min(picture.width, picture.height) < SMALL_SIDE]
    lines = [f"{counted(len(flat), 'image')} with one plain color, such as {flat[0]}"] if flat else []
    if small:
        lines.append(f"{counted(len(small), 'image')} smaller than {SMALL_SIDE} pixels, such as {small[0]}")
    return lines


def _within(duplicates: Sequence[Duplicates]) -> list[str]:
    same = [d for d in duplicates if d.across == "none"]
    return (
        [f"{counted(_pictures(same), 'image')} with duplicates of the same label; a split keeps them in one part"]
        if same
        else []
    )


def _unusual(pictures: Sequence[Picture]) -> list[str]:
    traits = Counter(trait for picture in pictures for trait in picture.traits)
    if not traits:
        return []
    listed = ", ".join(f"{count} {trait}" for trait, count in traits.most_common())
    return [f"converted to 8-bit color: {listed}"]


def _pictures(duplicates: Iterable[Duplicates]) -> int:
    return len({item.path for d in duplicates for item in d.items})


def _labels(duplicates: Duplicates) -> int:
    return len({frozenset(item.labels) for item in duplicates.items})


def _first(duplicates: Sequence[Duplicates]) -> str:
    """Return two duplicates that differ in split or label, so that the problem is visible at once."""
    one = duplicates[0].items[0]
    other = next(i for i in duplicates[0].items if (i.split, i.labels) != (one.split, one.labels))
    return f"{one.path} = {other.path}"


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many there are besides."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def counted(count: int, noun: str) -> str:
    """Return a number of things, such as ``1 file`` or ``2 files``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
