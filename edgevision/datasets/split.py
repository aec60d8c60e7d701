"""Train/val/test splits: stratified, reproducible for a seed, with duplicates in one part, recorded as split.csv."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput
from ..files.atomic import write_text
from ..log import Log
from .check import check
from .check_report import DataReport
from .csv_labels import Row, format_rows, parse_rows, read_text
from .dataset import Dataset, Item

log = Log("edgevision.data")
NAMES = ("train", "val", "test")
FRACTIONS = (0.8, 0.1, 0.1)
FILE = "split.csv"
"""Name of the recorded split in a run folder."""
_FIRST = ("train", "test", "val")
"""Order in which parts get images of a class that has too few for all. Test comes before val: it gives the score."""
_NO_LABEL = ""
VAL_IS_TEST = (
    "your val images are the test: the accuracy is measured on them, and training does not see them; validation images are "
    "drawn from train (add a test part to have your val images choose the weights instead)"
)
"""Note on a source with train and val parts only."""


@dataclass(frozen=True, slots=True)
class Split:
    """The part of each image: train to learn from, val to select the best weights, test to measure the score."""

    rows: tuple[Row, ...]
    """The images, sorted by path. One without a split is left out, because a duplicate is in val or test."""
    notes: tuple[str, ...] = ()
    """Remarks for the user."""

    def counts(self) -> dict[str, int]:
        """Return the number of images in train, val and test."""
        found = Counter(row.split for row in self.rows)
        return {name: found[name] for name in NAMES}

    def speaks_of(self, dataset: Dataset) -> bool:
        """Return whether at least one image of the split is in the dataset."""
        return not {row.path for row in self.rows}.isdisjoint(item.path for item in dataset.items)

    def select(self, dataset: Dataset, name: str) -> tuple[tuple[Item, ...], tuple[str, ...]]:
        """Return the items of ``train``, ``val``, ``test`` or ``all``, and the paths missing in the data. Raises BadInput."""
        wanted = [row.path for row in self.rows if row.split == name or (name == "all" and row.split)]
        present = {item.path: item for item in dataset.items}
        found = tuple(present[path] for path in wanted if path in present)
        if not wanted:
            raise BadInput(
                f"the recorded split has no {name} images; it has {_listed(self.counts())}; give --split all, or other photos"
            )
        if not found:
            raise BadInput(
                f"{dataset.path} has none of the {len(wanted)} {name} images of the recorded split, such as {wanted[0]}"
            )
        return found, tuple(path for path in wanted if path not in present)

    def write_csv(self, path: Path) -> None:
        """Write a CSV of path,label,split,group. Raises CannotWrite."""
        write_text(path, format_rows(list(self.rows)))

    @classmethod
    def read_csv(cls, path: Path) -> Split:
        """Read a file written by ``write_csv``. Raises MissingFile, BadInput."""
        rows = parse_rows(read_text(path), str(path))
        wrong = next((row for row in rows if row.split not in (None, *NAMES)), None)
        if wrong is not None:
            raise BadInput(f"{path}, line {wrong.line}: the split must be train, val or test, got {wrong.split!r}")
        return cls(tuple(rows))


def split(
    dataset: Dataset,
    seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
    report: DataReport | None = None,
) -> Split:
    """Split the usable images of a dataset. Raises BadInput.

    Splits assigned by the source are kept; missing ones are taken from its train part. If the source assigns val but no
    test, its val part becomes the test, because it is what its author holds out. Images of train or val with a duplicate
    in an assigned test (or val) part are left out, so that the score is measured on unseen images. ``report`` is the data
    check of the dataset; it is run here if None.
    """
    if any(part < 0 for part in fractions) or abs(sum(fractions) - 1) > 1e-6 or not fractions[0]:
        raise BadInput(f"the fractions of a split must add up to 1 with train above 0, got {fractions}")
    report = report or check(dataset)
    held_out_is_val = "val" in dataset.splits and "test" not in dataset.splits
    role = {"val": "test"} if held_out_is_val else {}
    given = {item.path: role.get(item.split, item.split) for item in report.items if item.split not in (None, "train")}
    assigned = {role.get(name, name) for name in dataset.splits}
    left_out = _leaking(report, given)
    pool = [item for item in report.items if item.path not in given and item.path not in left_out]
    names = [name for name in NAMES if name == "train" or name not in assigned]
    parts = {name: part for name, part in zip(NAMES, fractions, strict=True) if name in names and part}
    chosen = assign(units(pool, report.groups), parts, seed)
    chosen.update({path: str(name) for path, name in given.items() if path not in left_out})
    rows = tuple(
        Row(item.path, item.labels, chosen.get(item.path), report.groups.get(item.path, "")) for item in report.items
    )
    notes = (VAL_IS_TEST,) if held_out_is_val else ()
    made = Split(rows, (*notes, *_left_out_note(left_out), *lacking(rows, dataset, fractions)))
    log.info("split with seed %d: %s", seed, ", ".join(f"{count} {name}" for name, count in made.counts().items()))
    return made


def _leaking(report: DataReport, given: Mapping[str, str | None]) -> set[str]:
    """Return the train and val images that have a duplicate in a higher part assigned by the source."""
    rank = {None: 0, "val": 1, "test": 2}
    highest: dict[str, int] = defaultdict(int)
    for path, group in report.groups.items():
        highest[group] = max(highest[group], rank[given.get(path)])
    return {path for path, group in report.groups.items() if rank[given.get(path)] < highest[group]}


def units(pool: Sequence[Item], groups: Mapping[str, str]) -> list[list[Item]]:
    """Group the images that must stay in one part."""
    found: dict[str, list[Item]] = {}
    for item in pool:
        found.setdefault(groups.get(item.path) or f"/{item.path}", []).append(item)
    return list(found.values())


def assign(units: list[list[Item]], parts: Mapping[str, float], seed: int) -> dict[str, str]:
    """Return the split of each path: rare labels first, each unit goes to the part that needs it most.

    Source: K. Sechidis, G. Tsoumakas, I. Vlahavas, 2011, On the Stratification of Multi-Label Data (ECML PKDD).
    """
    labels = [Counter(label for item in unit for label in item.labels or (_NO_LABEL,)) for unit in units]
    holders: dict[str, list[int]] = defaultdict(list)
    for index, counted in enumerate(labels):
        for label in counted:
            holders[label].append(index)
    need = {label: _wanted(sum(labels[i][label] for i in held), len(held), parts) for label, held in holders.items()}
    overall = {name: part * sum(map(len, units)) for name, part in parts.items()}
    chosen: dict[int, str] = {}
    for label in sorted(holders, key=lambda name: (len(holders[name]), name)):
        free = [index for index in holders[label] if index not in chosen]
        for index in sorted(free, key=lambda i: (-len(units[i]), _draw(units[i][0].path, seed))):
            name = max(parts, key=lambda part: (need[label][part], overall[part]))
            chosen[index] = name
            overall[name] -= len(units[index])
            for other, count in labels[index].items():
                need[other][name] -= count
    return {item.path: name for index, name in chosen.items() for item in units[index]}


def _wanted(pictures: int, units: int, parts: Mapping[str, float]) -> dict[str, float]:
    """Return how many images of a label each part should get: at least one, if there are enough distinct images."""
    served = [name for name in _FIRST if name in parts][:units]
    others = {name: max(1.0, parts[name] * pictures) if name in served else 0.0 for name in parts if name != "train"}
    return {name: others.get(name, pictures - sum(others.values())) for name in parts}


def _draw(path: str, seed: int) -> bytes:
    """Return the sort key of an image. It is the same on every machine and in every version of Python and numpy."""
    return hashlib.sha256(f"{seed}:{path}".encode("utf-8", "surrogateescape")).digest()


def _left_out_note(left_out: set[str]) -> tuple[str, ...]:
    if not left_out:
        return ()
    return (f"left out {len(left_out)} images that have a duplicate in val or test, such as {min(left_out)}",)


def lacking(rows: Sequence[Row], dataset: Dataset, fractions: tuple[float, float, float]) -> tuple[str, ...]:
    """Return a note for each part that lacks classes."""
    lines = []
    for name, part in zip(NAMES, fractions, strict=True):
        present = {label for row in rows if row.split == name for label in row.labels}
        absent = [label for label in dataset.classes if label not in present]
        if absent and (part or present):
            some = ", ".join(absent[:5]) + (" ..." if len(absent) > 5 else "")
            lines.append(f"no {name} images of {some}: too few distinct images")
    return tuple(lines)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
