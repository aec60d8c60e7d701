"""The held-out set of a detector's conversion: images that did not help make the model, with boxes if possible."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.datasets.boxes.open_boxes import find_format, open_boxes
from edgevision.datasets.boxes.records import AnnotatedImage, BoxDataset
from edgevision.datasets.dataset import Skipped
from edgevision.datasets.label_matching import fold
from edgevision.datasets.readers import FileContainer, FolderSource, open_source
from edgevision.errors import BadImage, BadInput, MissingFile
from edgevision.log import Log

from .calibration import CalibrationSet
from .heldout import MAX_COUNT, USED_FOR_MODEL
from .image_files import ImageFile

if TYPE_CHECKING:
    from edgevision.datasets.training_images import TrainingImages

log = Log("edgevision.calibration")
UNLABELED = "no boxes"
"""Format of a data set of images without boxes, on which only float and int8 can be compared with each other."""


@dataclass(frozen=True, slots=True)
class HeldOutBoxes:
    """The images that a detector's conversion is evaluated on."""

    data: BoxDataset
    """The data set that they are of; its labels are those of the model if there are no boxes."""
    images: tuple[AnnotatedImage, ...]
    file_sha256: tuple[str, ...]
    """sha256 of each image, sorted."""
    skipped: tuple[Skipped, ...] = ()
    independent: bool = True
    """False if this is the selection set, because no other images are left."""

    @property
    def labeled(self) -> bool:
        """Whether the boxes of the images are known."""
        return self.data.format != UNLABELED


def labeled_boxes(path: Path, calibration: CalibrationSet) -> HeldOutBoxes:
    """Return the test (or else val, or else all) images of a data set that did not help make the model. Raises BadInput."""
    data = open_boxes(path)
    images = data.in_split("test") or data.in_split("val") or data.images
    found = _unused(images, calibration.used, len(images))
    if not found.images:
        raise BadInput(
            f"{path}: no images left to evaluate: all were used to make the model or are corrupt; give other images"
        )
    log.info("held-out set: %d labeled images of %s, %d left out", len(found.images), path, len(found.skipped))
    return replace(found, data=data)


def remaining_boxes(
    calibration: CalibrationSet, labels: Sequence[str], seed: int, training: TrainingImages | None
) -> HeldOutBoxes:
    """Return up to ``MAX_COUNT`` random other images of the calibration folder, with boxes if it has them.

    Those that the model was not trained on come first. If no images are left, return the selection set, whose results
    are slightly optimistic.
    """
    others = list(calibration.others)
    random.Random(seed).shuffle(others)
    data = _data(calibration, labels, others)
    known = {image.path: image for image in data.images}
    images = [known[one.name] for one in others if one.name in known]
    found = _unused(_fresh_first(images, training), calibration.used, MAX_COUNT)
    if found.images:
        log.info("held-out set: %d other images of %s", len(found.images), calibration.folder)
        return replace(found, data=data)
    log.info("no held-out images are left: the selection set is used instead")
    selection = [picture.source.name for picture in calibration.selection]
    chosen = _unused([known[name] for name in selection if name in known], frozenset(), MAX_COUNT)
    return replace(chosen, data=data, independent=False)


def _data(calibration: CalibrationSet, labels: Sequence[str], others: Sequence[ImageFile]) -> BoxDataset:
    """Return the calibration folder as a data set, without boxes if it has none, or none of the model's classes."""
    folder = calibration.folder
    if folder.suffix.lower() != ".csv" and find_format(folder) is not None:
        data = open_boxes(folder)
        if _may_be_the_same(data.labels, labels):
            return data
        log.info("the boxes of %s are of other classes than the model's, and are not used", folder)
    names = [*(one.name for one in others), *(one.source.name for one in calibration.selection)]
    source: FileContainer = FolderSource(folder.absolute().parent, listed=False)
    source = source if folder.suffix.lower() == ".csv" else open_source(folder)
    images = tuple(AnnotatedImage(name, 0, 0, (), None, source) for name in sorted(set(names)))
    return BoxDataset(folder, UNLABELED, tuple(labels), images)


def _may_be_the_same(names: Sequence[str], labels: Sequence[str]) -> bool:
    """Return whether boxes of these classes can be compared with a model's: a name in common, or as many if it has only numbers."""
    if tuple(labels) == tuple(str(number) for number in range(len(labels))):
        return len(names) == len(labels)
    return bool({fold(name) for name in names} & {fold(label) for label in labels})


def _fresh_first(images: Sequence[AnnotatedImage], training: TrainingImages | None) -> Iterable[AnnotatedImage]:
    if training is None:
        return images
    return sorted(images, key=lambda image: training.part(image.path, _sha256(image) or "00" * 32) is not None)


def _unused(images: Iterable[AnnotatedImage], used: frozenset[str], count: int) -> HeldOutBoxes:
    """Return the first ``count`` distinct images that are not ``used``; the data set is filled in by the caller."""
    kept: dict[str, AnnotatedImage] = {}
    skipped: list[Skipped] = []
    for image in images:
        if len(kept) == count:
            break
        digest = _sha256(image)
        if digest is None:
            skipped.append(Skipped(image.path, "cannot be read"))
        elif digest in used or digest in kept:
            skipped.append(Skipped(image.path, USED_FOR_MODEL))
        else:
            kept[digest] = image
    nothing = BoxDataset(Path(), UNLABELED, (), ())
    return HeldOutBoxes(nothing, tuple(kept.values()), tuple(sorted(kept)), tuple(skipped))


def _sha256(image: AnnotatedImage) -> str | None:
    try:
        return hashlib.sha256(image.data()).hexdigest()
    except (BadImage, MissingFile):
        return None
