"""Boxes as Pascal VOC: one XML file per image. What a file says beside the changed boxes stays as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from edgevision.datasets.boxes import pascal_voc
from edgevision.datasets.boxes.annotation_file import read_bytes
from edgevision.datasets.boxes.image_index import ImageIndex
from edgevision.datasets.boxes.xml_tree import parse_xml
from edgevision.datasets.readers import FolderSource
from edgevision.errors import BadInput, CannotWrite
from edgevision.files.atomic import write_bytes

from .box_folder import find_images, inside, open_annotations, upright_size
from .files import keep_original, move, original
from .form import FormName, Found
from .journal import sync_folder
from .records import DISCARDED, Box, Change, MarkedBox, State

NEAR = 0.51
"""Pixels within which a box is the same as one of the file, which has whole pixels."""


class PascalVoc:
    """Images with one XML file each; an image without one is not annotated yet."""

    name: FormName = "voc"
    has_boxes = True

    def __init__(self, root: Path) -> None:
        """``root``: the folder of images. Raises BadInput."""
        self.root = root
        source = FolderSource(root)
        dataset = open_annotations(root)
        self.classes: tuple[str, ...] = () if dataset is None else dataset.labels
        self.notes: tuple[str, ...] = () if dataset is None else (*dataset.notes, *dataset.warnings)
        self._files = _xml_files(source)
        self._listed = set(pascal_voc.listed_splits(source))

    def scan(self) -> Sequence[Found]:
        """Return all images, sorted by path; with lists in ``ImageSets/Main``, only those that are in one. Raises BadInput."""
        found = find_images(FolderSource(self.root), open_annotations(self.root))
        return [
            one
            for one in found
            if inside(self.root, one.state.path)
            and (not self._listed or PurePosixPath(one.state.path).stem in self._listed)
        ]

    def relabeled(self, state: State, label: str, taken: set[str]) -> State:
        """Raise BadInput: images have boxes."""
        raise BadInput(f"{state.path} has boxes instead of a class; send boxes")

    def fitted(self, boxes: Sequence[MarkedBox]) -> tuple[MarkedBox, ...]:
        """Return boxes in whole pixels."""
        return tuple(one._replace(box=whole_pixels(one.box)) for one in boxes)

    def apply(self, changes: Sequence[Change]) -> None:
        """Move images with their XML files, and write the boxes. Raises EdgeVisionError."""
        for before, after in changes:
            move(self.root, before.path, after.path)
            if before.path != after.path:
                self._move_file(before.path, after.path)
            if after.is_discarded or before == after:
                continue
            if after.boxes is None:
                self._remove(after.path)
            elif before.boxes != after.boxes:
                self._write(after.path, after.boxes)

    def file_of(self, path: str) -> str:
        """Return the path of the XML file of an image, also if it does not exist yet."""
        return self._files.get(path) or self._new_file(path)

    def _new_file(self, path: str) -> str:
        """Return where a new XML file goes: into the folder Annotations beside JPEGImages, else beside the image."""
        image = PurePosixPath(path)
        folder = image.parent.parent / "Annotations" if image.parent.name == "JPEGImages" else image.parent
        taken = {file for other, file in self._files.items() if other != path}
        own = folder / f"{image.stem}.xml"
        twins = [p for p in (self.root / path).parent.glob(f"{_globbed(image.stem)}.*") if p.suffix != ".xml"]
        return str(own if str(own) not in taken and len(twins) < 2 else folder / f"{image.name}.xml")

    def _move_file(self, before: str, after: str) -> None:
        """Move the XML file of an image that is discarded or comes back."""
        discarded = after.startswith(f"{DISCARDED}/")
        source = self.file_of(before) if discarded else _beside(before)
        target = _beside(after) if discarded else self.file_of(after)
        if (self.root / source).is_file():
            keep_original(self.root, source)
            move(self.root, source, target)
            self._files.pop(before, None)
            if not discarded:
                self._files[after] = target

    def _write(self, path: str, boxes: Sequence[MarkedBox]) -> None:
        file = self.file_of(path)
        keep_original(self.root, file)
        root = _read(self.root, file) if (self.root / file).is_file() else None
        if root is None:
            root = Element("annotation")
            SubElement(root, "folder").text = PurePosixPath(path).parent.name
            SubElement(root, "filename").text = PurePosixPath(path).name
        _set_size(root, upright_size(self.root, path))
        _set_boxes(root, boxes)
        ElementTree.indent(root)
        write_bytes(self.root / file, ElementTree.tostring(root, encoding="utf-8") + b"\n")
        self._files[path] = file

    def _remove(self, path: str) -> None:
        """Remove the XML file that an undone answer made; one that was there before comes back."""
        file = self.file_of(path)
        kept = original(self.root, file)
        try:
            if kept is not None:
                write_bytes(self.root / file, kept)
                return
            (self.root / file).unlink(missing_ok=True)
        except OSError as error:
            raise CannotWrite(f"cannot remove {self.root / file}: {error.strerror or error}") from None
        sync_folder((self.root / file).parent)
        self._files.pop(path, None)


def _xml_files(source: FolderSource) -> dict[str, str]:
    """Return image -> XML file; of several for one image, the first, as in reading."""
    images = ImageIndex(source)
    found: dict[str, str] = {}
    for name in pascal_voc.FORMAT.find(source):
        with contextlib.suppress(ValueError):  # BadInput is one
            root = parse_xml(read_bytes(source, name, pascal_voc.MAX_BYTES), name)
            found.setdefault(pascal_voc.image_path(root, name, images), name)
    return found


def _read(root: Path, file: str) -> Element | None:
    """Return the content of an XML file; None if it cannot be used, then it is replaced (the original is kept)."""
    try:
        data = read_bytes(FolderSource(root, listed=False), file, pascal_voc.MAX_BYTES)
        found = parse_xml(data, file)
    except BadInput:
        return None
    return found if found.tag == "annotation" else None


def _set_size(root: Element, size: tuple[int, int]) -> None:
    element = root.find("size")
    if element is None:
        element = SubElement(root, "size")
        SubElement(element, "depth").text = "3"
    for name, value in zip(("width", "height"), size, strict=True):
        one = element.find(name)
        (SubElement(element, name) if one is None else one).text = str(value)


def _set_boxes(root: Element, boxes: Sequence[MarkedBox]) -> None:
    """Make the objects be these boxes; those that stay the same keep all that the file says of them."""
    from_one = pascal_voc.counts_from_one(root)
    left = list(boxes)
    for element in root.findall("object"):
        same = _same(element, left, from_one)
        if same is None:
            root.remove(element)
        else:
            left.remove(same)
    for one in left:
        root.append(_object(one, from_one))


def _same(element: Element, boxes: Sequence[MarkedBox], from_one: bool) -> MarkedBox | None:
    """Return the box that an element stands for, if it is one of these."""
    try:
        written = pascal_voc.box_of(element, from_one)
    except ValueError:
        return None
    for one in boxes:
        near = max(abs(a - b) for a, b in zip(one.box, written.box, strict=True)) <= NEAR
        if near and (one.label, one.difficult) == (written.label, written.difficult):
            return one
    return None


def _object(marked: MarkedBox, from_one: bool) -> Element:
    made = Element("object")
    values = {"name": marked.label, "pose": "Unspecified", "truncated": "0", "difficult": str(int(marked.difficult))}
    for name, value in values.items():
        SubElement(made, name).text = value
    corners = SubElement(made, "bndbox")
    x0, y0, x1, y1 = whole_pixels(marked.box)
    edges = {"xmin": x0 + from_one, "ymin": y0 + from_one, "xmax": x1, "ymax": y1}
    for side, edge in edges.items():
        SubElement(corners, side).text = str(int(edge))
    return made


def whole_pixels(box: Box) -> Box:
    """Return a box with whole numbers, at least a pixel wide and high."""
    x0, y0, x1, y1 = (float(round(edge)) for edge in box)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def _beside(path: str) -> str:
    """Return the XML file of a discarded image."""
    return f"{path}.xml"


def _globbed(stem: str) -> str:
    """Return a name as a pattern that matches only itself."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem)
