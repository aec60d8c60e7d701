"""Boxes as COCO JSON. Images that are not changed keep every field of their annotations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from edgevision.datasets.boxes import coco
from edgevision.datasets.boxes.annotation_file import MAX_JSON_BYTES, read_bytes
from edgevision.datasets.boxes.image_index import ImageIndex, folder_split, split_in
from edgevision.datasets.readers import FolderSource
from edgevision.errors import BadInput
from edgevision.files import strict_json
from edgevision.files.atomic import write_bytes

from .box_folder import find_images, inside, open_annotations, upright_size
from .files import keep_original, move
from .form import FormName, Found
from .records import Change, MarkedBox, State

NEW_FILE = "instances.json"
NEAR = 0.02
"""Pixels within which a box is the same as one of the file."""


class _Document(NamedTuple):
    """One annotation file."""

    file: str
    content: dict[str, Any]
    images: dict[str, dict[str, Any]]
    """Path of an image -> its entry."""


class Coco:
    """Images with COCO JSON, in one file or one per split; an image that is not listed is not annotated yet."""

    name: FormName = "coco"
    has_boxes = True

    def __init__(self, root: Path) -> None:
        """``root``: the folder of images. Raises BadInput."""
        self.root = root
        dataset = open_annotations(root)
        self.classes: tuple[str, ...] = () if dataset is None else dataset.labels
        self.notes: tuple[str, ...] = () if dataset is None else (*dataset.notes, *dataset.warnings)
        source = FolderSource(root)
        images = ImageIndex(source)
        self._documents = [_document(source, name, images) for name in coco.FORMAT.find(source)]
        if not self._documents:
            self._documents = [_Document(NEW_FILE, {"images": [], "annotations": [], "categories": []}, {})]

    def scan(self) -> Sequence[Found]:
        """Return all images, sorted by path. Raises BadInput."""
        found = find_images(FolderSource(self.root), open_annotations(self.root))
        return [one for one in found if inside(self.root, one.state.path)]

    def relabeled(self, state: State, label: str, taken: set[str]) -> State:
        """Raise BadInput: images have boxes."""
        raise BadInput(f"{state.path} has boxes instead of a class; send boxes")

    def fitted(self, boxes: Sequence[MarkedBox]) -> tuple[MarkedBox, ...]:
        """Return the boxes."""
        return tuple(boxes)

    def apply(self, changes: Sequence[Change]) -> None:
        """Move images, and write the annotation files that changed. Raises EdgeVisionError."""
        changed: dict[str, _Document] = {}
        for before, after in changes:
            move(self.root, before.path, after.path)
            if before == after:
                continue
            document = self._document_of(before.path) or self._document_of(after.path) or self._new_home(after.path)
            if after.is_discarded or after.boxes is None:
                _remove(document, before.path)
                _remove(document, after.path)
            else:
                self._set(document, after.path, after.boxes)
            changed[document.file] = document
        for document in changed.values():
            keep_original(self.root, document.file)
            write_bytes(self.root / document.file, json.dumps(document.content, ensure_ascii=False).encode())

    def _document_of(self, path: str) -> _Document | None:
        return next((one for one in self._documents if path in one.images), None)

    def _new_home(self, path: str) -> _Document:
        """Return the file for an image that none lists: that of its split."""
        split = folder_split(path)
        return next((one for one in self._documents if split_in(one.file) == split), self._documents[0])

    def _set(self, document: _Document, path: str, boxes: Sequence[MarkedBox]) -> None:
        width, height = upright_size(self.root, path)
        entry = document.images.get(path)
        if entry is None:
            entry = {"id": _next_id(document.content["images"]), "file_name": path}
            document.content["images"].append(entry)
            document.images[path] = entry
        same_size = (entry.get("width"), entry.get("height")) == (width, height)
        entry |= {"width": width, "height": height}
        categories = _categories(document.content, boxes)
        kept, left = _kept(document.content, entry["id"], categories, boxes if same_size else ())
        number = _next_id(document.content["annotations"])
        new = boxes if not same_size else left
        made = [_annotation(number + at, entry["id"], one, categories) for at, one in enumerate(new)]
        others = [one for one in document.content["annotations"] if one["image_id"] != entry["id"]]
        document.content["annotations"] = [*others, *kept, *made]


def _document(source: FolderSource, name: str, images: ImageIndex) -> _Document:
    """Read one annotation file, which the reader of boxes has accepted. Raises BadInput."""
    data = read_bytes(source, name, MAX_JSON_BYTES).removeprefix(b"\xef\xbb\xbf")
    content = strict_json.loads(data, name, MAX_JSON_BYTES, allow_nan=True)
    base, split = name.rpartition("/")[0], split_in(name)
    found: dict[str, dict[str, Any]] = {}
    try:
        for entry in content["images"]:
            path = images.find(entry["file_name"], base, split)
            if path is not None:
                found.setdefault(path, entry)
    except (KeyError, TypeError, AttributeError):
        raise BadInput(f"{name} is not valid COCO; edgevision data check {source.path} says more") from None
    return _Document(name, content, found)


def _categories(content: dict[str, Any], boxes: Sequence[MarkedBox]) -> dict[str, Any]:
    """Return name -> id of the categories; those that boxes need are added."""
    found = {one["name"].strip(): one["id"] for one in reversed(content["categories"])}
    for name in dict.fromkeys(one.label for one in boxes):
        if name not in found:
            found[name] = _next_id(content["categories"])
            content["categories"].append({"id": found[name], "name": name, "supercategory": ""})
    return found


def _kept(
    content: dict[str, Any], image: Any, categories: dict[str, Any], boxes: Sequence[MarkedBox]
) -> tuple[list[dict[str, Any]], list[MarkedBox]]:
    """Return the annotations of an image that stay as they are, and the boxes that are new."""
    left = list(boxes)
    kept = []
    for entry in content["annotations"]:
        if entry["image_id"] != image:
            continue
        corners = None
        with suppress(ValueError):
            corners = coco.corners_of(entry)
            if corners is None:  # a caption
                kept.append(entry)
                continue
        same = next((one for one in left if corners and _is_same(one, entry, corners, categories)), None)
        if same is not None:
            left.remove(same)
            kept.append(entry)
    return kept, left


def _is_same(marked: MarkedBox, entry: dict[str, Any], corners: tuple[float, ...], categories: dict[str, Any]) -> bool:
    near = max(abs(a - b) for a, b in zip(marked.box, corners, strict=True)) <= NEAR
    same = categories.get(marked.label) == entry.get("category_id")
    return near and same and bool(entry.get("iscrowd")) == marked.difficult


def _annotation(number: int, image: Any, marked: MarkedBox, categories: dict[str, Any]) -> dict[str, Any]:
    x0, y0, x1, y1 = marked.box
    size = round(x1 - x0, 2), round(y1 - y0, 2)
    return {
        "id": number,
        "image_id": image,
        "category_id": categories[marked.label],
        "bbox": [x0, y0, *size],
        "area": round(size[0] * size[1], 2),
        "iscrowd": int(marked.difficult),
        "segmentation": [],
    }


def _next_id(entries: Sequence[dict[str, Any]]) -> int:
    return max((one["id"] for one in entries if isinstance(one.get("id"), int)), default=0) + 1


def _remove(document: _Document, path: str) -> None:
    entry = document.images.pop(path, None)
    if entry is not None:
        document.content["images"].remove(entry)
        document.content["annotations"] = [
            one for one in document.content["annotations"] if one["image_id"] != entry["id"]
        ]
