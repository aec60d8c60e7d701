"""Label Studio's JSON export, also JSON-MIN: boxes in percent of the upright image.

Format: https://labelstud.io/guide/export.html and https://labelstud.io/tags/rectanglelabels. A polygon gives the box around it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ...errors import BadInput
from ...files import strict_json
from ...preprocessing import SUFFIXES
from ..dataset import Skipped
from ..findings import counted
from ..readers import FileContainer
from .annotation_file import MAX_JSON_BYTES, coordinate, find_files, read_bytes
from .annotations import MAX_BOXES, Annotations, BoxFormat, WrittenBox, WrittenImage
from .image_index import ImageIndex, folder_split, split_in
from .names import class_name
from .records import Box
from .tilt import straightened

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*\{")
_TASK = re.compile(rb'"(?:annotations|annotation_id|rectanglelabels)"\s*:')
_UPLOAD = re.compile(r"^[0-9a-f]{6,8}-(?=.)")
"""What Label Studio puts before the name of an uploaded file."""
_KINDS = ("rectanglelabels", "polygonlabels", "labels")
"""Keys of a region's classes; ``labels`` is that of a control for any shape."""
_UNLABELED = ("rectangle", "polygon")
"""Types of regions whose class is in another region of the same id, if it has one."""
_IGNORED = {"brushlabels": "masks", "ellipselabels": "ellipses", "keypointlabels": "points"}


def _find(source: FileContainer) -> tuple[str, ...]:
    return tuple(name for name in find_files(source, ".json") if _is_export(source, name))


def _is_export(source: FileContainer, name: str) -> bool:
    if not _START.match(source.head(name, 256)):
        return False
    return bool(_TASK.search(read_bytes(source, name, MAX_JSON_BYTES)))


def _read(source: FileContainer, files: tuple[str, ...]) -> Annotations:
    pile = _Pile(ImageIndex(source))
    for name in files:
        data = read_bytes(source, name, MAX_JSON_BYTES).removeprefix(b"\xef\xbb\xbf")
        tasks = strict_json.loads(data, name, MAX_JSON_BYTES, allow_nan=True)
        try:
            for task in strict_json.items(tasks, "the tasks", MAX_BOXES):
                pile.add(strict_json.fields(task, "a task"), name)
        except ValueError as error:
            raise BadInput(f"{name} is not a valid export of Label Studio: {error}") from None
    return pile.annotations()


class _Pile:
    """The annotations of the tasks read so far."""

    def __init__(self, images: ImageIndex) -> None:
        self._images = images
        self._found: list[WrittenImage] = []
        self._skipped: list[Skipped] = []
        self._ignored = Counter[str]()
        self._open = self._several = 0

    def add(self, task: dict[str, Any], name: str) -> None:
        """Add one task of the file ``name``. Raises ValueError if it has no image or is not a task."""
        regions = self._regions(task)
        if regions is None:
            self._open += 1
            return
        names = list(_image_names(task))
        if not names:
            raise ValueError(f"task {task.get('id')!r:.20} has no image")
        split = split_in(name)
        path = next((path for one in names if (path := self._images.find(one, name.rpartition("/")[0], split))), None)
        if path is None:
            self._skipped.append(Skipped(names[0], f"image not found, or several of this name (listed in {name})"))
            return
        try:
            self._count_unlabeled([strict_json.fields(one, "result") for one in regions])
            boxes = tuple(made for one in regions if (made := self._box(one)))
            self._found.append(WrittenImage(path, boxes, _size(regions), True, split or folder_split(path)))
        except ValueError as error:
            self._skipped.append(Skipped(path, f"{error} (in {name})"))

    def annotations(self) -> Annotations:
        """Return what was added."""
        labels = tuple(sorted({box.label for image in self._found for box in image.boxes}))
        notes = [f"left out {counted(self._open, 'task')} without an annotation"] if self._open else []
        if self._several:
            notes.append(
                f"{counted(self._several, 'task')} with several annotations; the ground truth, or else the latest, is used"
            )
        said = "only boxes and polygons with a label can be used"
        warnings = [f"left out {kind} ({count}): {said}" for kind, count in self._ignored.items() if count]
        return Annotations(labels, tuple(self._found), tuple(self._skipped), tuple(notes), tuple(warnings))

    def _regions(self, task: dict[str, Any]) -> list[Any] | None:
        """Return the regions of a task; None if nobody has annotated it. Raises ValueError."""
        if "annotations" not in task:
            return _min_regions(task)
        given = strict_json.items(task["annotations"], "annotations", MAX_BOXES)
        done = [one for one in given if not strict_json.fields(one, "annotations").get("was_cancelled")]
        if not done:
            return None
        self._several += len(done) > 1
        latest = max(enumerate(done), key=lambda pair: (str(pair[1].get("created_at") or ""), pair[0]))[1]
        chosen = next((one for one in done if one.get("ground_truth")), latest)
        return strict_json.items(chosen.get("result"), "result", MAX_BOXES)

    def _count_unlabeled(self, regions: list[dict[str, Any]]) -> None:
        labeled = {str(one.get("id")) for one in regions if one.get("type") not in _UNLABELED}
        alone = [one for one in regions if one.get("type") in _UNLABELED and str(one.get("id")) not in labeled]
        self._ignored["boxes without a label"] += len(alone)

    def _box(self, region: dict[str, Any]) -> WrittenBox | None:
        """Return the box of a region; None for what has no place, such as a choice for the whole image. Raises ValueError."""
        value = region.get("value")
        if not isinstance(value, dict):
            return None
        kind = next((key for key in _IGNORED if key in value), None)
        if kind is not None:
            self._ignored[_IGNORED[kind]] += 1
            return None
        names = next((value[key] for key in _KINDS if value.get(key)), None)
        if names is None or not {"x", "points"} & value.keys():
            return None
        label = class_name(strict_json.items(names, "the labels of a region", 1)[0], "the label of a region")
        if coordinate(region.get("image_rotation") or 0, "image_rotation") % 360:
            raise ValueError("the image was rotated in Label Studio; rotate the file instead, and annotate it again")
        return WrittenBox(label, _polygon(value) if "points" in value else _rectangle(value, region, label))


def _min_regions(task: dict[str, Any]) -> list[Any] | None:
    """Return the regions of a task in JSON-MIN, which are under the names of the controls; None if nobody annotated it."""
    lists = [value for value in task.values() if isinstance(value, list)]
    regions = [one for values in lists for one in values if isinstance(one, dict) and "original_width" in one]
    if not regions and task.get("annotation_id") is None:
        return None
    return [{"value": one, **one} for one in regions]


def _rectangle(value: dict[str, Any], region: dict[str, Any], label: str) -> Box:
    """Return the corners of a rectangle as proportions. Raises ValueError.

    Label Studio rotates about the left upper corner, in pixels.
    """
    x, y, width, height = (coordinate(value.get(key), key) / 100 for key in ("x", "y", "width", "height"))
    box = x, y, x + width, y + height
    rotation = coordinate(value.get("rotation") or 0, "rotation")
    if not rotation:
        return box
    size = _size([region]) or (1, 1)
    scaled = (box[0] * size[0], box[1] * size[1], box[2] * size[0], box[3] * size[1])
    x0, y0, x1, y1 = straightened(scaled, rotation, (scaled[0], scaled[1]), label)
    return x0 / size[0], y0 / size[1], x1 / size[0], y1 / size[1]


def _polygon(value: dict[str, Any]) -> Box:
    points = strict_json.items(value["points"], "points", MAX_BOXES)
    if not points or any(not isinstance(point, list) or len(point) != 2 for point in points):
        raise ValueError(f"points: expected pairs of numbers, got {strict_json.short(points)}")
    xs, ys = ([coordinate(point[axis], "points") / 100 for point in points] for axis in (0, 1))
    return min(xs), min(ys), max(xs), max(ys)


def _size(regions: list[Any]) -> tuple[int, int] | None:
    """Return the size of the image that the regions give; None if there are none. Raises ValueError."""
    one = next((one for one in regions if isinstance(one, dict) and one.get("original_width")), None)
    if one is None:
        return None
    width, height = (coordinate(one.get(f"original_{side}"), f"original_{side}") for side in ("width", "height"))
    return (round(width), round(height)) if min(width, height) >= 1 else None


def _image_names(task: dict[str, Any]) -> Iterator[str]:
    """Yield what the image may be called: the path of its URL, with and without the prefix of an upload."""
    data = task.get("data")
    values = [task.get("file_upload"), *(data if isinstance(data, dict) else task).values()]
    for value in values:
        if not isinstance(value, str):
            continue
        parts = urlsplit(value.replace("\\", "/"))
        path = parse_qs(parts.query).get("d", [parts.path])[0]
        if PurePosixPath(path).suffix.lower() in SUFFIXES:
            yield path
            folder, slash, name = path.rpartition("/")
            if _UPLOAD.match(name):
                yield f"{folder}{slash}{_UPLOAD.sub('', name)}"


FORMAT = BoxFormat("Label Studio JSON", _find, _read)
