"""A model for anomalies that needs no training: it knows a blue ground, and what is red or green on it is unusual."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from locations import ROOT

from edgevision.model_file import model_file
from edgevision.model_file.card import AnomalyReference, ModelCard
from edgevision.postprocessing.anomaly import CORE_SET
from edgevision.preprocessing.decode import encode_jpeg
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

BLUE, GREEN = (20, 20, 200), (20, 200, 20)
SIDE = 16
"""Rows and columns of patches, and the side of the input in pixels."""


def blue_ground_model(folder: Path) -> Path:
    """Write the model: its patch features are the red, green and blue of 16x16 cells, 0 to 1."""
    core = np.array([[channel / 255 for channel in BLUE], [channel / 230 for channel in BLUE]], np.float32)
    card = ModelCard(
        "ground",
        "anomaly",
        Preprocessing(SIDE, SIDE, resize="stretch", mean=(0.0,), std=(255.0,)),
        ("anomaly",),
        "none",
        threshold=0.5,
        anomaly=AnomalyReference(len(core), 0.3, 9, 0.1),
    )
    path = folder / "ground.tflite"
    graph = (ROOT / "tests" / "data" / "segmenter_scores.tflite").read_bytes()
    model_file.write(path, graph, card, {CORE_SET: core.tobytes()})
    return path


def ground(green: tuple[int, int, int, int] | None = None) -> bytes:
    """Return a blue image of 320x320 pixels as JPEG; ``green``: x0, y0, x1, y1 of a green spot."""
    pixels = np.full((320, 320, 3), BLUE, np.uint8)
    if green is not None:
        x0, y0, x1, y1 = green
        pixels[y0:y1, x0:x1] = GREEN
    return encode_jpeg(Frame(pixels, "RGB"), 95)
