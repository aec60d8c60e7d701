"""Drawn photos with boxes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from edgevision.preprocessing.decode import encode_jpeg
from edgevision.types import Frame

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Scene:
    """One photo: its name, its size in pixels and its boxes as (label, corners)."""

    name: str
    width: int
    height: int
    boxes: tuple[tuple[str, Box], ...]
    split: str | None = None


@cache
def drawn(scene: Scene, seed: int = 0) -> bytes:
    """Return the photo as JPEG: noise with a filled rectangle for each box."""
    random = np.random.default_rng((seed, *scene.name.encode()))
    coarse = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    pixels = cv2.resize(coarse, (scene.width, scene.height), interpolation=cv2.INTER_CUBIC)  # noqa: TID251
    for label, (x0, y0, x1, y1) in scene.boxes:
        color = tuple(int(value) for value in np.random.default_rng(list(label.encode())).integers(0, 255, 3))
        cv2.rectangle(pixels, (round(x0), round(y0)), (round(x1) - 1, round(y1) - 1), color, -1)
    return encode_jpeg(Frame(pixels, "BGR"))


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Return a JPEG with an EXIF block of this orientation."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def put(path: Path, content: bytes | str) -> Path:
    """Write a file and the folders it is in; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


SCENES = (
    Scene("a.jpg", 120, 80, (("cup", (10.0, 20.0, 50.0, 60.0)), ("spoon", (60.0, 5.0, 118.0, 30.0)))),
    Scene("b.jpg", 64, 96, (("cup", (0.0, 0.0, 64.0, 96.0)),)),
    Scene("empty.jpg", 50, 50, ()),
)
