"""Writers of each annotation format, for photos that are already there: the inverse of the readers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from box_scenes import Scene, drawn, put

Placer = Callable[[Path, Scene], None]
"""Puts the photo of a scene at a path."""


def draw(path: Path, scene: Scene) -> None:
    """Write the drawn photo of a scene."""
    put(path, drawn(scene))


def labels_of(scenes: Sequence[Scene]) -> list[str]:
    """Return the names of all classes, sorted."""
    return sorted({label for scene in scenes for label, _ in scene.boxes})


def voc_xml(scene: Scene, extra: str = "") -> str:
    """Return the annotation of a scene as Pascal VOC XML."""
    objects = "".join(
        f"<object><name>{escape(label)}</name><difficult>0</difficult><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>"
        f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
        for label, box in scene.boxes
    )
    size = f"<size><width>{scene.width}</width><height>{scene.height}</height><depth>3</depth></size>"
    return f"<annotation><filename>{escape(scene.name)}</filename>{extra}{size}{objects}</annotation>"


def write_voc(root: Path, scenes: Sequence[Scene], photo: Placer = draw) -> Path:
    """Write Pascal VOC; lists in ``ImageSets/Main`` if scenes have splits."""
    lists: dict[str, list[str]] = {}
    for scene in scenes:
        photo(root / "JPEGImages" / scene.name, scene)
        put(root / "Annotations" / f"{Path(scene.name).stem}.xml", voc_xml(scene))
        lists.setdefault(scene.split or "", []).append(Path(scene.name).stem)
    for split, names in lists.items():
        if split:
            put(root / "ImageSets/Main" / f"{split}.txt", "".join(f"{name}\n" for name in names))
    return root


def coco_json(scenes: Sequence[Scene], labels: Sequence[str]) -> str:
    """Return COCO instances with sparse ids."""
    ids = {label: 10 * number + 3 for number, label in enumerate(labels)}
    boxes = [(index, label, box) for index, scene in enumerate(scenes) for label, box in scene.boxes]
    return json.dumps(
        {
            "info": {"description": "scenes"},
            "images": [
                {"id": 100 + index, "file_name": one.name, "width": one.width, "height": one.height}
                for index, one in enumerate(scenes)
            ],
            "annotations": [
                {
                    "id": number,
                    "image_id": 100 + index,
                    "category_id": ids[label],
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                }
                for number, (index, label, (x0, y0, x1, y1)) in enumerate(boxes)
            ],
            "categories": [{"id": key, "name": label, "supercategory": ""} for label, key in ids.items()],
        }
    )


def write_coco(root: Path, scenes: Sequence[Scene], photo: Placer = draw) -> Path:
    """Write COCO JSON, one file per split."""
    for split in {scene.split for scene in scenes}:
        some = [scene for scene in scenes if scene.split == split]
        put(root / "annotations" / f"instances_{split or 'default'}.json", coco_json(some, labels_of(scenes)))
        for scene in some:
            photo(root / (split or "images") / scene.name, scene)
    return root


def yolo_text(scene: Scene, labels: Sequence[str]) -> str:
    """Return the lines of a scene."""
    lines = []
    for label, (x0, y0, x1, y1) in scene.boxes:
        values = (
            (x0 + x1) / 2 / scene.width,
            (y0 + y1) / 2 / scene.height,
            (x1 - x0) / scene.width,
            (y1 - y0) / scene.height,
        )
        lines.append(f"{labels.index(label)} " + " ".join(f"{value:.9f}" for value in values) + "\n")
    return "".join(lines)


def write_yolo(root: Path, scenes: Sequence[Scene], photo: Placer = draw) -> Path:
    """Write YOLO with a data.yaml; a scene without boxes gets no text file."""
    labels = labels_of(scenes)
    splits = sorted({scene.split or "train" for scene in scenes})
    parts = "".join(f"{split}: images/{split}\n" for split in splits)
    put(root / "data.yaml", f"path: .\n{parts}nc: {len(labels)}\nnames: {json.dumps(labels)}\n")
    for scene in scenes:
        split = scene.split or "train"
        photo(root / "images" / split / scene.name, scene)
        if scene.boxes:
            put(root / "labels" / split / f"{Path(scene.name).stem}.txt", yolo_text(scene, labels))
    return root


def label_studio_task(number: int, scene: Scene) -> dict[str, object]:
    """Return one task with an annotation."""
    regions = [
        {
            "id": f"r{index}",
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": scene.width,
            "original_height": scene.height,
            "image_rotation": 0,
            "value": {
                "x": 100 * box[0] / scene.width,
                "y": 100 * box[1] / scene.height,
                "width": 100 * (box[2] - box[0]) / scene.width,
                "height": 100 * (box[3] - box[1]) / scene.height,
                "rotation": 0,
                "rectanglelabels": [label],
            },
        }
        for index, (label, box) in enumerate(scene.boxes)
    ]
    return {
        "id": number,
        "annotations": [{"id": number, "was_cancelled": False, "ground_truth": False, "result": regions}],
        "predictions": [],
        "file_upload": f"0a1b2c3d-{scene.name}",
        "data": {"image": f"/data/upload/1/0a1b2c3d-{scene.name}"},
    }


def write_label_studio(root: Path, scenes: Sequence[Scene], photo: Placer = draw) -> Path:
    """Write Label Studio's JSON and photos under the names they had before the upload. It has no splits."""
    put(
        root / "project-1.json",
        json.dumps([label_studio_task(number, scene) for number, scene in enumerate(scenes, 1)]),
    )
    for scene in scenes:
        photo(root / "images" / scene.name, scene)
    return root


def cvat_xml(scenes: Sequence[Scene]) -> str:
    """Return CVAT for images 1.1."""
    labels = "".join(f"<label><name>{escape(label)}</name></label>" for label in labels_of(scenes))
    images = []
    for number, scene in enumerate(scenes):
        boxes = "".join(
            f'<box label={quoteattr(label)} occluded="0" xtl="{box[0]}" ytl="{box[1]}" xbr="{box[2]}" ybr="{box[3]}"/>'
            for label, box in scene.boxes
        )
        subset = f' subset="{scene.split}"' if scene.split else ""
        size = f'width="{scene.width}" height="{scene.height}"'
        images.append(f'<image id="{number}" name={quoteattr(scene.name)}{subset} {size}>{boxes}</image>')
    head = f"<version>1.1</version><meta><task><labels>{labels}</labels></task></meta>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{head}{"".join(images)}</annotations>'


def write_cvat(root: Path, scenes: Sequence[Scene], photo: Placer = draw) -> Path:
    """Write CVAT for images 1.1."""
    put(root / "annotations.xml", cvat_xml(scenes))
    for scene in scenes:
        photo(root / "images" / scene.name, scene)
    return root


def write_csv(root: Path, scenes: Sequence[Scene], photo: Placer = draw) -> Path:
    """Write a CSV of path,label,x0,y0,x1,y1,split."""
    lines = ["path,label,x0,y0,x1,y1,split"]
    for scene in scenes:
        boxes = [f"{label},{','.join(map(str, box))}" for label, box in scene.boxes] or [",,,,"]
        lines += [f"images/{scene.name},{box},{scene.split or ''}" for box in boxes]
        photo(root / "images" / scene.name, scene)
    put(root / "boxes.csv", "\n".join(lines))
    return root


WRITERS = {
    "Pascal VOC": write_voc,
    "CVAT XML": write_cvat,
    "Label Studio JSON": write_label_studio,
    "COCO JSON": write_coco,
    "YOLO": write_yolo,
    "CSV": write_csv,
}
