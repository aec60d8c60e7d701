"""The check of images with boxes: that of their files, and what is suspicious about the boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..check import check
from ..check_report import DataReport, Duplicates, Picture
from ..dataset import Dataset, Skipped
from ..findings import counted, image_notes, image_warnings, listed, unusable
from .placement import overlap
from .records import AnnotatedImage, BoxDataset, LabeledBox, fingerprint

TRAINING_SIDE = 256
"""Side in pixels to which ``edgevision train`` scales images for a detector by default."""
TINY_SIDE = 6
"""Shortest side in pixels at TRAINING_SIDE that a detector can find: less than one cell of 8 pixels."""
RARE = 20
"""Number of boxes below which a class is not learned reliably."""
IMBALANCE = 50.0
"""Ratio between the most and the least frequent class that is worth a note."""
AGREE = 0.7
"""Intersection over union from which two boxes mark the same object; people who mark it twice reach more."""
MOSTLY_EMPTY = 0.5
"""Share of images without a box above which the annotations may be incomplete."""


@dataclass(frozen=True, slots=True)
class BoxReport:
    """The result of a check of images with boxes."""

    dataset: BoxDataset
    files: DataReport
    """The check of the image files. Its warnings and notes include those about boxes."""

    @property
    def images(self) -> tuple[AnnotatedImage, ...]:
        """The images that can be decoded."""
        return self.dataset.select(item.path for item in self.files.items)

    @property
    def fingerprint(self) -> str:
        """sha256 of the usable images and their boxes."""
        digests = {picture.item.path: picture.sha256 for picture in self.files.pictures}
        return fingerprint(((digests[one.path], one) for one in self.images), self.dataset.labels)

    def counts(self) -> dict[str, int]:
        """Return the number of boxes of each label in usable images."""
        found = Counter(box.label for _, box in _boxes(self.images))
        return {name: found[index] for index, name in enumerate(self.dataset.labels)}

    def to_json(self) -> dict[str, Any]:
        """Return the report in the schema ``edgevision.data_check/1``, with its part about boxes."""
        counts, pictures = self.counts(), self.files.counts()
        images = self.images
        return {
            **self.files.to_json(),
            "fingerprint": self.fingerprint,
            "classes": [
                {"name": name, "pictures": pictures[name], "boxes": counts[name]} for name in self.dataset.labels
            ],
            "boxes": {
                "total": sum(counts.values()),
                "difficult": sum(box.difficult for _, box in _boxes(images)),
                "background": sum(not image.boxes for image in images),
                "per_image": _spread([len(image.boxes) for image in images]),
                "shorter_side": _spread([shorter_side(image, box) for image, box in _boxes(images)]),
                "tiny": sum(1 for _ in _tiny(images)),
                "problems": [
                    {"path": one.path, "kind": one.kind, "label": one.label, "box": list(one.box) if one.box else None}
                    for one in self.dataset.problems
                ],
            },
        }


def check_boxes(dataset: BoxDataset, step: Callable[[int], None] = lambda done: None) -> BoxReport:
    """Read and decode every image once. ``step`` receives the number done. Raises BadInput if no image is usable."""

    def findings(
        files: Dataset,
        pictures: Sequence[Picture],
        bad: Sequence[Skipped],
        duplicates: Sequence[Duplicates],
        still: int,
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        usable = dataset.select(picture.item.path for picture in pictures)
        warnings = [*files.warnings, *unusable(bad), *_labels(dataset, usable), *_suspicious(usable)]
        warnings += [*_differently(dataset, duplicates), *image_warnings(pictures, duplicates, still)]
        return tuple(warnings), (*files.notes, *_notes(dataset, usable), *image_notes(pictures, duplicates))

    return BoxReport(dataset, check(dataset.as_dataset(), step, findings))


def shorter_side(image: AnnotatedImage, box: LabeledBox) -> float:
    """Return the shorter side of a box in pixels, once the longer side of its image has TRAINING_SIDE."""
    x0, y0, x1, y1 = box.box
    return min(x1 - x0, y1 - y0) * TRAINING_SIDE / max(image.width, image.height)


def _boxes(images: Sequence[AnnotatedImage]) -> Iterator[tuple[AnnotatedImage, LabeledBox]]:
    return ((image, box) for image in images for box in image.boxes)


def _tiny(images: Sequence[AnnotatedImage]) -> Iterator[AnnotatedImage]:
    """Yield the image of each tiny box."""
    return (image for image, box in _boxes(images) if shorter_side(image, box) < TINY_SIDE)


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Return minimum, median and maximum; None without values."""
    if not values:
        return None
    return {"min": round(min(values), 2), "median": round(median(values), 2), "max": round(max(values), 2)}


def _labels(dataset: BoxDataset, images: Sequence[AnnotatedImage]) -> list[str]:
    """Return warnings about classes without boxes, or with few."""
    found = Counter(dataset.labels[box.label] for _, box in _boxes(images))
    absent = [name for name in dataset.labels if not found[name]]
    lines = [f"no boxes of {listed(absent)}"] if absent else []
    rare = [f"{name} ({found[name]})" for name in dataset.labels if 0 < found[name] < RARE]
    if rare:
        lines.append(f"fewer than {RARE} boxes of {listed(rare)}")
    for split in dataset.splits:
        seen = {dataset.labels[box.label] for _, box in _boxes([image for image in images if image.split == split])}
        missing = [name for name in dataset.labels if found[name] and name not in seen]
        if missing:
            lines.append(f"no boxes of {listed(missing)} in {split}")
    return lines


def _suspicious(images: Sequence[AnnotatedImage]) -> list[str]:
    tiny = list(_tiny(images))
    lines = []
    if tiny:
        boxes = "1 box is" if len(tiny) == 1 else f"{len(tiny)} boxes are"
        lines.append(
            f"{boxes} smaller than {TINY_SIDE} pixels once images are scaled to {TRAINING_SIDE}, too small to be found, "
            f"such as in {tiny[0].path}"
        )
    empty = [image.path for image in images if not image.boxes]
    if len(empty) > MOSTLY_EMPTY * len(images):
        share = f"{len(empty)} of {len(images)} images"
        lines.append(f"{share} have no boxes and count as background, such as {empty[0]}; are annotations missing?")
    return lines


def _differently(dataset: BoxDataset, duplicates: Sequence[Duplicates]) -> list[str]:
    """Return a warning about equal files whose boxes differ."""
    boxes = {image.path: image.boxes for image in dataset.images}
    odd = [
        (one.items[0].path, other.path)
        for one in duplicates
        if one.kind == "exact"
        for other in one.items[1:]
        if not _agree(boxes[one.items[0].path], boxes[other.path])
    ]
    if not odd:
        return []
    return [f"{counted(len(odd), 'pair')} of equal files with different boxes, such as {odd[0][0]} = {odd[0][1]}"]


def _agree(boxes: Sequence[LabeledBox], others: Sequence[LabeledBox]) -> bool:
    """Return whether two annotations of one image mark the same objects."""
    return len(boxes) == len(others) and all(
        any(one.label == other.label and overlap(one.box, other.box) >= AGREE for other in others) for one in boxes
    )


def _notes(dataset: BoxDataset, images: Sequence[AnnotatedImage]) -> list[str]:
    lines = []
    empty = sum(not image.boxes for image in images)
    if 0 < empty <= MOSTLY_EMPTY * len(images):
        lines.append(f"{counted(empty, 'image')} without boxes, used as background")
    found = Counter(box.label for _, box in _boxes(images))
    if len(found) > 1 and max(found.values()) > IMBALANCE * min(found.values()):
        (most, many), *_, (least, few) = found.most_common()
        lines.append(f"unbalanced: {dataset.labels[most]} has {many} boxes, {dataset.labels[least]} has {few}")
    return lines
