"""YOLO: one text file per image with ``class x y width height`` as proportions, and the names of the classes beside them.

The names are in a ``data.yaml`` with the folders of the splits (Ultralytics, YOLOv5 to 11), in ``obj.names`` (Darknet, CVAT),
or in ``classes.txt`` (LabelImg, Label Studio). Format: https://docs.ultralytics.com/datasets/detect/. Lines of a polygon,
``class x y x y ...``, give the box around it. An image without a text file is background.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from ...errors import BadInput, MissingFile
from ..dataset import Skipped
from ..readers import FileContainer
from .annotation_file import coordinate, read_text
from .annotations import Annotations, BoxFormat, WrittenBox, WrittenImage
from .image_index import ImageIndex
from .names import class_name
from .records import Box
from .yolo_config import find_config, read_config
from .yolo_splits import all_images, configured_images

MAX_BYTES = 16 * 2**20
"""Largest text file with the boxes of one image."""
MAX_PROPORTION = 2.0
"""Largest accepted coordinate; larger ones are pixels, not proportions."""
_NAME_FILES = ("obj.names", "classes.txt", "_darknet.labels")
_LIST_FILES = ("train.txt", "valid.txt", "val.txt", "test.txt")
_LINE = re.compile(rb"\s*\d+(?:\.0+)?(?:[ \t]+[-+.\deE]+){4,}\s")
_LOOKED_AT = 200
"""Number of text files beside images that are looked at to find one with boxes."""


def _find(source: FileContainer) -> tuple[str, ...]:
    """Return the file with the names of the classes; if there is none, the first file with boxes, for a message."""
    config = find_config(source)
    if config is not None:
        return (config,)
    files = {name for name in source.files if name.endswith(".txt")}
    images = ImageIndex(source).paths if files else ()
    texts = sorted(name for path in images for name in _label_paths(path) if name in files)
    boxes = next((name for name in texts[:_LOOKED_AT] if _LINE.match(source.head(name, 256) + b"\n")), None)
    if boxes is None:
        return ()
    names = [name for name in source.files if name.rpartition("/")[2] in _NAME_FILES]
    return (min(names, key=lambda name: (name.count("/"), name), default=boxes),)


def _read(source: FileContainer, files: tuple[str, ...]) -> Annotations:
    (name,) = files
    if name.lower().endswith((".yaml", ".yml")):
        config = read_config(source, name)
        labels, images, keypoints = config.names, configured_images(source, name, config), config.keypoints
    elif name.rpartition("/")[2] in _NAME_FILES:
        labels, keypoints = _names(source, name), False
        images = all_images(source, [one for one in source.files if one.rpartition("/")[2] in _LIST_FILES])
    else:
        raise BadInput(
            f"{name} has boxes in YOLO's format, but the names of the classes are missing; "
            "write them into a classes.txt, one per line, or a data.yaml"
        )
    splits, unlabeled = _labeled_splits(images.source, images.splits)
    found: list[WrittenImage] = []
    skipped: list[Skipped] = []
    for path, split in sorted(splits.items()):
        try:
            boxes = _boxes(images.source, path, labels, keypoints)
            found.append(WrittenImage(path, boxes, relative=True, split=split))
        except (ValueError, MissingFile) as error:  # BadInput is a ValueError
            skipped.append(Skipped(path, str(error)))
    moved = images.source if images.source is not source else None
    return Annotations(labels, tuple(found), tuple(skipped), images.notes, (*images.warnings, *unlabeled), moved)


def _labeled_splits(
    source: FileContainer, splits: dict[str, str | None]
) -> tuple[dict[str, str | None], tuple[str, ...]]:
    """Return the images without the splits of which no image has a text file, and a warning about each of these.

    A test part is often published without its labels; as background, it would make every detection wrong.
    """
    labeled = {split for path, split in splits.items() if any(source.has(name) for name in _label_paths(path))}
    missing = sorted({split for split in splits.values() if split is not None} - labeled)
    if not labeled:
        return splits, ()
    warnings = tuple(
        f"no image of {split} has a text file with boxes, so that {split} is left out" for split in missing
    )
    return {path: split for path, split in splits.items() if split not in missing}, warnings


def _names(source: FileContainer, name: str) -> tuple[str, ...]:
    """Return the names of a file with one per line. Raises BadInput."""
    lines = [line for line in read_text(source, name, MAX_BYTES).splitlines() if line.strip()]
    try:
        names = tuple(class_name(line, f"{name}, line {number}") for number, line in enumerate(lines, 1))
    except ValueError as error:
        raise BadInput(str(error)) from None
    if not names or len(set(names)) < len(names):
        raise BadInput(f"{name}: expected the distinct names of the classes, one per line, got {names!r:.60}")
    return names


def _label_paths(image: str) -> tuple[str, str]:
    """Return where the boxes of an image may be: in ``labels/`` instead of ``images/``, or beside the image."""
    before, found, after = f"/{image}".rpartition("/images/")
    there = f"{before}/labels/{after}" if found else f"/{image}"
    return _as_text(there[1:]), _as_text(image)


def _as_text(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(".txt"))


def _boxes(source: FileContainer, image: str, labels: tuple[str, ...], keypoints: bool) -> tuple[WrittenBox, ...]:
    """Return the boxes of an image as proportions. Raises ValueError."""
    name = next((one for one in _label_paths(image) if source.has(one)), None)
    if name is None:
        return ()
    return tuple(parse_labels(read_text(source, name, MAX_BYTES), name, labels, keypoints))


def parse_labels(text: str, name: str, labels: tuple[str, ...], keypoints: bool = False) -> Iterator[WrittenBox]:
    """Yield the boxes of a text file, as proportions. Raises ValueError with the line.

    ``keypoints``: whether key points follow the four numbers of a box.
    """
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{name}, line {number}"
        cells = line.split()
        if not cells:
            continue
        index = coordinate(cells[0], where)
        if not index.is_integer() or not 0 <= index < len(labels):
            raise ValueError(f"{where}: expected a class from 0 to {len(labels) - 1}, got {cells[0]!r:.20}")
        values = [coordinate(cell, where) for cell in cells[1 : 5 if keypoints else None]]
        if values and max(map(abs, values)) > MAX_PROPORTION:
            raise ValueError(f"{where}: expected proportions 0..1 of the image, got {max(values, key=abs):g}")
        yield WrittenBox(labels[int(index)], _corners(values, where))


def _corners(values: list[float], where: str) -> Box:
    """Return the corners of a center with a size, or of a polygon. Raises ValueError."""
    if len(values) == 4:
        x, y, width, height = values
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    raise ValueError(f"{where}: expected a class and 4 numbers, or the corners of a polygon, got {len(values)} numbers")


FORMAT = BoxFormat("YOLO", _find, _read)
