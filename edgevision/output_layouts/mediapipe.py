"""Detectors of MediaPipe's solutions: boxes and key points relative to the cells of one or several grids, and raw scores.

All anchors have the size of the input, so that every value is in pixels of it: center (from the cell's middle), width,
height, then x and y of the key points. Source: MediaPipe's graphs ``modules/face_detection``, ``palm_detection`` and
``pose_detection``; ``ssd_anchors_calculator.cc`` with ``fixed_anchor_size``, ``tensors_to_detections_calculator.cc`` with
``reverse_output_order``, and ``non_max_suppression_calculator.cc`` with ``WEIGHTED``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..tflite.outputs import dequantize
from .best_class import corners_of, strongest
from .coco_keypoints import keypoint_names
from .grid import cell_centers
from .layout import CandidateKeypoints, Candidates, OutputView
from .logistic import logistic, raw_limit
from .suppression import average_overlapping

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import Floats

TITLE = (
    "boxes with key points [1, anchors, 4 + 2 * points] and raw scores [1, anchors, 1], each in one or several parts "
    "(MediaPipe's detectors of faces, palms and people)"
)
GRIDS = (((8, 2), (16, 6)), ((16, 2), (32, 6)), ((8, 2), (16, 2), (32, 6)), ((4, 1),))
"""Stride (pixels of the input) and anchors per cell of each grid, of the networks in use."""
IOU = 0.3
"""Overlap above which boxes stand for one thing; the value of all of MediaPipe's graphs."""
BOX = 4
"""Numbers of a box before those of its key points."""


class Thing(NamedTuple):
    """What a network finds."""

    label: str
    keypoints: tuple[str, ...]
    """Names of the key points; left and right are those of the person."""


THINGS = {
    6: Thing(
        "face",
        ("right_eye", "left_eye", "nose", "mouth_center", "right_ear_tragion", "left_ear_tragion"),
    ),
    7: Thing("palm", ("wrist", "index_mcp", "middle_mcp", "ring_mcp", "pinky_mcp", "thumb_cmc", "thumb_mcp")),
    4: Thing("person", ("hip_center", "full_body_circle", "shoulder_center", "upper_body_circle")),
}
"""By number of key points. The circles around the centers enclose the person; the person's box is that of the face."""


def recognize(view: OutputView, forced: bool = False) -> MediaPipeLayout | None:
    """Return the layout if the anchors of the outputs fit the grids of one of the networks."""
    boxes, scores = _parts(view.outputs, BOX + 2), _parts(view.outputs, 1, 1)
    if not boxes or len(boxes) != len(scores) or 2 * len(boxes) != len(view.outputs):
        return None
    values = {view.outputs[n].shape[-1] for n in boxes}
    if len(values) != 1 or next(iter(values)) % 2:
        return None
    for grids in GRIDS:
        sizes = [per_cell * cell_centers(view.width, view.height, stride).shape[0] for stride, per_cell in grids]
        pairs = _in_order(view.outputs, boxes, scores, sizes)
        if pairs:
            centers = np.concatenate(
                [cell_centers(view.width, view.height, stride).repeat(per_cell, axis=0) for stride, per_cell in grids]
            )
            return MediaPipeLayout(view.outputs, pairs, centers)
    return None


class MediaPipeLayout:
    """Reads boxes, key points and raw scores."""

    name = "mediapipe"
    overlapping = False
    """The boxes of one thing are averaged here, as MediaPipe does, which makes them steadier than the best one alone."""

    def __init__(self, outputs: Sequence[TensorSpec], pairs: list[tuple[int, int]], centers: Floats) -> None:
        count = (outputs[pairs[0][0]].shape[-1] - BOX) // 2
        thing = THINGS.get(count)
        self.classes: int | None = 1
        self.labels = (thing.label,) if thing else ()
        self._names = thing.keypoints if thing else keypoint_names(count)
        self._outputs, self._pairs, self._centers = outputs, pairs, centers

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the things with a score of at least ``limit``, each once."""
        values, raw = self._join(outputs, 0), self._join(outputs, 1)[:, 0]
        kept = np.flatnonzero(np.isfinite(values).all(axis=1) & (raw >= raw_limit(limit)))
        kept = kept[strongest(raw[kept])]
        centers = self._centers[kept]
        boxes = values[kept, :BOX]
        boxes[:, :2] += centers
        points = values[kept, BOX:].reshape(kept.size, len(self._names), 2) + centers[:, np.newaxis]
        unknown = np.full((*points.shape[:2], 1), np.nan, np.float32)  # the network gives key points no scores
        keypoints = CandidateKeypoints(self._names, np.concatenate([points, unknown], axis=2))
        found = Candidates(corners_of(boxes), logistic(raw[kept]), np.zeros(kept.size, np.int64), keypoints)
        return average_overlapping(found, IOU)

    def _join(self, outputs: Sequence[Tensor], role: int) -> Floats:
        """Return the real values of all anchors; ``role``: 0 for boxes, 1 for scores."""
        numbers = [pair[role] for pair in self._pairs]
        parts = [dequantize(outputs[n], self._outputs[n]).reshape(-1, outputs[n].shape[-1]) for n in numbers]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _parts(outputs: Sequence[TensorSpec], lowest: int, highest: int | None = None) -> list[int]:
    """Return the outputs [1, anchors, values] with a number of values in this range."""
    return [
        n
        for n, spec in enumerate(outputs)
        if len(spec.shape) == 3 and spec.shape[0] in (1, -1) and lowest <= spec.shape[2] <= (highest or spec.shape[2])
    ]


def _in_order(
    outputs: Sequence[TensorSpec], boxes: list[int], scores: list[int], sizes: list[int]
) -> list[tuple[int, int]] | None:
    """Return the outputs with boxes and scores of each part, in the order of the grids; None if they do not fit."""
    parts = sizes if len(boxes) > 1 else [sum(sizes)]
    found = [list(_with_size(outputs, numbers, parts)) for numbers in (boxes, scores)]
    complete = all(None not in numbers and len(set(numbers)) == len(numbers) for numbers in found)
    if not complete or len(parts) != len(boxes):
        return None
    return [(box, score) for box, score in zip(*found, strict=True) if box is not None and score is not None]


def _with_size(outputs: Sequence[TensorSpec], numbers: list[int], sizes: list[int]) -> Iterator[int | None]:
    """Yield the output with each number of anchors."""
    for size in sizes:
        yield next((n for n in numbers if outputs[n].shape[1] == size), None)
