"""Records of images with labeled boxes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ...errors import BadInput
from ..dataset import Dataset, Item, Skipped
from ..readers import FileContainer

if TYPE_CHECKING:
    from ...types import Frame

MIN_BOXES = 2
"""Smallest number of boxes of a label to train on; a label without any is only never found."""
MIN_IMAGES = 4
"""Smallest number of images with boxes to train on: one each for val and test, and two to learn from."""
Box = tuple[float, float, float, float]
"""Corners x0, y0, x1, y1 in pixels of the upright image; x1 and y1 are the right and lower edges, so width = x1 - x0."""
ProblemKind = Literal["outside", "clipped", "empty", "duplicate", "conflict", "resized"]


@dataclass(frozen=True, slots=True)
class LabeledBox:
    """An object marked in an image."""

    label: int
    """Index in the ``labels`` of the data set."""
    box: Box
    """Inside the image, with a width and a height above 0."""
    difficult: bool = False
    """Whether finding it counts neither for nor against a detector: ``difficult`` of Pascal VOC, ``iscrowd`` of COCO."""


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """One image with its boxes; the pixels are not read yet."""

    path: str
    """Path relative to the folder or zip, with forward slashes."""
    width: int
    """Width of the upright image in pixels."""
    height: int
    """Height of the upright image in pixels."""
    boxes: tuple[LabeledBox, ...]
    """Empty for background: an image that shows none of the labels."""
    split: str | None
    """train, val or test if the source assigns a split, else None."""
    source: FileContainer = field(repr=False, compare=False)

    def data(self) -> bytes:
        """Read the encoded image. Raises MissingFile, BadImage."""
        return self.source.read(self.path)

    def read(self) -> Frame:
        """Read and decode the image, upright, in BGR. Raises MissingFile, BadImage."""
        from ...preprocessing.decode import decode

        return decode(self.data(), self.path)


@dataclass(frozen=True, slots=True)
class BoxProblem:
    """A fault of an annotation that was found without looking at pixels."""

    path: str
    """Path of the image."""
    kind: ProblemKind
    """outside: wholly outside the image, left out. clipped: more than a pixel outside, cut off at the edge. empty: without
    a width or height, left out. duplicate: the same label and place as another box, left out. conflict: the same place as
    a box with another label, kept. resized: the annotation gives another image size, its boxes are scaled."""
    label: str | None = None
    """Name of the box's class; None if the problem concerns the whole image."""
    box: Box | None = None
    """The box before it was changed, in pixels; None if the problem concerns the whole image."""


@dataclass(frozen=True, slots=True)
class BoxDataset:
    """A set of images with labeled boxes, sorted by path."""

    path: Path
    """Folder, file or zip that was opened."""
    format: str
    """Name of the annotation format, such as ``Pascal VOC``."""
    labels: tuple[str, ...]
    """Names of the classes; a box's ``label`` is an index here. Some may have no box."""
    images: tuple[AnnotatedImage, ...]
    problems: tuple[BoxProblem, ...] = ()
    """Faults of single boxes, sorted by path."""
    skipped: tuple[Skipped, ...] = ()
    """Images and annotations that cannot be used, each with the reason."""
    notes: tuple[str, ...] = ()
    """Remarks for the user about how the source was read."""
    warnings: tuple[str, ...] = ()
    """Signs that the source was not understood as meant."""

    @property
    def fingerprint(self) -> str:
        """sha256 of contents and boxes, independent of file names. Computing it reads every image file."""
        return fingerprint(((hashlib.sha256(one.data()).hexdigest(), one) for one in self.images), self.labels)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that the source assigns, in the order train, val, test."""
        present = {image.split for image in self.images}
        return tuple(name for name in ("train", "val", "test") if name in present)

    def counts(self) -> dict[str, int]:
        """Return the number of boxes of each label, 0 for a label without any."""
        found = Counter(box.label for image in self.images for box in image.boxes)
        return {name: found[index] for index, name in enumerate(self.labels)}

    def in_split(self, name: str) -> tuple[AnnotatedImage, ...]:
        """Return the images of one of the source's splits."""
        return tuple(image for image in self.images if image.split == name)

    def select(self, paths: Iterable[str]) -> tuple[AnnotatedImage, ...]:
        """Return the images with these paths, in the order of the data set; paths it does not have are left out."""
        wanted = set(paths)
        return tuple(image for image in self.images if image.path in wanted)

    def as_dataset(self) -> Dataset:
        """Return the images with the names of what they show, as multi-label images: for the check of files and the split."""
        items = tuple(
            Item(image.path, tuple(sorted({self.labels[box.label] for box in image.boxes})), image.split, image.source)
            for image in self.images
        )
        classes = tuple(sorted(self.labels))
        warnings = (*self.warnings, *describe(self.problems))
        return Dataset(self.path, self.format, items, classes, True, self.skipped, self.notes, warnings)

    def require_trainable(self) -> None:
        """Check that a detector can learn from this set. Raises BadInput if there are no or too few boxes to learn from."""
        counts = self.counts()
        if not any(counts.values()):
            raise BadInput(f"{self.path} has no boxes: all {len(self.images)} images are background")
        few = [f"{name!r} ({count})" for name, count in counts.items() if 0 < count < MIN_BOXES]
        if few:
            said = f"{self.path} has too few boxes of {', '.join(few[:5])}"
            raise BadInput(f"{said}; draw at least {MIN_BOXES} of each label, better 100")
        if self.splits and "train" not in self.splits:
            raise BadInput(f"{self.path} has only {' and '.join(self.splits)} images; add train images to learn from")
        learn = [image for image in self.images if image.split in (None, "train") and image.boxes]
        if len(learn) < MIN_IMAGES:
            raise BadInput(
                f"{self.path} has {len(learn)} images with boxes to train on; add images: at least {MIN_IMAGES}, better 200"
            )


_SAID = {
    "outside": "outside of the image, left out",
    "empty": "without a width or height, left out",
    "duplicate": "marked twice, counted once",
    "clipped": "partly outside of the image, cut off at the edge",
    "conflict": "at the same place as a box with another label",
}
"""What each kind of problem means for a box."""


def describe(problems: Iterable[BoxProblem]) -> tuple[str, ...]:
    """Return a warning about each kind of problem, with an example."""
    kinds: dict[str, list[BoxProblem]] = {}
    for one in problems:
        kinds.setdefault(one.kind, []).append(one)
    lines = [
        f"{len(found)} box{'es' * (len(found) > 1)} {said}, such as {found[0].label!r} in {found[0].path}"
        for kind, said in _SAID.items()
        if (found := kinds.get(kind))
    ]
    resized = kinds.get("resized")
    if resized:
        count = f"{len(resized)} image{'s' * (len(resized) > 1)}"
        lines.append(
            f"{count} annotated at another size than that of the file, boxes scaled, such as {resized[0].path}"
        )
    return tuple(lines)


def fingerprint(images: Iterable[tuple[str, AnnotatedImage]], labels: tuple[str, ...]) -> str:
    """Return one sha256 for a set of (sha256 of the file, image), independent of order and file names."""
    lines = []
    for digest, image in images:
        boxes = sorted((labels[one.label], *(f"{edge:.2f}" for edge in one.box), one.difficult) for one in image.boxes)
        lines.append(f"{digest} {boxes}\n")
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
