"""What the forms with boxes share: finding images and their boxes in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.datasets.boxes.image_index import ImageIndex, folder_split
from edgevision.datasets.readers import FileContainer, FolderSource
from edgevision.errors import BadInput
from edgevision.preprocessing.upright_size import HEADS, read_upright_size

from .form import Found
from .records import MarkedBox, State

if TYPE_CHECKING:
    from edgevision.datasets.boxes.records import BoxDataset


def open_annotations(root: Path) -> BoxDataset | None:
    """Return the boxes of a folder; None if it has none that can be used, as one that is only begun. Raises BadInput."""
    from edgevision.datasets.boxes.open_boxes import find_format, open_boxes

    if find_format(root) is None:
        return None
    try:
        return open_boxes(root)
    except BadInput:
        return None


def find_images(source: FileContainer, dataset: BoxDataset | None) -> list[Found]:
    """Return all images with what their annotations say, sorted by path."""
    found: dict[str, Found] = {}
    if dataset is not None:
        for image in dataset.images:
            boxes = tuple(MarkedBox(dataset.labels[one.label], one.box, one.difficult) for one in image.boxes)
            found[image.path] = Found(State(image.path, None, boxes), image.split)
    for path in ImageIndex(source).paths:
        if _is_encodable(path):
            found.setdefault(path, Found(State(path), folder_split(path)))
    return [found[path] for path in sorted(found)]


def inside(root: Path, path: str) -> bool:
    """Return whether an image is really below the folder, not behind a link that leads out of it."""
    return (root / path).resolve().is_relative_to(root.resolve())


def upright_size(root: Path, path: str) -> tuple[int, int]:
    """Return width and height of an image as people see it, in pixels. Raises BadInput, MissingFile, BadImage."""
    source = FolderSource(root, listed=False)
    for count in HEADS:
        head = source.head(path, count)
        size = read_upright_size(head, complete=len(head) < count)
        if size is not None:
            return size.width, size.height
    size = read_upright_size(source.read(path), complete=True)
    if size is None:
        raise BadInput(f"{path}: its size cannot be read; save it as JPEG or PNG")
    return size.width, size.height


def _is_encodable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return path.isprintable()
