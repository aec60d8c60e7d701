"""End-to-end detectors, which remove overlapping boxes themselves: rows of left, top, right, bottom, score and class.

Key points or mask coefficients follow in each row. Source of the format: YOLOv10 and YOLO26, [1, 300, 6], and Ultralytics'
exports with ``nms=True``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import BadModel
from ..tflite.outputs import dequantize
from .box_unit import BoxUnit, reach, refuse_coarse_scores
from .coco_keypoints import keypoint_names
from .grid import find_rows, plain_shape
from .layout import CandidateKeypoints, CandidateMasks, Candidates, OutputView
from .tables import Prototypes, find_prototypes
from .ultralytics_metadata import describe

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import Floats

TITLE = (
    "one output [1, boxes, 6] with left, top, right, bottom, score and class (YOLOv10, YOLO26, exports with nms=True); in each "
    "row, key points may follow, or mask coefficients beside an output of prototypes [1, height/4, width/4, masks]"
)
COLUMNS = 6
"""Numbers of a row before its key points or mask coefficients."""


def recognize(view: OutputView, forced: bool = False) -> EndToEndLayout | None:
    """Return the layout if there are rows of six and what may follow, and their number does not fit several grids."""
    prototypes = find_prototypes(view)
    tables = [n for n in range(len(view.outputs)) if prototypes is None or n != prototypes.output]
    sizes = plain_shape(view.outputs[tables[0]]) if len(tables) == 1 else ()
    if len(sizes) != 2:
        return None
    spec = view.outputs[tables[0]]
    extra = _extra(sizes[1] - COLUMNS, prototypes, view, forced)
    if extra is None:
        return None
    rows = find_rows(spec, view.width, view.height)
    # 300 rows are also three boxes for each cell of one grid: 10x10 cells over 320 pixels. The labels decide then.
    if not forced and rows is not None and len(rows.strides) > 1:
        return None
    refuse_coarse_scores(spec)
    _refuse_lost_classes(spec, view.labels)
    return EndToEndLayout(tables[0], spec, extra, (view.width, view.height))


def _refuse_lost_classes(spec: TensorSpec, labels: int) -> None:
    """Raise BadModel for a quantized output that cannot hold the numbers of the classes."""
    if spec.quantized and reach(spec) + 0.5 < labels - 1:
        raise BadModel(
            f"the int8 quantization of the output {spec.name[:60]} ruins the classes: they share one scale with the boxes, so "
            f"that their numbers end at {reach(spec):.3g}, but there are {labels} classes; export the model with float outputs"
        )


class Extra(NamedTuple):
    """What follows the class in each row."""

    prototypes: Prototypes | None = None
    """Masks that all objects share, whose coefficients follow."""
    points: int = 0
    """Number of key points."""
    numbers: int = 0
    """Numbers of each key point: x and y, and perhaps a score."""
    names: tuple[str, ...] = ()
    """Names of the key points, as far as the exporter states them."""


def _extra(columns: int, prototypes: Prototypes | None, view: OutputView, forced: bool) -> Extra | None:
    """Return what is in the columns after the class; None if it is not known."""
    if prototypes is not None:
        return Extra(prototypes) if columns == prototypes.masks else None
    about = describe(view.facts.files)
    if columns == 0 and (about is None or about.keypoints is None):
        return Extra()
    if about is not None and about.keypoints is not None:
        points, numbers = about.keypoints
        return Extra(None, points, numbers, about.keypoint_names) if columns == points * numbers else None
    return Extra(None, columns // 3, 3) if forced and columns > 0 and columns % 3 == 0 else None


class EndToEndLayout:
    """Reads rows of corners, score, class and what follows."""

    name = "end-to-end"
    overlapping = False
    classes: int | None = None

    def __init__(self, output: int, spec: TensorSpec, extra: Extra, size: tuple[int, int]) -> None:
        """``output``: number of the output with the rows. ``size``: width and height of the model's input (pixels)."""
        self._output, self._spec, self._extra = output, spec, extra
        self._columns = plain_shape(spec)[1]
        self._unit, self._point_unit = BoxUnit(spec, *size), BoxUnit(spec, *size)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``."""
        rows = dequantize(outputs[self._output].reshape(-1, self._columns), self._spec)
        rows = rows[np.isfinite(rows).all(axis=1)]
        kept = rows[rows[:, 4] >= limit]
        boxes = self._unit.to_pixels(kept[:, :4], rows[:, :4])
        found = Candidates(boxes, kept[:, 4], np.floor(kept[:, 5] + 0.5).astype(np.int64))
        if self._extra.points:
            return found._replace(keypoints=self._keypoints(kept[:, COLUMNS:], rows[:, COLUMNS:]))
        if self._extra.prototypes is not None:
            prototypes = self._extra.prototypes
            return found._replace(masks=CandidateMasks(kept[:, COLUMNS:], prototypes.shared(outputs), prototypes.spec))
        return found

    def _keypoints(self, kept: Floats, every: Floats) -> CandidateKeypoints:
        """Return the key points of the kept rows. ``every``: those of all rows, which tell the unit."""
        points, numbers = self._extra.points, self._extra.numbers
        values = np.full((kept.shape[0], points, 3), np.nan, np.float32)
        values[:, :, :numbers] = kept.reshape(-1, points, numbers)
        places = values[:, :, [0, 1, 0, 1]].reshape(-1, 4)
        places = self._point_unit.to_pixels(places, every.reshape(-1, points, numbers)[:, :, :2])
        values[:, :, :2] = places[:, :2].reshape(-1, points, 2)
        return CandidateKeypoints(keypoint_names(points, self._extra.names), values)
