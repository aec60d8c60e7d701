"""What every form of labels offers: class folders, Pascal VOC, COCO JSON. One form, one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from .records import Change, MarkedBox, State

FormName = Literal["folder", "voc", "coco"]
FORM_NAMES: tuple[FormName, ...] = ("folder", "voc", "coco")


class Found(NamedTuple):
    """An image in the folder."""

    state: State
    split: str | None = None
    """train, val or test if the folder assigns a split."""


class Form(Protocol):
    """Reads and writes the labels of a folder. ``apply`` can be repeated: what is done already stays as it is."""

    root: Path
    """The folder of images."""
    name: FormName
    has_boxes: bool
    """Whether images have boxes instead of one class each."""
    classes: tuple[str, ...]
    """Classes that the folder defines, also without an image."""
    notes: tuple[str, ...]
    """Remarks for the user about what was left out."""

    def scan(self) -> Sequence[Found]:
        """Return all images, sorted by path. Raises BadInput."""

    def relabeled(self, state: State, label: str, taken: set[str]) -> State:
        """Return an image with another class; ``taken``: paths that others get in the same answer. Raises BadInput."""

    def fitted(self, boxes: Sequence[MarkedBox]) -> tuple[MarkedBox, ...]:
        """Return boxes as the form can hold them, such as in whole pixels."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry changes out in the folder. Raises EdgeVisionError."""
