"""Folder trees of small images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgevision.preprocessing.decode import encode_png
from edgevision.types import Frame

PNG = encode_png(Frame(np.full((8, 8, 3), 90, np.uint8), "RGB"))


def fill(root: Path, *names: str) -> Path:
    """Write the same small image to each path below ``root``; return ``root``."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    return root
