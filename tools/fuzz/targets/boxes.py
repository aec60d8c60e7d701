"""Annotations of boxes, each beside the photo they name."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path

import cv2
import numpy as np

from edgevision.datasets.boxes.open_boxes import find_format, open_boxes

PHOTO = bytes(cv2.imencode(".jpg", np.zeros((40, 60, 3), np.uint8))[1])
CONFIG = "train: .\nnames: [cup, spoon]\n"


def read_json(data: bytes, folder: Path) -> None:
    """Read COCO or Label Studio."""
    _read(folder, {"boxes.json": data})


def read_xml(data: bytes, folder: Path) -> None:
    """Read Pascal VOC or CVAT."""
    _read(folder, {"a.xml": data})


def read_text(data: bytes, folder: Path) -> None:
    """Read a CSV, the boxes of YOLO, and its data.yaml."""
    _read(folder, {"boxes.csv": data})
    _read(folder, {"a.txt": data, "data.yaml": CONFIG.encode()})
    _read(folder, {"a.txt": b"0 0.5 0.5 0.1 0.1\n", "data.yaml": data})


def _read(folder: Path, files: dict[str, bytes]) -> None:
    (folder / "a.jpg").write_bytes(PHOTO)
    try:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        if find_format(folder) is None:
            return
        found = open_boxes(folder)
        for image in found.images:
            for one in image.boxes:
                x0, y0, x1, y1 = one.box
                assert all(map(isfinite, one.box)) and 0 <= x0 < x1 <= image.width and 0 <= y0 < y1 <= image.height
                assert 0 <= one.label < len(found.labels)
        json.dumps(
            [found.counts(), found.as_dataset().warnings, [one.to_json() for one in found.skipped]], allow_nan=False
        )
    finally:
        for name in files:
            (folder / name).unlink(missing_ok=True)
