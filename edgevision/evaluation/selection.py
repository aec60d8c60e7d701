"""The part of a dataset that is evaluated: by the recorded split of a training, or by the folders of the source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..datasets.dataset import Dataset, Item
from ..datasets.split import Split
from ..errors import BadInput
from .opening import OpenedModels, split_record
from .options import EvaluateOptions

ALL = "all"


@dataclass(frozen=True, slots=True)
class SelectedPart:
    """The images to evaluate."""

    items: tuple[Item, ...]
    split: str
    """train, val, test or all."""
    notes: tuple[str, ...]


def select_part(request: EvaluateOptions, dataset: Dataset, models: OpenedModels) -> SelectedPart:
    """Return the images of the requested part, at most ``request.limit``. Raises MissingFile, BadInput."""
    items, split, notes = _choose(request, dataset, models)
    return SelectedPart(_limited(items, request.limit), split, notes)


def _choose(
    request: EvaluateOptions, dataset: Dataset, models: OpenedModels
) -> tuple[tuple[Item, ...], str, tuple[str, ...]]:
    """Return the images of the requested split, from the split recorded by a training or from the source's folders."""
    record = split_record(request.split_file) or models.split_file
    recorded = Split.read_csv(record) if record and request.split != ALL else None
    notes: list[str] = []
    if recorded and not (request.split or request.split_file) and not recorded.speaks_of(dataset):
        notes.append(f"ignoring {record}: it lists no image of {dataset.path}")
        recorded = None
    held_out = next((part for part in ("test", "val") if part in dataset.splits), None)
    if request.split == ALL or (recorded is None and request.split is None and held_out is None):
        return dataset.items, ALL, tuple(notes)
    name = request.split or ("test" if recorded else held_out) or "test"
    if recorded is None:
        return _own(dataset, name), name, tuple(notes)
    items, missing = recorded.select(dataset, name)
    notes.append(f"evaluating the {name} part of {record}: {len(items)} images")
    if missing:
        notes.append(f"{len(missing)} images of {record} are not in {dataset.path}, such as {missing[0]}")
    return items, name, tuple(notes)


def _own(dataset: Dataset, name: str) -> tuple[Item, ...]:
    items = dataset.in_split(name)
    if not items:
        parts = ", ".join(dataset.splits) or "none; use --split-file RUN or --split all"
        raise BadInput(f"{dataset.path} has no {name} part; available: {parts}")
    return items


def _limited(items: tuple[Item, ...], limit: int | None) -> tuple[Item, ...]:
    """Draw at most ``limit`` images, the same each time and for every model."""
    if limit is None or limit >= len(items):
        return items
    drawn = sorted(items, key=lambda item: hashlib.sha256(item.path.encode("utf-8", "surrogateescape")).digest())
    return tuple(sorted(drawn[:limit], key=lambda item: item.path))
