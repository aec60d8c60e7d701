"""CVAT for images 1.1: one XML file with all images, boxes as edges in pixels of the upright image.

Format: https://docs.cvat.ai/docs/manual/advanced/xml_format/. A polygon gives the box around it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ...errors import BadInput
from ..dataset import Skipped
from ..readers import FileContainer
from ..split_names import split_of
from .annotation_file import MAX_JSON_BYTES, coordinate, find_files, read_bytes
from .annotations import Annotations, BoxFormat, WrittenBox, WrittenImage
from .image_index import ImageIndex, folder_split
from .names import class_name
from .records import Box
from .tilt import straightened
from .xml_tree import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SHAPES = frozenset(("box", "polygon"))
"""Elements that become boxes."""
_IGNORED = {
    "polyline": "lines",
    "points": "points",
    "mask": "masks",
    "ellipse": "ellipses",
    "cuboid": "cuboids",
    "skeleton": "skeletons",
}


def _find(source: FileContainer) -> tuple[str, ...]:
    return tuple(name for name in find_files(source, ".xml") if b"<annotations>" in source.head(name, 1024))


def _read(source: FileContainer, files: tuple[str, ...]) -> Annotations:
    images = ImageIndex(source)
    labels: dict[str, None] = {}
    found: list[WrittenImage] = []
    skipped: list[Skipped] = []
    ignored = Counter[str]()
    for name in files:
        root = parse_xml(read_bytes(source, name, MAX_JSON_BYTES), name)
        if root.find("track") is not None:
            raise BadInput(f"{name} is a CVAT export of a video; export it as CVAT for images 1.1, with the images")
        labels |= dict.fromkeys(_labels(root, name))
        for element in root.iterfind("image"):
            made = _image(element, name, images)
            (skipped if isinstance(made, Skipped) else found).append(made)  # type: ignore[arg-type]
            ignored.update(_IGNORED[shape.tag] for shape in element if shape.tag in _IGNORED)
    labels |= dict.fromkeys(sorted({box.label for image in found for box in image.boxes}))
    warnings = tuple(
        f"left out {kind} ({count}): only boxes and polygons can be used" for kind, count in ignored.items()
    )
    return Annotations(tuple(labels), tuple(found), tuple(skipped), (), warnings)


def _labels(root: Element, name: str) -> list[str]:
    """Return the labels of the task or project, without those of the parts of skeletons. Raises BadInput."""
    try:
        return [
            class_name(label.findtext("name"), f"{name}: label")
            for label in root.iterfind("meta/*/labels/label")
            if label.find("parent") is None
        ]
    except ValueError as error:
        raise BadInput(str(error)) from None


def _image(element: Element, name: str, images: ImageIndex) -> WrittenImage | Skipped:
    given = element.get("name") or ""
    split = (split_of(element.get("subset") or "") or (None,))[0]
    path = images.find(given, name.rpartition("/")[0], split)
    if path is None:
        return Skipped(given or name, f"image not found, or several of this name (listed in {name})")
    try:
        size = round(coordinate(element.get("width"), "width")), round(coordinate(element.get("height"), "height"))
        boxes = tuple(_box(one) for one in element if one.tag in _SHAPES)
    except ValueError as error:
        return Skipped(path, f"{error} (in {name})")
    return WrittenImage(path, boxes, size, split=split or folder_split(path))


def _box(element: Element) -> WrittenBox:
    label = class_name(element.get("label"), "label")
    if element.tag == "polygon":
        return WrittenBox(label, _polygon(element))
    box = _edges(element)
    center = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2  # rotated about its center, by CVAT
    return WrittenBox(label, straightened(box, coordinate(element.get("rotation") or 0, "rotation"), center, label))


def _edges(element: Element) -> Box:
    left, top, right, bottom = (coordinate(element.get(side), side) for side in ("xtl", "ytl", "xbr", "ybr"))
    return left, top, right, bottom


def _polygon(element: Element) -> Box:
    points = [point.split(",") for point in (element.get("points") or "").split(";")]
    if any(len(point) != 2 for point in points):
        raise ValueError(f"points: expected x,y;x,y;..., got {element.get('points')!r:.60}")
    xs, ys = ([coordinate(point[axis], "points") for point in points] for axis in (0, 1))
    return min(xs), min(ys), max(xs), max(ys)


FORMAT = BoxFormat("CVAT XML", _find, _read)
