"""Contact sheet of a detector's training images, with their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.postprocessing.annotate import annotate
from edgevision.types import Detection, Frame, Prediction

from ..report.plots import Tile, contact_sheet
from .augmentation import BoxAugmentation, Sample
from .examples import IGNORED, BoxExamples, drawn_sample

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

ROWS, COLUMNS = 4, 5
SAMPLE_EPOCH = 0
"""Epoch whose random changes are shown."""


def write_samples(examples: BoxExamples, labels: Sequence[str], limits: BoxAugmentation, seed: int, path: Path) -> None:
    """Write a PNG with one training image per row: the original, then augmented versions, with their boxes."""
    tiles: list[Tile] = []
    for index in np.linspace(0, len(examples) - 1, min(ROWS, len(examples))).astype(int):
        tiles.append(_sample_tile(examples.sample(int(index)), labels, "original"))
        for number in range(COLUMNS - 1):
            drawn = drawn_sample(examples, int(index), limits, (seed, SAMPLE_EPOCH, number))
            tiles.append(_sample_tile(drawn, labels))
    contact_sheet(tiles, COLUMNS, path)


def _sample_tile(sample: Sample, labels: Sequence[str], caption: str = "") -> Tile:
    known = sample.classes != IGNORED
    boxes = sample.boxes[known] * np.float32(sample.pixels.shape[0])
    return Tile(_drawn(sample.pixels, boxes, sample.classes[known], np.ones(int(known.sum())), labels), caption)


def _drawn(
    pixels: Pixels,
    boxes: npt.NDArray[np.floating],
    classes: npt.NDArray[np.integer],
    scores: npt.NDArray[np.floating],
    labels: Sequence[str],
) -> Pixels:
    """Return an RGB image with boxes (n, 4) in pixels drawn on it."""
    objects = tuple(
        Detection(
            int(index), labels[int(index)], float(score), (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
        )
        for box, index, score in zip(boxes, classes, scores, strict=True)
    )
    return annotate(Frame(pixels, "RGB"), Prediction("detection", objects=objects)).pixels
