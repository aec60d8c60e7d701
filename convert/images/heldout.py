"""The held-out set: images that a conversion is evaluated on and that did not help make the model, labeled if possible."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.datasets.dataset import Dataset, Item, open_dataset
from edgevision.datasets.label_matching import fold
from edgevision.errors import BadImage, BadInput
from edgevision.log import Log
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing import decode
from edgevision.types import Frame

from .calibration import CalibrationSet, Skipped, fingerprint
from .image_files import ImageFile

if TYPE_CHECKING:
    from edgevision.datasets.training_images import TrainingImages

log = Log("edgevision.calibration")
MAX_COUNT = 400
"""Maximum number of the calibration folder's other images; a proportion of 400 is accurate to five points or better."""

USED_FOR_MODEL = "used to make the model, or a duplicate of another image"
"""Reason for leaving out a labeled image that is otherwise good."""


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image and its true classes."""

    path: Path
    sha256: str
    labels: frozenset[int]
    """True class indices; empty if unknown. A name shared by two classes gives both indices."""
    item: Item | None = None
    """Source of the image if it is not a plain file."""
    assumed: frozenset[int] = frozenset()
    """For a model without labels, the class by its folder, if there is a folder per class, in alphabetical order."""
    part: str | None = None
    """``train`` or ``val`` if the model was trained on it, or if it chose its weights."""

    def read(self) -> Frame:
        """Return the decoded image. Raises MissingFile, BadImage."""
        return self.item.read() if self.item is not None else decode.read(self.path)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The images that a conversion is evaluated on."""

    path: Path
    pictures: tuple[LabelledImage, ...]
    skipped: tuple[Skipped, ...]
    independent: bool = True
    """False if this is the selection set, because no other images are left."""
    training_known: bool = False
    """Whether the model's training images are known; if not, it may have been trained on any of these."""

    @property
    def fresh(self) -> tuple[LabelledImage, ...]:
        """The images that the model has not been trained on, as far as is known."""
        return tuple(picture for picture in self.pictures if picture.part is None)

    @property
    def only_trained_on(self) -> bool:
        """Whether the model was trained on all of the images, so that its accuracy says little about new ones."""
        return bool(self.pictures) and not self.fresh

    @property
    def measured(self) -> tuple[LabelledImage, ...]:
        """The images of the main figures: the fresh ones, or all if the model was trained on all."""
        return self.fresh or self.pictures

    @property
    def labelled(self) -> int:
        """Number of measured images with a label."""
        return sum(bool(picture.labels) for picture in self.measured)

    @property
    def fingerprint(self) -> str:
        """Identifier of the measured images, independent of their names and order."""
        return fingerprint(picture.sha256 for picture in self.measured)


def remaining(
    calibration: CalibrationSet,
    labels: Sequence[str],
    seed: int = 0,
    count: int = MAX_COUNT,
    classes: int = 0,
    training: TrainingImages | None = None,
) -> HeldOut:
    """Return up to ``count`` random other images of the calibration folder, labeled by folder names where they match.

    Those that the model was not trained on come first; ``training``: the images of its training. If no images are left,
    return the selection set, whose results are slightly optimistic. ``classes``: number of classes of a model without
    labels, whose classes are then assumed to be the folders in alphabetical order.
    """
    order = list(calibration.others)
    random.Random(seed).shuffle(order)
    known = _indices(labels)
    assumed = {} if labels else _folders_as_classes(calibration, classes)
    used = set(calibration.used)
    skipped: list[Skipped] = []
    fresh: list[LabelledImage] = []
    trained_on: list[LabelledImage] = []
    for image in order:
        if len(fresh) == count:
            break
        try:
            digest = image.sha256()
        except BadImage as error:
            skipped.append(Skipped(image.path, str(error)))
            continue
        if digest not in used:
            used.add(digest)
            made = _labelled(image, digest, calibration.folder, known, assumed, training)
            (trained_on if made.part else fresh).append(made)
    found = (*fresh, *trained_on[: count - len(fresh)])
    if not found:
        log.info("no held-out images are left: the selection set is used instead")
        return _choosing(calibration, known, assumed, tuple(skipped), training)
    log.info("held-out set: %d other images of %s, %d skipped", len(found), calibration.folder, len(skipped))
    return HeldOut(calibration.folder, _with_listed_labels(found, calibration.folder, known), tuple(skipped),
                   training_known=bool(training))  # fmt: skip


def labelled(
    path: Path, card: ModelCard, classes: int, calibration: CalibrationSet, training: TrainingImages | None = None
) -> HeldOut:
    """Return the images of a labeled CSV, folder or zip that did not help make the model. Raises BadInput."""
    data = open_dataset(path)
    known = _indices(card.labels) | {str(n): frozenset({n}) for n in range(classes)}
    items = data.in_split("test") or data.in_split("val") or data.items
    _check_labels(data, items, known, path)
    used = set(calibration.used)
    found: list[LabelledImage] = []
    skipped: list[Skipped] = []
    for item, digest in _hashed(items, skipped):
        if digest in used:
            skipped.append(Skipped(Path(item.path), USED_FOR_MODEL))
            continue
        used.add(digest)
        every = frozenset().union(*(known[fold(name)] for name in item.labels))
        part = training.part(item.path, digest) if training else None
        found.append(LabelledImage(Path(item.path), digest, every, item, part=part))
    if not found:
        raise BadInput(
            f"{path}: no images left to evaluate: all were used to make the model or are corrupt; give other images"
        )
    log.info("held-out set: %d labeled images of %s, %d left out", len(found), path, len(skipped))
    found.sort(key=lambda one: one.part is not None)
    return HeldOut(path, tuple(found), tuple(skipped), training_known=bool(training))


def _folders_as_classes(calibration: CalibrationSet, classes: int) -> dict[str, int]:
    """Return the class index per folder name as Keras' image loaders assign it, if there is one folder per class."""
    used = (*calibration.chosen, *calibration.selection)
    paths = [*(image.path for image in calibration.others), *(picture.path for picture in used)]
    names = sorted({path.parent.name for path in paths if path.parent != calibration.folder})
    return {name: index for index, name in enumerate(names)} if len(names) == classes else {}


def _by_folder(path: Path, assumed: dict[str, int]) -> frozenset[int]:
    return frozenset({assumed[path.parent.name]}) if path.parent.name in assumed else frozenset()


def _labelled(
    image: ImageFile,
    digest: str,
    folder: Path,
    known: dict[str, frozenset[int]],
    assumed: dict[str, int],
    training: TrainingImages | None,
) -> LabelledImage:
    """Return an image with its labels: by the CSV or zip that it is from, otherwise by its folders."""
    listed = frozenset[int]().union(*(known.get(fold(name), frozenset()) for name in image.labels))
    return LabelledImage(
        image.path,
        digest,
        listed or _folder_label(image.path, folder, known),
        image.item,
        _by_folder(image.path, assumed),
        training.part(image.name, digest) if training else None,
    )


def _with_listed_labels(
    found: tuple[LabelledImage, ...], folder: Path, known: dict[str, frozenset[int]]
) -> tuple[LabelledImage, ...]:
    """Return the images with the labels by a CSV in the folder, if the folders' names say nothing."""
    if not known or not folder.is_dir() or any(one.labels for one in found):
        return found
    try:
        listed = {folder / item.path: item.labels for item in open_dataset(folder).items}
    except BadInput:
        return found
    return tuple(
        replace(
            one, labels=frozenset[int]().union(*(known.get(fold(n), frozenset()) for n in listed.get(one.path, ())))
        )
        for one in found
    )


def _choosing(
    calibration: CalibrationSet,
    known: dict[str, frozenset[int]],
    assumed: dict[str, int],
    skipped: tuple[Skipped, ...],
    training: TrainingImages | None,
) -> HeldOut:
    folder = calibration.folder
    found = tuple(_labelled(one.source, one.sha256, folder, known, assumed, training) for one in calibration.selection)
    return HeldOut(folder, found, skipped, independent=not found, training_known=bool(training))


def _hashed(items: Sequence[Item], skipped: list[Skipped]) -> Iterator[tuple[Item, str]]:
    for item in items:
        try:
            yield item, hashlib.sha256(item.data()).hexdigest()
        except BadImage as error:
            skipped.append(Skipped(Path(item.path), str(error)))


def _check_labels(data: Dataset, items: Sequence[Item], known: dict[str, frozenset[int]], path: Path) -> None:
    unknown = sorted({name for item in items for name in item.labels if fold(name) not in known})
    if unknown:
        raise BadInput(
            f"{path}: unknown class {unknown[0]!r} ({len(unknown)} of {len(data.classes)} classes do not match); "
            "use the label names or class numbers of the model"
        )


def _folder_label(path: Path, root: Path, known: dict[str, frozenset[int]]) -> frozenset[int]:
    """Return the class that the nearest parent folder of an image is named after."""
    if not path.is_relative_to(root):  # listed by a CSV
        return frozenset()
    for parent in path.relative_to(root).parents:
        found = known.get(fold(parent.name))
        if found:
            return found
    return frozenset()


def _indices(labels: Sequence[str]) -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for index, label in enumerate(labels):
        found[fold(label)] = found.get(fold(label), frozenset()) | {index}
    return found
