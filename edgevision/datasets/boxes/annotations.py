"""What a reader of an annotation format returns: boxes as written, not yet fitted to the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..dataset import Skipped
from ..readers import FileContainer
from .records import Box

MAX_BOXES = 20_000_000
"""Largest number of boxes of a data set; Objects365, the largest public one, has 10 million."""


@dataclass(frozen=True, slots=True)
class WrittenBox:
    """A box as its annotation gives it."""

    label: str
    """Name of the class."""
    box: Box
    """Corners x0, y0, x1, y1 in the unit of the image's annotation; not checked except for being finite."""
    difficult: bool = False


@dataclass(frozen=True, slots=True)
class WrittenImage:
    """The annotation of one image."""

    path: str
    """Path of the image in the folder or zip."""
    boxes: tuple[WrittenBox, ...]
    size: tuple[int, int] | None = None
    """Width and height that the annotation gives, in pixels; None if it gives none."""
    relative: bool = False
    """Whether boxes are proportions 0..1 of the image instead of pixels."""
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Annotations:
    """The content of all annotation files of a data set."""

    labels: tuple[str, ...]
    """All class names in the order that the format defines, also of classes without a box."""
    images: tuple[WrittenImage, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    source: FileContainer | None = None
    """Where the images are; None if they are beside the annotations."""


@dataclass(frozen=True, slots=True)
class BoxFormat:
    """An annotation format."""

    name: str
    """Name for people, such as ``Pascal VOC``."""
    find: Callable[[FileContainer], tuple[str, ...]]
    """Function that returns the annotation files of this format; empty if there are none. It reads as little as possible."""
    read: Callable[[FileContainer, tuple[str, ...]], Annotations]
    """Function that reads these files. Raises BadInput, MissingFile."""
