"""The annotation formats of boxes that can be read. To add one, write its reader and list it here."""

from __future__ import annotations

from . import coco, csv_boxes, cvat, label_studio, pascal_voc, yolo

FORMATS = (
    pascal_voc.FORMAT,
    cvat.FORMAT,
    label_studio.FORMAT,
    coco.FORMAT,
    yolo.FORMAT,
    csv_boxes.FORMAT,
)
"""In the order in which they are looked for; of several in one folder, the first is used."""
