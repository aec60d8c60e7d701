"""Labeled images from class folders, train/val/test folders, a CSV file, or a zip of any of these."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..errors import BadInput
from ..files.text import decode_text
from ..log import Log
from ..preprocessing import READABLE, SUFFIX_KIND
from ..preprocessing.image_folder import left_out_notes
from . import csv_labels
from .folder_layout import Layout, arrange, arrange_rows, joined_labels
from .readers import FileContainer, FolderSource, ZipSource, open_source
from .split_names import split_of

if TYPE_CHECKING:
    from ..types import Frame

log = Log("edgevision.data")
BACKGROUND = "_background"
"""The class of images that show none of the other classes; index 0 if present."""
ROBOFLOW = "_classes.csv"
"""File of labels in each split folder of a Roboflow export."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A skipped file and the reason."""

    path: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return the fields as JSON values."""
        return {"path": self.path, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Item:
    """One labeled image that is not read yet."""

    path: str
    """Path relative to the folder, the CSV's folder or the zip, with forward slashes."""
    labels: tuple[str, ...]
    """One label; in a multi-label set any number, including none."""
    split: str | None
    """train, val or test if the source assigns a split, else None."""
    source: FileContainer = field(repr=False, compare=False)

    def data(self) -> bytes:
        """Read the encoded image. Raises MissingFile, BadImage."""
        return self.source.read(self.path)

    def read(self) -> Frame:
        """Read and decode the image, upright, in BGR. Raises MissingFile, BadImage."""
        from ..preprocessing.decode import decode

        return decode(self.data(), self.path)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A set of labeled images, sorted by path."""

    path: Path
    """Folder, CSV or zip that was opened."""
    layout: str
    """Human-readable origin of the labels: class folders, train/val/test folders, CSV ..."""
    items: tuple[Item, ...]
    classes: tuple[str, ...]
    """Sorted class names, ``_background`` first. A multi-label set does not contain ``_background``."""
    multilabel: bool
    skipped: tuple[Skipped, ...] = ()
    """Files that are unusable by their names, and listed names without a file."""
    notes: tuple[str, ...] = ()
    """Remarks for the user about how the source was read."""
    warnings: tuple[str, ...] = ()
    """Signs that the source was not understood as meant."""
    unlabeled: tuple[Item, ...] = ()
    """Images in a folder ``_unlabelled``; they are not among ``items``."""

    @property
    def fingerprint(self) -> str:
        """sha256 of contents and labels, independent of file names. Computing it reads every file."""
        return fingerprint((hashlib.sha256(item.data()).hexdigest(), item.labels) for item in self.items)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that the source assigns, in the order train, val, test."""
        present = {item.split for item in self.items}
        return tuple(name for name in ("train", "val", "test") if name in present)

    def counts(self) -> dict[str, int]:
        """Return the number of images per class."""
        found = Counter(label for item in self.items for label in item.labels)
        return {name: found[name] for name in self.classes}

    def in_split(self, name: str) -> tuple[Item, ...]:
        """Return the items of one of the source's splits."""
        return tuple(item for item in self.items if item.split == name)

    def require_trainable(self) -> None:
        """Check that a classifier can learn from this set. Raises BadInput for one class, or a class with a single image."""
        if len(self.classes) < 2 and not self.multilabel:
            name = self.classes[0]
            raise BadInput(
                f"{self.path} has only one class, {name!r}, and a classifier needs two; "
                f"add a second subfolder, for example {BACKGROUND} with images that do not show it"
            )
        held_out = "test" if "test" in self.splits else "val"
        learn = [item for item in self.items if item.split != held_out]
        if "train" not in self.splits and not any(item.split is None for item in self.items):
            raise BadInput(f"{self.path} has only {' and '.join(self.splits)} images; add train images to learn from")
        found = Counter(label for item in learn for label in item.labels)
        small = [name for name in self.classes if found[name] < 2]
        if small:
            names = ", ".join(f"{name!r} ({found[name]})" for name in small[:5]) + (" ..." if len(small) > 5 else "")
            raise BadInput(
                f"{self.path} has too few images to train on in {names}; add images: at least 2 per class, better 50"
            )


def open_dataset(path: str | Path, label_map: Path | None = None) -> Dataset:
    """Find the labeled images of a folder, a zip or a CSV without reading them. Raises MissingFile, BadInput.

    ``label_map``: a CSV of ``name,label`` that renames classes or labels single files.
    """
    path = Path(path)
    names = csv_labels.read_label_map(label_map) if label_map else {}
    if path.suffix.lower() == ".csv" and not path.is_dir():
        source: FileContainer = FolderSource(path.absolute().parent, listed=False)
        rows = csv_labels.parse_rows(csv_labels.read_text(path), path.name)
        return _finish(path, source, arrange_rows(rows, source.has, path.name), names)
    source = open_source(path)
    tables = [name for name in source.files if name.rpartition("/")[2].lower() == ROBOFLOW]
    if tables:
        return _finish(path, source, _roboflow(source, tables), names)
    inside = _label_csv(source)
    if inside:
        rows = csv_labels.parse_rows(_text(source, inside), inside)
        return _finish(path, source, arrange_rows(rows, source.has, inside), names)
    layout = arrange(source.files, source.folders, source.head)
    table = _label_csv(source, any_header=True) if len({row.labels for row in layout.rows}) < 2 else None
    if table:  # loose images, or all in one folder, with a list whose columns have other names
        rows = csv_labels.parse_rows(_text(source, table), table)
        return _finish(path, source, arrange_rows(rows, source.has, table), names)
    return _finish(path, source, layout, names)


def read_unlabelled(path: Path) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Return all images of a folder or zip, ignoring folder names, and notes about what was left out.

    Raises MissingFile, BadInput.
    """
    source = open_source(path)
    layout = arrange(source.files, source.folders, source.head)
    names = (*(row.path for row in layout.rows), *layout.unlabeled)
    if not source.files:
        raise BadInput(f"{path} is empty; put images into it")
    if not names:
        raise BadInput(_nothing(path, source, 0))
    suffixes = (PurePosixPath(name).suffix.lower() for name, _ in layout.skipped)
    left_out = Counter(one for one in suffixes if SUFFIX_KIND.get(one, READABLE[0]) not in READABLE)
    items = tuple(Item(name, (), None, source) for name in names)
    return items, (*left_out_notes(left_out), *source.notes)


def fingerprint(pictures: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    """Return one sha256 for a set of (sha256 of the file, labels), independent of order and file names."""
    lines = sorted(f"{digest} {csv_labels.SEPARATOR.join(sorted(labels))}\n" for digest, labels in pictures)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _label_csv(source: FileContainer, any_header: bool = False) -> str | None:
    """Return the path,label CSV at the top of a folder or zip, or in a zip's only folder, if there is exactly one.

    ``any_header``: also accept other names of these columns.
    """
    tops = {name.partition("/")[0] for name in source.files}
    depth = 1 if len(tops) == 1 and isinstance(source, ZipSource) else 0
    top = [n for n in source.files if n.count("/") <= depth and n.lower().endswith(".csv")]
    fits = csv_labels.has_label_columns if any_header else csv_labels.is_label_csv
    found = [n for n in top if fits(_text(source, n, 4096))]
    return found[0] if len(found) == 1 else None


def _roboflow(source: FileContainer, tables: list[str]) -> Layout:
    """Return the layout of a Roboflow export: train/_classes.csv, valid/_classes.csv, test/_classes.csv."""
    layouts = []
    for name in tables:
        text = _text(source, name)
        if len(text.strip().splitlines()) < 2:
            continue  # a split without images
        meaning = split_of(name.rpartition("/")[0].rpartition("/")[2])
        split = meaning[0] if meaning else None
        rows = [replace(row, split=split) for row in csv_labels.parse_rows(text, name)]
        layouts.append(arrange_rows(rows, source.has, name))
    return Layout(
        "CSV",
        tuple(row for layout in layouts for row in layout.rows),
        tuple(pair for layout in layouts for pair in layout.skipped),
        tuple(note for layout in layouts for note in layout.notes),
        tuple(dict.fromkeys(line for layout in layouts for line in layout.warnings)),
    )


def _text(source: FileContainer, name: str, limit: int | None = None) -> str:
    data = source.read(name)[:limit]
    try:
        return decode_text(data)
    except UnicodeDecodeError:
        return data.decode("utf-8-sig", "replace")


def _finish(path: Path, source: FileContainer, layout: Layout, names: dict[str, str]) -> Dataset:
    """Create the dataset: rename the labels, sort, and detect whether images have several labels."""
    if layout.problem and not names:
        raise BadInput(f"{path}: {layout.problem}, or give the labels in a CSV of path,label")
    rows = sorted((_renamed(row, names) for row in layout.rows), key=lambda row: row.path)
    warnings = (*layout.warnings, *(joined_labels(rows, "the label map") if names else ()))
    multilabel = any(len(row.labels) > 1 for row in rows)
    skipped = [Skipped(*pair) for pair in layout.skipped]
    if multilabel:
        rows = [replace(row, labels=tuple(name for name in row.labels if name != BACKGROUND)) for row in rows]
    if not multilabel or layout.name != "CSV":  # only a CSV can state that an image shows none of the classes
        skipped += [
            Skipped(row.path, "no label: neither in a class folder nor labeled in a CSV")
            for row in rows
            if not row.labels
        ]
        rows = [row for row in rows if row.labels]
    if not rows:
        raise BadInput(_nothing(path, source, len(layout.rows)))
    notes = (*layout.notes, *source.notes)
    items = tuple(Item(row.path, row.labels, row.split, source) for row in rows)
    classes = sorted({label for row in rows for label in row.labels}, key=lambda name: (name != BACKGROUND, name))
    log.info(
        "%s (%s): %d images, %d classes, %d files skipped", path, layout.name, len(items), len(classes), len(skipped)
    )
    unlabeled = tuple(Item(name, (), None, source) for name in layout.unlabeled)
    return Dataset(path, layout.name, items, tuple(classes), multilabel, tuple(skipped), notes, warnings, unlabeled)


def _renamed(row: csv_labels.Row, names: dict[str, str]) -> csv_labels.Row:
    if not names:
        return row
    whole = names.get(row.path) or names.get(row.path.rpartition("/")[2])
    labels = (whole,) if whole else tuple(names.get(label, label) for label in row.labels)
    parts = [part.strip() for label in labels for part in label.split(csv_labels.SEPARATOR)]
    return replace(row, labels=tuple(dict.fromkeys(part for part in parts if part)))


def _nothing(path: Path, source: FileContainer, loose: int) -> str:
    """Return the message for a source without a single labeled image."""
    if loose:
        return (
            f"{path} has {loose} images but no labels; make one subfolder per class, "
            "or give the labels in a CSV of path,label (or in a --label-map CSV of name,label)"
        )
    if not source.files:
        return f"{path} is empty; make one subfolder per class and put images into each"
    endings = Counter(PurePosixPath(name).suffix.lower() or "without a suffix" for name in source.files)
    common = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(3))
    return f"{path} contains no images (.jpg, .png, .webp, .bmp, .tif), only other files: {common}"
