"""The images that a conversion may use: the files of a folder, or those that a CSV lists or a zip holds."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgevision.datasets.boxes.open_boxes import find_format, open_boxes
from edgevision.datasets.dataset import Item, open_dataset, read_unlabelled
from edgevision.errors import BadImage, BadInput, MissingFile
from edgevision.input_file import require_file
from edgevision.preprocessing import decode
from edgevision.preprocessing.image_folder import read_file, survey
from edgevision.types import Frame


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image that is not read yet."""

    path: Path
    """Path for display, and of the file if it is one."""
    name: str
    """Path below the folder, CSV or zip, with forward slashes."""
    item: Item | None = None
    """Source of an image that a CSV lists or a zip holds."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels by the CSV or the folders of the zip; empty for a file of a folder."""
        return self.item.labels if self.item is not None else ()

    def sha256(self) -> str:
        """Return the sha256 of the file. Raises BadImage if it cannot be read."""
        if self.item is None:
            return file_sha256(self.path)
        try:
            return hashlib.sha256(self.item.data()).hexdigest()
        except MissingFile as error:
            raise BadImage(str(error)) from None

    def read(self) -> Frame:
        """Return the decoded image. Raises MissingFile, BadImage."""
        return self.item.read() if self.item is not None else decode.read(self.path)


def find(source: Path) -> tuple[list[ImageFile], tuple[str, ...]]:
    """Return the images of a folder, a CSV or a zip, and notes about what was left out. Raises MissingFile, BadInput."""
    if not source.exists():
        raise MissingFile(f"calibration images not found: {source}")
    if source.is_dir():
        below = survey(source)
        return in_folder(source, below.paths), below.notes
    if not zipfile.is_zipfile(require_file(source, "--calibration")):
        if find_format(source) is not None:  # a file of boxes, which lists images
            boxes = open_boxes(source).as_dataset()
            return [ImageFile(item.source.path / item.path, item.path, item) for item in boxes.items], boxes.notes
        if source.suffix.lower() != ".csv":
            raise BadInput(
                f"--calibration needs a folder, CSV or zip of images, but {source} is a file of another kind"
            )
    items, notes = _items(source)
    root = source.parent if source.suffix.lower() == ".csv" else source
    return [ImageFile(root / item.path, item.path, item) for item in items], notes


def in_folder(folder: Path, paths: Sequence[Path]) -> list[ImageFile]:
    """Return the images of a folder that have these paths."""
    return [ImageFile(path, path.relative_to(folder).as_posix()) for path in paths]


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file. Raises BadImage if it cannot be read."""
    try:
        return hashlib.sha256(read_file(path)).hexdigest()
    except MissingFile as error:
        raise BadImage(str(error)) from None


def _items(source: Path) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Return the images of a CSV, or of a zip, whose images need no labels."""
    try:
        found = open_dataset(source)
        return found.items, found.notes
    except BadInput:
        if source.suffix.lower() == ".csv":
            raise
        return read_unlabelled(source)
