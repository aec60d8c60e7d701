"""A detector that finds red, green and blue pixels of an 8x8 image, and images for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from locations import ROOT

from edgevision.inspection import add_card
from edgevision.preprocessing.decode import encode_jpeg
from edgevision.types import Frame


def colors_detector(folder: Path) -> Path:
    """Write the detector with a model card into a folder; return its path."""
    names, path = folder / "colors.txt", folder / "detector.tflite"
    names.write_text("red\ngreen\nblue\n")
    options = add_card.CardOptions(labels=names, resize="stretch")
    add_card.write(add_card.new_card(ROOT / "tests" / "data" / "detector.tflite", options), path)
    return path


def red_at(column: int, row: int = 4, cell: int = 40) -> bytes:
    """Return a black JPEG of 8x8 cells of which one is red."""
    pixels = np.zeros((8 * cell, 8 * cell, 3), np.uint8)
    pixels[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = 255, 0, 0
    return encode_jpeg(Frame(pixels, "RGB"), 98)
