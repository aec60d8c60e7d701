"""COCO JSON (instances): one file, or one per split, with images, categories and boxes as x, y, width, height in pixels.

Format: T.-Y. Lin et al., 2014, Microsoft COCO: Common Objects in Context; https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ...errors import BadInput
from ...files import strict_json
from ..dataset import Skipped
from ..findings import counted
from ..readers import FileContainer
from .annotation_file import MAX_JSON_BYTES, coordinate, find_files, read_bytes
from .annotations import MAX_BOXES, Annotations, BoxFormat, WrittenBox, WrittenImage
from .image_index import ImageIndex, folder_split, split_in
from .names import class_name
from .records import Box

_KEYS = (b"images", b"annotations", b"categories")
_START = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"\w+"\s*:')
_MAX_CATEGORIES = 100_000
_MAX_ID = 2**63 - 1
_MAX_PATH = 4096
"""Longest path of an image in characters."""
Id = int | str


def _find(source: FileContainer) -> tuple[str, ...]:
    found = [name for name in find_files(source, ".json") if _is_coco(source, name)]
    instances = [name for name in found if name.rpartition("/")[2].startswith("instances")]
    return tuple(instances or found)  # COCO's own key points, beside the instances, have boxes of the same persons


def _is_coco(source: FileContainer, name: str) -> bool:
    if not _START.match(source.head(name, 1024)):
        return False
    data = read_bytes(source, name, MAX_JSON_BYTES)
    return all(re.search(rb'"%s"\s*:\s*\[' % key, data) for key in _KEYS)


def _read(source: FileContainer, files: tuple[str, ...]) -> Annotations:
    images = ImageIndex(source)
    labels: dict[str, None] = {}
    found: list[WrittenImage] = []
    skipped: list[Skipped] = []
    for name in files:
        data = read_bytes(source, name, MAX_JSON_BYTES).removeprefix(b"\xef\xbb\xbf")
        document = strict_json.loads(data, name, MAX_JSON_BYTES, allow_nan=True)
        try:
            categories, boxes = _content(document)
            labels |= dict.fromkeys(categories.values())
            sized = not _is_of_label_studio(document)
            for one in document["images"]:
                made = _image(one, name, categories, boxes, images, sized)
                (skipped if isinstance(made, Skipped) else found).append(made)  # type: ignore[arg-type]
        except (ValueError, KeyError) as error:
            said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise BadInput(f"{name} is not valid COCO: {said}") from None
    left_out = len(images.paths - {one.path for one in found})
    notes = (f"left out {counted(left_out, 'image')} that no annotation file lists",) if left_out else ()
    return Annotations(tuple(labels), tuple(found), tuple(skipped), notes)


def _content(document: Any) -> tuple[Mapping[Id, str], Mapping[Id, list[Any]]]:
    """Return the name of each category and the annotations of each image. Raises ValueError, KeyError."""
    fields = strict_json.fields(document, "the document")
    strict_json.items(fields["images"], "images", MAX_BOXES)
    boxes: dict[Id, list[Any]] = defaultdict(list)
    for one in strict_json.items(fields["annotations"], "annotations", MAX_BOXES):
        boxes[_id(strict_json.fields(one, "annotations")["image_id"], "image_id")].append(one)
    used = {_id(one["category_id"], "category_id") for group in boxes.values() for one in group}
    return _categories(strict_json.items(fields["categories"], "categories", _MAX_CATEGORIES), used), boxes


def _is_of_label_studio(document: dict[str, Any]) -> bool:
    """Return whether Label Studio wrote the file.

    It gives the size of the stored image, but boxes in the upright one (HumanSignal/label-studio, issue 6608).
    """
    info = document.get("info")
    return isinstance(info, dict) and info.get("contributor") == "Label Studio"


def _categories(entries: list[Any], used: set[Id]) -> dict[Id, str]:
    """Return the name of each category by its id, in the order of the ids.

    Roboflow adds a category for the name of the project, which the others call their supercategory and no box uses.
    """
    found: dict[Id, str] = {}
    groups: set[object] = set()
    tops: set[str] = set()
    for one in entries:
        entry = strict_json.fields(one, "categories")
        key = _id(entry["id"], "categories/id")
        if key in found:
            raise ValueError(f"two categories have the id {key!r}")
        found[key] = class_name(entry["name"], "categories/name")
        group = entry.get("supercategory")
        if group in (None, "", "none"):
            tops.add(found[key])
        elif isinstance(group, str):
            groups.add(group)
    ordered = sorted(found.items(), key=lambda pair: (isinstance(pair[0], str), pair[0]))
    groups &= tops
    return {key: name for key, name in ordered if key in used or name not in groups}


def _image(
    entry: Any,
    name: str,
    categories: Mapping[Id, str],
    boxes: Mapping[Id, list[Any]],
    images: ImageIndex,
    sized: bool,
) -> WrittenImage | Skipped:
    """Return one image with its boxes. ``sized``: whether its size is that which boxes refer to.

    Raises ValueError, KeyError.
    """
    one = strict_json.fields(entry, "images")
    given = strict_json.text(one["file_name"], "images/file_name", _MAX_PATH)
    split = split_in(name)
    path = images.find(given, name.rpartition("/")[0], split)
    if path is None:
        return Skipped(given, f"image not found, or several of this name (listed in {name})")
    size = round(coordinate(one.get("width") or 0, "images/width")), round(coordinate(one.get("height") or 0, "height"))
    try:
        written = tuple(made for box in boxes.get(_id(one["id"], "images/id"), ()) if (made := _box(box, categories)))
    except ValueError as error:
        return Skipped(path, f"{error} (in {name})")
    return WrittenImage(path, written, size if sized else None, split=split or folder_split(path))


def _box(entry: dict[str, Any], categories: Mapping[Id, str]) -> WrittenBox | None:
    """Return a box; None for an annotation without a place, such as a caption. Raises ValueError."""
    key = entry["category_id"]
    if key not in categories:
        raise ValueError(f"category_id {key!r} is not one of the categories")
    corners = corners_of(entry)
    return WrittenBox(categories[key], corners, bool(entry.get("iscrowd"))) if corners else None


def corners_of(entry: dict[str, Any]) -> Box | None:
    """Return the corners of ``bbox``, or of the polygons if there is none. Raises ValueError."""
    given = entry.get("bbox")
    if given:
        values = strict_json.items(given, "bbox", 4)
        if len(values) != 4:
            raise ValueError(f"bbox: expected x, y, width and height, got {strict_json.short(given)}")
        x, y, width, height = (coordinate(value, "bbox") for value in values)
        return x, y, x + width, y + height
    polygons = entry.get("segmentation")
    if not isinstance(polygons, list) or not polygons:
        return None
    flat = [
        coordinate(value, "segmentation") for one in polygons for value in strict_json.items(one, "segmentation", 10**6)
    ]
    xs, ys = flat[::2], flat[1::2]
    return (min(xs), min(ys), max(xs), max(ys)) if ys else None


def _id(value: object, name: str) -> Id:
    """Return an identifier. Raises ValueError."""
    return value if isinstance(value, str) else strict_json.whole(value, name, -_MAX_ID, _MAX_ID)


FORMAT = BoxFormat("COCO JSON", _find, _read)
