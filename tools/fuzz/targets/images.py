"""Encoded images."""

from __future__ import annotations

from pathlib import Path

from edgevision.preprocessing import decode
from edgevision.preprocessing.sniff import sniff


def read_image(data: bytes, folder: Path) -> None:
    """Read an image file as ``run`` and ``data check`` do."""
    path = folder / "image.jpg"
    path.write_bytes(data)
    sniff(data)
    frame = decode.read(path)
    assert frame.pixels.ndim == 3 and frame.pixels.size, f"decoded to an array of shape {frame.pixels.shape}"
