"""CSV with one box per line: ``path,label,x0,y0,x1,y1``, also under the names that common tools give these columns.

A line without corners says that the image is background. Corners that are all proportions 0..1 are scaled to the image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...errors import BadInput
from ...files import csv_cells
from ...preprocessing import SUFFIX_KIND
from .. import csv_labels
from ..dataset import Skipped
from ..readers import FileContainer
from ..split_names import split_of
from .annotation_file import coordinate, find_files, read_text
from .annotations import Annotations, BoxFormat, WrittenBox, WrittenImage
from .image_index import ImageIndex, folder_split, split_in
from .names import class_name
from .records import Box

_CORNERS = (
    ("x0", "y0", "x1", "y1"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
    ("roix1", "roiy1", "roix2", "roiy2"),
)
"""Names of the columns with the edges of a box; spaces, hyphens, underscores, dots and case do not count."""
_SIZED = (("x", "y", "w", "h"), ("bboxx", "bboxy", "bboxwidth", "bboxheight"))
"""Names of the columns with the left upper corner and the size of a box."""
_PATHS = (*csv_labels.PATH_NAMES, "imageid")
_LABELS = (*csv_labels.LABEL_NAMES, "labelname", "name")
_SIZES = (("imagewidth", "imageheight"), ("imgwidth", "imgheight"), ("width", "height"))
_DIFFICULT = ("difficult", "iscrowd", "isgroupof")
_BARE = (("path", "x0", "y0", "x1", "y1", "label"), ("path", "label", "x0", "y0", "x1", "y1"))
"""Orders of the columns of a file without a header (keras-retinanet, and our own)."""
_HEAD = 16_384


@dataclass(frozen=True, slots=True)
class _Columns:
    """Positions of the columns."""

    path: int
    label: int
    corners: tuple[int, ...]
    """Four positions: edges, or corner and size."""
    sized: bool = False
    """Whether the last two corners are a width and a height."""
    size: tuple[int, ...] = ()
    """Width and height of the image; empty if not given."""
    split: int | None = None
    difficult: int | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """One line: a box, or an image without one."""

    path: str
    box: WrittenBox | None
    size: tuple[int, int] | None
    split: str | None


def _find(source: FileContainer) -> tuple[str, ...]:
    return tuple(name for name in find_files(source, ".csv") if _has_boxes(source, name))


def _has_boxes(source: FileContainer, name: str) -> bool:
    start = source.head(name, _HEAD).decode("utf-8-sig", "replace").partition("\n")[0]
    try:
        cells = csv_labels.read_cells(start, name)
        return bool(cells) and _columns(cells[0][1]) is not None
    except BadInput:
        return False


def _read(source: FileContainer, files: tuple[str, ...]) -> Annotations:
    images = ImageIndex(source)
    found: dict[str, list[_Line]] = {}
    missing: dict[str, Skipped] = {}
    for name in files:
        for line in _lines(read_text(source, name, csv_labels.MAX_BYTES), name):
            path = images.find(line.path, name.rpartition("/")[0], line.split or split_in(name))
            path = path or (images.with_stem(line.path, "", "") if not PurePosixPath(line.path).suffix else None)
            if path is None:
                missing.setdefault(line.path, Skipped(line.path, f"image not found (listed in {name})"))
                continue
            found.setdefault(path, []).append(line)
    relative = _are_proportions(line.box.box for lines in found.values() for line in lines if line.box)
    labels = sorted({line.box.label for lines in found.values() for line in lines if line.box})
    notes = ("the corners are proportions 0..1 of the image",) if relative else ()
    written = tuple(_image(path, lines, relative) for path, lines in found.items())
    return Annotations(tuple(labels), written, tuple(missing.values()), notes)


def _image(path: str, lines: Sequence[_Line], relative: bool) -> WrittenImage:
    boxes = tuple(line.box for line in lines if line.box is not None)
    size = next((line.size for line in lines if line.size), None)
    split = next((line.split for line in lines if line.split), None)
    return WrittenImage(path, boxes, size, relative, split or folder_split(path))


def _lines(text: str, name: str) -> Iterable[_Line]:
    """Yield the lines of a file. Raises BadInput with the line."""
    cells = csv_labels.read_cells(text, name)
    columns = _columns(cells[0][1]) if cells else None
    if columns is None:
        raise BadInput(f"{name}: the first line must be path,label,x0,y0,x1,y1")
    of_file = split_in(name)
    for number, row in cells if _is_bare(cells[0][1]) else cells[1:]:
        try:
            yield _line([csv_cells.unescape(cell.strip()) for cell in row], columns, of_file)
        except ValueError as error:
            raise BadInput(f"{name}, line {number}: {error}") from None


def _line(cells: list[str], columns: _Columns, of_file: str | None) -> _Line:
    """Return one line. Raises ValueError."""

    def cell(at: int | None) -> str:
        return cells[at] if at is not None and at < len(cells) else ""

    path = cell(columns.path).replace("\\", "/")
    if not path or csv_labels.has_control(path):
        raise ValueError(f"the path of the image is missing, got {path!r:.60}")
    size = [round(coordinate(cell(at) or 0, "the size of the image")) for at in columns.size]
    split = cell(columns.split)
    meaning = split_of(split)
    if split and meaning is None:
        raise ValueError(f"the split must be train, val or test, got {split!r:.60}")
    corners = [cell(at) for at in columns.corners]
    box = None
    if any(corners):
        values = [coordinate(value, "a corner") for value in corners]
        difficult = cell(columns.difficult).lower() in ("1", "true", "yes")
        box = WrittenBox(class_name(cell(columns.label), "label"), _edges(values, columns.sized), difficult)
    return _Line(path, box, (size[0], size[1]) if size else None, meaning[0] if meaning else of_file)


def _edges(values: Sequence[float], sized: bool) -> Box:
    x0, y0, x1, y1 = values
    return (x0, y0, x0 + x1, y0 + y1) if sized else (x0, y0, x1, y1)


def _are_proportions(boxes: Iterable[Box]) -> bool:
    """Return whether no coordinate is above 1 and some are fractions: no box in pixels is that small."""
    values = [value for box in boxes for value in box]
    return bool(values) and max(values) <= 1 and any(0 < value < 1 for value in values)


def _columns(header: Sequence[str]) -> _Columns | None:
    """Return the positions of the columns by the header, or by the values of a first line without one; None if unknown."""
    names = [re.sub(r"[\s_.-]", "", cell.lower()) for cell in header]
    if _is_bare(header):
        order = next(order for order in _BARE if _is_number(header[order.index("x0")]))
        return _Columns(0, order.index("label"), tuple(order.index(name) for name in _CORNERS[0]))
    path, label = _first(names, _PATHS), _first(names, _LABELS)
    corners = next((group for group in (*_CORNERS, *_SIZED) if set(group) <= set(names)), None)
    if path is None or label is None or corners is None:
        return None
    size = next((group for group in _SIZES if set(group) <= set(names)), ())
    return _Columns(
        path,
        label,
        tuple(names.index(name) for name in corners),
        corners in _SIZED,
        tuple(names.index(name) for name in size),
        _first(names, csv_labels.SPLIT_NAMES),
        _first(names, _DIFFICULT),
    )


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _is_bare(cells: Sequence[str]) -> bool:
    """Return whether a line is not a header but has an image, a label that is not a number, and four numbers."""
    if len(cells) != len(_BARE[0]) or PurePosixPath(cells[0].strip().lower()).suffix not in SUFFIX_KIND:
        return False
    return all(map(_is_number, cells[2:5])) and _is_number(cells[1]) != _is_number(cells[5])


def _is_number(cell: str) -> bool:
    try:
        coordinate(cell.strip(), "")
    except ValueError:
        return False
    return True


FORMAT = BoxFormat("CSV", _find, _read)
