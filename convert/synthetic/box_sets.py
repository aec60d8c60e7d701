"""Folders of drawn images with labeled boxes, as Pascal VOC: an XML file beside each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from edgevision.preprocessing.decode import encode_jpeg

from .boxed_scene import FEW_LARGE, BoxedScene, Crowd, draw_boxed_scene
from .image_sets import JPEG_QUALITY, check_set, random_of


def draw_box_set(
    folder: Path,
    classes: Sequence[str],
    count: int,
    seed: int | Sequence[int],
    width: int = 320,
    step: Callable[[], None] = lambda: None,
    crowd: Crowd = FEW_LARGE,
) -> list[Path]:
    """Draw ``folder/0000.jpg`` with ``0000.xml`` and so on, 4 to 3 and ``width`` pixels wide; return the images' paths.

    ``step`` is called after each image. An image depends only on the seed and its number. Raises UnknownName, BadInput.
    """
    check_set(classes, count, width)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(count):
        scene = draw_boxed_scene(random_of(seed, "boxes", number), classes, width, width * 3 // 4, crowd)
        path = folder / f"{number:04d}.jpg"
        path.write_bytes(encode_jpeg(scene.frame, JPEG_QUALITY))
        path.with_suffix(".xml").write_bytes(voc_annotation(path.name, scene))
        written.append(path)
        step()
    return written


def voc_annotation(name: str, scene: BoxedScene) -> bytes:
    """Return the Pascal VOC annotation of an image file ``name``."""
    root = ElementTree.Element("annotation")
    _add(root, "filename", name)
    size = ElementTree.SubElement(root, "size")
    for key, value in (("width", scene.frame.width), ("height", scene.frame.height), ("depth", 3)):
        _add(size, key, value)
    for one in scene.objects:
        entry = ElementTree.SubElement(root, "object")
        _add(entry, "name", one.name)
        box = ElementTree.SubElement(entry, "bndbox")
        for key, side in zip(("xmin", "ymin", "xmax", "ymax"), one.box, strict=True):
            _add(box, key, side)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, "utf-8"))


def _add(parent: ElementTree.Element, tag: str, value: object) -> None:
    ElementTree.SubElement(parent, tag).text = str(value)
