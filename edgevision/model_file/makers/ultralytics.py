"""Ultralytics: YOLO models with a description in the archive behind the flatbuffer, or in metadata.yaml beside the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadInput, EdgeVisionError
from ...files.text import decode_text
from ...input_file import read_file
from ...log import Log
from ...output_layouts.ultralytics_metadata import AUTHOR, ENTRIES, MAX_BYTES, Description, parse
from ...preprocessing.image_input import image_input
from ...preprocessing.natural import natural_normalization
from ...records import record
from ...types import Task
from ..detector import detector_layouts
from ..mask_shape import is_mask_shape
from .conventions import UNIT, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ..model_file import ModelFile

log = Log("edgevision.model")
BESIDE = "metadata.yaml"
NAME = "ultralytics "
"""Start of the description, which older exports also write into the standard metadata."""
GRAY = 114
"""Value of the border that YOLO is trained with."""
LAYOUTS = {"yolo", "yolo-objectness", "yolo-obb", "yolo-pose", "yolo-segmentation", "yolo-split"}
"""Output layouts of the networks that are trained like this, by whoever exported them."""
TASKS: dict[str, Task] = {
    "detect": "detection",
    "segment": "detection",
    "pose": "detection",
    "obb": "detection",
    "classify": "classification",
}
"""Tasks of ours by those of Ultralytics: detectors with masks, key points or rotated boxes, and classifiers."""


@record
class Found:
    """A description, and where it was found."""

    description: Description
    where: str


class Ultralytics(Maker):
    """Files that Ultralytics exported: YOLOv5 to YOLO26, for detection, segmentation, pose and classification."""

    title = "Ultralytics"
    before_metadata = True

    def plausible(self, file: ModelFile, task: Task | None) -> bool:
        """Return whether the task is one that YOLO has."""
        return task in (None, "classification", "detection")

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return where its description was found."""
        found = _find(file)
        if found is not None:
            return f"{found.where} names it"
        name = "" if file.metadata is None else file.metadata.name
        if name.lower().startswith(NAME):
            return "its metadata name it"
        if any(len(output.shape) == 4 and is_mask_shape(output, file.inputs[0]) for output in file.outputs[:1]):
            return None  # an image, such as a map of depth, has so many rows by chance
        layouts = {layout.name for layout in detector_layouts(file)}
        return "its outputs have the layout of YOLO" if layouts and layouts <= LAYOUTS else None

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return 0..1: the whole image with a gray border, or the central square for a classifier."""
        found = _find(file)
        if found is None:
            return Conventions("letterbox", *(natural_normalization(file.inputs[0]) or UNIT), fill=GRAY)
        about = found.description
        name = about.title[:100] or None
        if about.task == "classify":
            return Conventions("crop", *UNIT, labels=about.names, task="classification", name=name)
        return Conventions("letterbox", *UNIT, fill=GRAY, labels=about.names, task=TASKS.get(about.task), name=name)


def _find(file: ModelFile) -> Found | None:
    """Return the description of a file: from its archive, else from beside it if size and author fit."""
    for entry in ENTRIES:
        content = file.files.get(entry, b"")
        if content and len(content) <= MAX_BYTES:
            found = _parsed(content, entry, file)
            if found is not None:
                return Found(found, f"{entry} in its archive")
    path = file.path.parent / BESIDE
    try:
        content = read_file(path, "description", MAX_BYTES)
    except (EdgeVisionError, OSError):
        return None
    found = _parsed(content, BESIDE, file)
    return None if found is None or found.size is None else Found(found, str(path))


def _parsed(content: bytes, name: str, file: ModelFile) -> Description | None:
    """Return a description that Ultralytics wrote for this input; None for another one, and for a damaged one."""
    try:
        found = parse(decode_text(content), name)
    except (BadInput, UnicodeDecodeError) as error:
        log.warning("%s: %s is ignored: %s", file.path, name, error)
        return None
    image = image_input(file.inputs[0])
    fits = found.size is None or (image is not None and found.size == (image.height, image.width))
    return found if fits and (found.author == AUTHOR or found.title.lower().startswith(NAME)) else None


MAKER = Ultralytics()
