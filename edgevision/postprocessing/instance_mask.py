"""The mask of one detected object, from prototypes that all objects of a frame share (as YOLACT and YOLO-seg have them)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..output_layouts.layout import CandidateMasks
from ..tflite.outputs import dequantize

if TYPE_CHECKING:
    from ..output_layouts.layout import Floats
    from ..types import Pixels


def instance_mask(masks: CandidateMasks, position: int, box: Floats, width: int, height: int) -> Pixels:
    """Return 1 where an object is, else 0, uint8 (rows, columns) over the model's input.

    Only what is inside the object's box is computed, and nothing outside belongs to it. ``box``: left, top, right and
    bottom in pixels of the model's input of this size.
    """
    rows, columns, _ = masks.prototypes.shape
    found = np.zeros((rows, columns), np.uint8)
    down = _span(box[1], box[3], rows / height, rows)
    across = _span(box[0], box[2], columns / width, columns)
    logits = dequantize(masks.prototypes[down, across], masks.spec) @ masks.coefficients[position]
    found[down, across] = logits > 0.0
    return found


def _span(first: float, last: float, scale: float, pixels: int) -> slice:
    """Return the mask pixels whose centers are between two edges; at least one."""
    start = min(max(math.ceil(first * scale - 0.5), 0), pixels - 1)
    return slice(start, max(start + 1, min(math.ceil(last * scale - 0.5), pixels)))
