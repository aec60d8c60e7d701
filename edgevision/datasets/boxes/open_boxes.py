"""Opening a data set of labeled boxes: a folder, a zip, or one annotation file, in any of the known formats."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import BadImage, BadInput, MissingFile
from ...files.atomic import require_file
from ...log import Log
from ...preprocessing.upright_size import HEADS, UprightSize, read_upright_size
from ..dataset import Skipped
from ..prefetch import in_order
from ..readers import FileContainer, FolderSource, open_source
from .annotations import Annotations, BoxFormat, WrittenImage
from .formats import FORMATS
from .image_index import ImageIndex
from .placement import Placed, has_wrong_size, place
from .records import BoxDataset

log = Log("edgevision.data")
THREADS = 8
"""Threads that read headers: reading waits for the disk more than it computes."""


def find_format(path: str | Path) -> str | None:
    """Return the name of the annotation format of boxes in a folder, zip or file; None if there are no boxes.

    Raises MissingFile, or BadInput for a path that cannot be read.
    """
    path = Path(path)
    found = _detect(_single(path) if _is_single(path) else open_source(path))
    return found[0][0].name if found else None


def open_boxes(path: str | Path) -> BoxDataset:
    """Read all boxes, and the size of each image from its header. Raises MissingFile, BadInput."""
    path = Path(path)
    if _is_single(path):
        found = _detect(_single(path))
        source, base = _around(path)
        found = [(one, tuple(base + name for name in files)) for one, files in found]
    else:
        source = open_source(path)
        found = _detect(source)
    if not found:
        names = ", ".join(one.name for one in FORMATS)
        raise BadInput(f"{path} has no annotations of boxes; edgevision reads {names}")
    (chosen, files), others = found[0], found[1:]
    notes = tuple(f"ignored {other.name} annotations, because there are also {chosen.name} ones" for other, _ in others)
    read = chosen.read(source, files)
    dataset = _placed(path, chosen.name, read.source or source, read)
    return replace(dataset, notes=(*dataset.notes, *notes))


def _is_single(path: Path) -> bool:
    """Return whether a path is one annotation file."""
    return path.is_file() and not zipfile.is_zipfile(require_file(path, "annotation file"))


def _single(path: Path) -> FileContainer:
    """Return a container of one file, without looking at what else is in its folder."""
    source = FolderSource(path.absolute().parent, listed=False)
    source.files = (path.name,)
    return source


def _around(path: Path) -> tuple[FileContainer, str]:
    """Return the folder of an annotation file, or the one above if only that has images, and the path from there to the file."""
    folder = path.absolute().parent
    source = FolderSource(folder)
    if ImageIndex(source).paths or folder.parent == folder:
        return source, ""
    try:
        return FolderSource(folder.parent), f"{folder.name}/"
    except BadInput:  # it has a folder that may not be read
        return source, ""


def _detect(source: FileContainer) -> list[tuple[BoxFormat, tuple[str, ...]]]:
    """Return the formats present with their annotation files."""
    return [(one, files) for one in FORMATS if (files := one.find(source))]


def _placed(path: Path, name: str, source: FileContainer, read: Annotations) -> BoxDataset:
    """Fit the boxes to the images."""
    labels = {label: index for index, label in enumerate(read.labels)}
    skipped = [*read.skipped]
    placed: list[Placed] = []
    written, twice = _once(read.images)
    skipped += twice
    sized = list(zip(written, in_order(lambda one: _size(source, one.path), written, THREADS), strict=True))
    stored = not any(isinstance(size, UprightSize) and has_wrong_size(one, size) for one, size in sized)
    for one, size in sized:
        made = size if isinstance(size, Skipped) else place(one, size, labels, source, stored)
        if isinstance(made, Skipped):
            skipped.append(made)
        else:
            placed.append(made)
    if not written and not skipped:
        raise BadInput(f"{path} ({name}) lists no annotated images")
    if not placed:
        said = f"{path} ({name}): none of the annotated images can be used{_example(skipped)}"
        raise BadInput(f"{said}; the images must be in the same folder or zip")
    single = len({one.image.split for one in placed}) == 1  # a part of one is the whole
    images = tuple(replace(one.image, split=None) if single else one.image for one in placed)
    problems = tuple(problem for one in placed for problem in one.problems)
    log.info("%s (%s): %d images, %d labels, %d files skipped", path, name, len(images), len(labels), len(skipped))
    notes = (*read.notes, *source.notes, *_turned(placed))
    return BoxDataset(path, name, read.labels, images, problems, tuple(skipped), notes, read.warnings)


def _once(images: Sequence[WrittenImage]) -> tuple[list[WrittenImage], list[Skipped]]:
    """Return the annotations sorted by path, and all but the first of those that concern the same image."""
    found: dict[str, WrittenImage] = {}
    twice = []
    for one in images:
        if found.setdefault(one.path, one) is not one:
            twice.append(Skipped(one.path, "annotated more than once; only the first annotation is used"))
    return [found[path] for path in sorted(found)], twice


def _size(source: FileContainer, path: str) -> UprightSize | Skipped:
    for count in HEADS:
        head = source.head(path, count)
        size = read_upright_size(head, complete=len(head) < count)
        if size is not None:
            return size
    try:
        size = read_upright_size(source.read(path), complete=True)
    except (BadImage, MissingFile) as error:
        return Skipped(path, str(error).removeprefix(f"{path}: "))
    return size or Skipped(path, "damaged or not an image; use JPEG, PNG, WebP, BMP or TIFF")


def _turned(placed: Sequence[Placed]) -> tuple[str, ...]:
    count = sum(one.turned for one in placed)
    if not count:
        return ()
    first = next(one.image.path for one in placed if one.turned)
    images = "1 image" if count == 1 else f"{count} images"
    return (f"turned the boxes of {images}, because they ignore the orientation in EXIF, such as {first}",)


def _example(skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return ""
    (reason, count), *_ = Counter(one.reason for one in skipped).most_common(1)
    first = next(one for one in skipped if one.reason == reason)
    return f": {first.path}: {reason}" + (f" (and {count - 1} more)" if count > 1 else "")
