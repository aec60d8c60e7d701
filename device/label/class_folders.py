"""Labels as class folders, the form that ``edgevision train`` reads: a label is the folder that an image is in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgevision.datasets.dataset import BACKGROUND
from edgevision.datasets.folder_layout import Layout, arrange
from edgevision.datasets.readers import FolderSource
from edgevision.errors import BadInput

from ..collection.capture import class_folder
from .files import move
from .form import FormName, Found
from .records import Change, MarkedBox, State


class ClassFolders:
    """Images in folders of classes, perhaps within folders of splits."""

    name: FormName = "folder"
    has_boxes = False

    def __init__(self, root: Path) -> None:
        """``root``: the folder of images. Raises BadInput."""
        self.root = root
        layout = _layout(FolderSource(root))
        self._parents = layout.parents
        self.notes = layout.notes
        self.classes: tuple[str, ...] = ()

    def scan(self) -> Sequence[Found]:
        """Return all images, sorted by path. Raises BadInput."""
        layout = _layout(FolderSource(self.root))
        splits = {row.path: row.split for row in layout.rows}
        paths = sorted({*splits, *layout.unsorted, *layout.unlabeled})
        resolved = self.root.resolve()
        inside = [path for path in paths if (self.root / path).resolve().is_relative_to(resolved)]
        return [Found(State(path, self._label(path)), splits.get(path)) for path in inside]

    def relabeled(self, state: State, label: str, taken: set[str]) -> State:
        """Return an image in the folder of another class; nothing moves if it is there already. Raises BadInput."""
        from .files import free_path

        if label == state.label:
            return state
        parent, _, rest = self._parts(state.path)
        if label.startswith("_") and label != BACKGROUND:
            raise BadInput(f"invalid class name {label!r}: names that start with _ are reserved, except {BACKGROUND}")
        folder = class_folder(self.root / parent, label)
        if folder.is_symlink():
            raise BadInput(f"{folder} is a link; use another class name")
        return State(free_path(self.root, f"{parent}{label}/{rest}", taken), label)

    def fitted(self, boxes: Sequence[MarkedBox]) -> tuple[MarkedBox, ...]:
        """Return the boxes."""
        return tuple(boxes)

    def apply(self, changes: Sequence[Change]) -> None:
        """Move the images. Raises MissingFile, OutputExists, CannotWrite."""
        for change in changes:
            move(self.root, change.before.path, change.after.path)

    def _label(self, path: str) -> str | None:
        """Return the class of a path; None for a loose image, and in folders such as ``_unsure``."""
        _, label, _ = self._parts(path)
        return None if label.startswith("_") and label != BACKGROUND else label or None

    def _parts(self, path: str) -> tuple[str, str, str]:
        """Return the folder of the class folders with a slash at its end, the class folder, and the path inside it."""
        parent = max((one for one in self._parents if path.startswith(one)), key=len, default="")
        label, slash, rest = path.removeprefix(parent).partition("/")
        return (parent, label, rest) if slash else (parent, "", label)


def _layout(source: FolderSource) -> Layout:
    """Return the layout of a folder. Raises BadInput."""
    layout = arrange(source.files, source.folders, source.head)
    if layout.problem:
        raise BadInput(f"{source.path}: {layout.problem}")
    return layout
