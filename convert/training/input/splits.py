"""The images of a training: checked, split, and turned into examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgevision.datasets import check
from edgevision.datasets.boxes.box_check import check_boxes
from edgevision.datasets.boxes.records import BoxDataset
from edgevision.datasets.check_report import DataReport
from edgevision.datasets.continued_split import KnownImages, continued_split
from edgevision.datasets.dataset import Dataset, Item, Skipped, open_dataset
from edgevision.datasets.split import FILE as SPLIT_FILE
from edgevision.datasets.split import FRACTIONS, Split, split
from edgevision.errors import BadInput, GateNotMet
from edgevision.files import run_folder, strict_json
from edgevision.files.atomic import write_text
from edgevision.input_file import read_file
from edgevision.preprocessing.spec import Preprocessing

from ..config.settings import TrainSettings
from ..monitor.observer import TrainingObserver
from ..network.head import Head, goal_of
from .batches import Examples
from .image_cache import PixelSource, Progress, open_pixels
from .unlabeled import usable

DATA_FILE = "data.json"
"""File name of the data check in the run folder."""
MAX_ITEMS, MAX_TEXT = 10_000_000, 100_000
"""Largest number of items in its lists, and longest text."""


@dataclass(frozen=True, slots=True)
class DatasetSplits:
    """Training, validation and test images of a training."""

    dataset: Dataset
    goal: Head
    split: Split
    train: tuple[Item, ...]
    val: tuple[Item, ...]
    test: tuple[Item, ...]
    skipped: tuple[Skipped, ...]
    fingerprint: str
    """Fingerprint of all usable images and their labels."""
    warnings: tuple[str, ...]
    """Warnings of the data check: problems that should be fixed."""
    unlabeled: tuple[Item, ...] = ()
    """Images without labels that a network with a teacher learns from too."""

    def counts(self) -> dict[str, int]:
        """Return the number of images of each split."""
        return {"train": len(self.train), "val": len(self.val), "test": len(self.test)}


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Preprocessed images of a training."""

    pixels: PixelSource
    train: Examples
    val: Examples


def open_photos(photos: Path, settings: TrainSettings) -> Dataset:
    """Open the labeled images without reading them yet. Raises MissingFile, BadInput."""
    dataset = open_dataset(photos, Path(settings.label_map) if settings.label_map else None)
    dataset.require_trainable()
    return dataset


def prepare(
    data: Dataset | BoxDataset,
    settings: TrainSettings,
    folder: Path,
    watcher: TrainingObserver,
    known: KnownImages | None = None,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> DatasetSplits:
    """Check and split the images and record both in the run folder; existing records are reused.

    ``known``: the images of the model that the training continues from, which keep their parts; ``fractions``: otherwise,
    shares of train, val and test of images that the source does not split.

    Raises BadInput, or GateNotMet if ``strict`` is set and there are warnings.
    """
    if (folder / SPLIT_FILE).exists() and (folder / DATA_FILE).exists():
        return _recorded(data, folder)
    dataset = _files_of(data)
    with watcher.stage("Checking images", len(dataset.items)) as step:
        checked = _checked_boxes(data, step) if isinstance(data, BoxDataset) else _checked_labels(data, step)
    report = checked.files
    for line in (*report.warnings, *report.notes):
        watcher.note(line)
    for one in report.bad[:5]:
        watcher.note(f"skipped {one.path}: {one.reason}")
    if settings.strict and report.warnings:
        raise GateNotMet(f"{dataset.path}: {report.warnings[0]}; --strict allows no warnings")
    checked.usable.require_trainable()
    seed = settings.seed
    parts = split(dataset, seed, fractions, report) if known is None else continued_split(report, known, seed)
    for line in parts.notes:
        watcher.note(line)
    write_text(folder / DATA_FILE, run_folder.dump(checked.document) + "\n")
    parts.write_csv(folder / SPLIT_FILE)
    return _learning(dataset, parts, report.bad, checked.document["fingerprint"], report.warnings)


def with_unlabeled(learning: DatasetSplits, watcher: TrainingObserver) -> DatasetSplits:
    """Return the splits with the usable images of the photos' folder for images without labels."""
    found = usable(learning.dataset.unlabeled, (*learning.train, *learning.val, *learning.test), watcher)
    return replace(learning, unlabeled=found)


@dataclass(frozen=True, slots=True)
class _Checked:
    """The check of labeled images, or of images with boxes."""

    files: DataReport
    document: dict[str, Any]
    """The report as JSON."""
    usable: Dataset | BoxDataset
    """The images that can be read."""


def _checked_labels(dataset: Dataset, step: Progress) -> _Checked:
    report = check.check(dataset, step)
    return _Checked(report, report.to_json(), replace(dataset, items=report.items))


def _checked_boxes(data: BoxDataset, step: Progress) -> _Checked:
    report = check_boxes(data, step)
    return _Checked(report.files, report.to_json(), replace(data, images=report.images))


def _files_of(data: Dataset | BoxDataset) -> Dataset:
    return data.as_dataset() if isinstance(data, BoxDataset) else data


def open_sets(
    learning: DatasetSplits,
    preprocessing: Preprocessing,
    settings: TrainSettings,
    folder: Path,
    watcher: TrainingObserver,
) -> Sets:
    """Decode and resize the training and validation images, only once if they can be cached."""
    items = (*learning.train, *learning.val)
    place = Path(settings.cache_dir) if settings.cache_dir else folder
    with watcher.stage("Preparing images", len(items)) as step:
        pixels = open_pixels(items, preprocessing, settings.cache, place, watcher.note, step)
    goal, n = learning.goal, len(learning.train)
    targets = goal.targets([item.labels for item in items])
    weights = np.ones(len(items), np.float32)
    weights[:n] = goal.picture_weights(targets[:n], settings.class_weights)
    index = np.arange(len(items))

    def part(which: slice) -> Examples:
        return Examples(pixels, preprocessing, index[which], targets[which], weights[which])

    return Sets(pixels, part(slice(0, n)), part(slice(n, None)))


def _recorded(data: Dataset | BoxDataset, folder: Path) -> DatasetSplits:
    """Return the recorded check and split of an interrupted run. Raises BadInput if images, labels or boxes have changed."""
    record = _record(folder / DATA_FILE)
    bad = {one["path"] for one in record["bad"]}
    if isinstance(data, BoxDataset):
        mark = replace(data, images=tuple(image for image in data.images if image.path not in bad)).fingerprint
    else:
        mark = replace(data, items=tuple(item for item in data.items if item.path not in bad)).fingerprint
    if mark != record["fingerprint"]:
        raise BadInput(
            f"{data.path} has changed since {folder} was started; start a new training: edgevision train {data.path}"
        )
    skipped = tuple(Skipped(one["path"], one["reason"]) for one in record["bad"])
    parts = Split.read_csv(folder / SPLIT_FILE)
    return _learning(_files_of(data), parts, skipped, record["fingerprint"], record["warnings"])


def _record(path: Path) -> dict[str, Any]:
    """Read the recorded check of the images. Raises BadInput."""
    try:
        record = strict_json.fields(
            strict_json.loads(read_file(path, "record of the photos", strict_json.MAX_BYTES), str(path)), "the record"
        )
        strict_json.text(record["fingerprint"], "fingerprint", MAX_TEXT)
        for one in strict_json.items(record["bad"], "bad", MAX_ITEMS):
            for name in ("path", "reason"):
                strict_json.text(strict_json.fields(one, "bad")[name], name, MAX_TEXT)
        for warning in strict_json.items(record["warnings"], "warnings", MAX_ITEMS):
            strict_json.text(warning, "warnings", MAX_TEXT)
    except BadInput:
        raise
    except (OSError, ValueError, KeyError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadInput(f"{path} is damaged ({said}); start a new training") from None
    return record


def _learning(
    dataset: Dataset, parts: Split, skipped: Sequence[Skipped], mark: str, warnings: Sequence[str]
) -> DatasetSplits:
    counts = parts.counts()
    train, val, test = (parts.select(dataset, name)[0] if counts[name] else () for name in ("train", "val", "test"))
    return DatasetSplits(
        dataset=dataset,
        goal=goal_of(dataset.classes, dataset.multilabel),
        split=parts,
        train=train,
        val=val,
        test=test,
        skipped=tuple(skipped),
        fingerprint=mark,
        warnings=tuple(warnings),
    )
