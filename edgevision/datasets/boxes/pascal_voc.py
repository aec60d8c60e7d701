"""Pascal VOC: one XML file per image, as LabelImg, CVAT and Roboflow write it; splits in ``ImageSets/Main``.

Format: M. Everingham, J. Winn, 2012, The PASCAL VOC2012 Development Kit, section 2.2. The corners of VOC's own files count
pixels from 1 and include the last one, so 1 is subtracted from xmin and ymin; all tools of today write edges.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ..dataset import Skipped
from ..findings import counted
from ..readers import FileContainer
from .annotation_file import coordinate, read_bytes, read_text
from .annotations import Annotations, BoxFormat, WrittenBox, WrittenImage
from .image_index import ImageIndex, folder_split
from .names import class_name
from .xml_tree import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_BYTES = 16 * 2**20
"""Largest XML file of one image."""
_LOOKED_AT = 5
"""Number of XML files that are looked at to find out whether they are annotations."""
_IMAGE_SET = re.compile(r"(?:^|/)ImageSets/Main/(train|val|test|trainval)\.txt$")
_OWN = "the voc"
"""How ``source/database`` begins in the files of Pascal VOC itself."""


def _find(source: FileContainer) -> tuple[str, ...]:
    files = tuple(name for name in source.files if name.lower().endswith(".xml"))
    found = any(_is_annotation(source, name) for name in files[:_LOOKED_AT])
    return files if found else ()


def _is_annotation(source: FileContainer, name: str) -> bool:
    start = source.head(name, 4096)
    return b"<annotation>" in start or b"<annotation " in start


def _read(source: FileContainer, files: tuple[str, ...]) -> Annotations:
    images = ImageIndex(source)
    found: list[WrittenImage] = []
    skipped: list[Skipped] = []
    for name in files:
        try:
            found.append(_image(parse_xml(read_bytes(source, name, MAX_BYTES), name), name, images))
        except ValueError as error:  # BadInput is one
            skipped.append(Skipped(name, str(error).removeprefix(f"{name}: ")))
    listed, notes = _listed(source, found)
    labels = sorted({box.label for image in listed for box in image.boxes} | _label_map(source))
    alone = len(images.paths) - len({image.path for image in found})
    if alone:
        notes = (
            *notes,
            f"left out {counted(alone, 'image')} without an XML file; write one without objects for a background",
        )
    return Annotations(tuple(labels), tuple(listed), tuple(skipped), notes)


def _image(root: Element, name: str, images: ImageIndex) -> WrittenImage:
    """Return the annotation in one XML file. Raises ValueError."""
    if root.tag != "annotation":
        raise ValueError(f"expected the element annotation, got {root.tag!r:.60}")
    path = image_path(root, name, images)
    boxes = tuple(box_of(one, counts_from_one(root)) for one in root.iterfind("object"))
    size = _number(root, "size/width", 0.0), _number(root, "size/height", 0.0)
    return WrittenImage(path, boxes, (round(size[0]), round(size[1])), split=folder_split(path))


def image_path(root: Element, name: str, images: ImageIndex) -> str:
    """Return the image of an XML file: the one with the same name, or else the one that it names. Raises ValueError.

    Files are renamed more often than the names inside are corrected.
    """
    base, _, file = name.rpartition("/")
    given = root.findtext("filename", "").strip()
    path = images.with_stem(PurePosixPath(file).stem, base, given) or (images.find(given, base) if given else None)
    if path is None:
        raise ValueError(f"its image was not found, or there are several{f': {given}' if given else ''}")
    return path


def counts_from_one(root: Element) -> bool:
    """Return whether corners count pixels from 1, as in the files of Pascal VOC itself."""
    return root.findtext("source/database", "").strip().lower().startswith(_OWN)


def box_of(element: Element, own: bool) -> WrittenBox:
    """Return one object. Raises ValueError. ``own``: what ``counts_from_one`` returns."""
    label = class_name(element.findtext("name"), "object/name")
    if element.find("robndbox") is not None and element.find("bndbox") is None:
        raise ValueError(f"the box of {label!r} is rotated (robndbox); only upright boxes can be learned")
    x0, y0, x1, y1 = (_number(element, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax"))
    difficult = _number(element, "difficult", 0.0) != 0
    return WrittenBox(label, (x0 - own, y0 - own, x1, y1), difficult)


def _number(element: Element, path: str, default: float | None = None) -> float:
    text = element.findtext(path)
    return default if default is not None and not (text or "").strip() else coordinate(text, path)


def _listed(source: FileContainer, images: list[WrittenImage]) -> tuple[list[WrittenImage], tuple[str, ...]]:
    """Return the images with the splits of ``ImageSets/Main``, without those in no list; all if there are no lists."""
    splits = listed_splits(source)
    if not splits:
        return images, ()
    listed = [(one, splits.get(PurePosixPath(one.path).stem)) for one in images]
    left_out = sum(split is None for _, split in listed)
    notes = (f"left out {counted(left_out, 'image')} in no list of ImageSets/Main",) if left_out else ()
    return [replace(one, split=split) for one, split in listed if split], notes


def listed_splits(source: FileContainer) -> dict[str, str]:
    """Return the split of each image in the lists of ``ImageSets/Main``, by its name without suffix. Raises BadInput."""
    splits: dict[str, str] = {}
    for name in source.files:
        match = _IMAGE_SET.search(name)
        if match:
            split = "train" if match[1] == "trainval" else match[1]
            for stem in _stems(source, name):
                if splits.get(stem) != "val" or split != "train":  # trainval holds the images of val, too
                    splits[stem] = split
    return splits


def _stems(source: FileContainer, name: str) -> list[str]:
    """Return the images of a list: one name per line, without suffix, perhaps followed by 1 or -1."""
    lines = read_text(source, name, MAX_BYTES).splitlines()
    return [line.split()[0] for line in lines if line.strip()]


def _label_map(source: FileContainer) -> set[str]:
    """Return the names in the ``labelmap.txt`` of CVAT (name:color:parts:actions), which lists unused classes, too."""
    found = set()
    for name in source.files:
        if name.rpartition("/")[2] == "labelmap.txt":
            lines = read_text(source, name, MAX_BYTES).splitlines()
            found |= {class_name(line.partition(":")[0], name) for line in lines if ":" in line and line[0] != "#"}
    return found - {"background"}


FORMAT = BoxFormat("Pascal VOC", _find, _read)
