"""Fitting written boxes to their image: turned upright, scaled to its size, cut off at its edges.

Boxes refer to the image as people see it, upright. An annotation of the size that is *stored*, in an image that EXIF turns
by a quarter, was made with a tool that ignores EXIF; its boxes are turned along, unless a box of the set fits the upright
image only: then a tool read the sizes from the files, and boxes are upright. Half turns and mirrored images leave the
size as it is, so nothing tells; there, too, the boxes are taken to be upright.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...preprocessing.upright_size import UprightSize
from ..dataset import Skipped
from ..readers import FileContainer
from .annotations import WrittenImage
from .records import AnnotatedImage, Box, BoxProblem, LabeledBox, ProblemKind

ROUNDING = 1.0
"""Pixels that a box may be outside of the image without being reported."""
SAME_SHAPE = 0.01
"""Largest relative difference of the proportions of width and height between an image and its scaled copy."""
MAX_BOXES = 10_000
"""Largest number of boxes in one image."""
SAME_PLACE = 0.99
"""Intersection over union from which two boxes are at the same place."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One image with its boxes, and what was wrong with them."""

    image: AnnotatedImage
    problems: tuple[BoxProblem, ...]
    turned: bool
    """Whether the annotation ignored EXIF, so that its boxes were turned."""


def place(
    written: WrittenImage, size: UprightSize, labels: dict[str, int], source: FileContainer, stored: bool = True
) -> Placed | Skipped:
    """Return an image with its boxes in pixels of the upright image.

    ``labels``: index of each name. ``stored``: whether an annotation of the size of the stored image refers to it.
    """
    view = _view(written, size)
    if view is not None and view.turned and not stored:
        view = _view(replace(written, size=None), size)
    if view is None:
        width, height = written.size or (0, 0)
        return Skipped(
            written.path, f"annotated at {width}x{height} pixels, but the image is {size.width}x{size.height}"
        )
    if len(written.boxes) > MAX_BOXES:
        return Skipped(written.path, f"{len(written.boxes)} boxes in one image; at most {MAX_BOXES} can be used")
    problems = [BoxProblem(written.path, "resized")] if view.resized else []
    kept = _Kept()
    for one in written.boxes:
        box = view.upright(one.box)
        made, problem = _clipped(box, size)
        labeled = LabeledBox(labels[one.label], made, one.difficult)
        problem = problem if problem in ("empty", "outside") else kept.problem(labeled) or problem
        if problem is not None:
            problems.append(BoxProblem(written.path, problem, one.label, box))
        if problem in (None, "clipped", "conflict"):
            kept.add(labeled)
    image = AnnotatedImage(written.path, size.width, size.height, tuple(kept.boxes), written.split, source)
    return Placed(image, tuple(problems), view.turned)


class _Kept:
    """The boxes of an image so far, with a search for those at the same place."""

    def __init__(self) -> None:
        self.boxes: list[LabeledBox] = []
        self._by_left: list[tuple[float, int]] = []
        """Left edge and index of each box, sorted."""

    def add(self, one: LabeledBox) -> None:
        """Add a box."""
        insort(self._by_left, (one.box[0], len(self.boxes)))
        self.boxes.append(one)

    def problem(self, one: LabeledBox) -> ProblemKind | None:
        """Return ``duplicate`` or ``conflict`` if there is a box at the same place."""
        x0, _, x1, _ = one.box
        reach = (x1 - x0) * (1 / SAME_PLACE - SAME_PLACE)  # two boxes this far apart overlap less than SAME_PLACE
        first = bisect_left(self._by_left, (x0 - reach, -1))
        last = bisect_left(self._by_left, (x0 + reach, len(self.boxes)))
        near = (self.boxes[index] for _, index in self._by_left[first:last])
        labels = {other.label for other in near if overlap(one.box, other.box) >= SAME_PLACE}
        return "duplicate" if one.label in labels else "conflict" if labels else None


def has_wrong_size(written: WrittenImage, size: UprightSize) -> bool:
    """Return whether an annotation gives the size of the stored image, but has a box that fits the upright one only."""
    view = _view(written, size)
    if view is None or not view.turned or view.resized or written.relative:
        return False
    right = max((one.box[2] for one in written.boxes), default=0.0)
    bottom = max((one.box[3] for one in written.boxes), default=0.0)
    fits_stored = right <= size.height + ROUNDING and bottom <= size.width + ROUNDING
    return not fits_stored and right <= size.width + ROUNDING and bottom <= size.height + ROUNDING


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes, 0..1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return width * height / (both - width * height)


@dataclass(frozen=True, slots=True)
class _View:
    """How the annotator saw an image."""

    scale_x: float
    """Pixels of the image, stored or upright as the annotator saw it, per unit of the annotation."""
    scale_y: float
    size: UprightSize
    turned: bool
    resized: bool

    def upright(self, box: Box) -> Box:
        """Return a written box in pixels of the upright image."""
        x0, y0, x1, y1 = box[0] * self.scale_x, box[1] * self.scale_y, box[2] * self.scale_x, box[3] * self.scale_y
        return _turn((x0, y0, x1, y1), self.size) if self.turned else (x0, y0, x1, y1)


def _view(written: WrittenImage, size: UprightSize) -> _View | None:
    """Return how the annotator saw the image; None if the size of the annotation does not fit it."""
    given = written.size if written.size and min(written.size) > 0 else (size.width, size.height)
    seen = (size.width, size.height)
    turned = False
    if not _same_shape(given, seen) or (given != seen and given == seen[::-1]):
        seen, turned = seen[::-1], True
        if size.orientation < 5 or not _same_shape(given, seen):
            return None
    unit = (1, 1) if written.relative else given
    return _View(seen[0] / unit[0], seen[1] / unit[1], size, turned, given != seen)


def _same_shape(one: Sequence[int], other: Sequence[int]) -> bool:
    """Return whether the proportions are the same, also if the sizes were rounded to whole pixels."""
    left, right = one[0] * other[1], one[1] * other[0]
    return abs(left - right) <= max(SAME_SHAPE * max(left, right), *one, *other) if one != other else True


def _turn(box: Box, size: UprightSize) -> Box:
    """Turn a box of the stored image as ``orientation.upright`` turns the pixels."""
    x0, y0, x1, y1 = box
    if size.orientation >= 5:
        x0, y0, x1, y1 = y0, x0, y1, x1
    if size.orientation in (3, 4, 7, 8):
        y0, y1 = size.height - y1, size.height - y0
    if size.orientation in (2, 3, 6, 7):
        x0, x1 = size.width - x1, size.width - x0
    return x0, y0, x1, y1


def _clipped(box: Box, size: UprightSize) -> tuple[Box, ProblemKind | None]:
    """Return the part of a box inside the image, and what is wrong with the box."""
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        return box, "empty"
    inside = (max(x0, 0.0), max(y0, 0.0), min(x1, float(size.width)), min(y1, float(size.height)))
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        return box, "outside"
    beyond = max(-x0, -y0, x1 - size.width, y1 - size.height)
    return inside, "clipped" if beyond > ROUNDING else None
