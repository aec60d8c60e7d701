"""Ends a detector's flatbuffer in TFLite_Detection_PostProcess, which decodes, selects and lists the boxes.

Nothing is converted again: the operator is appended to the finished graph, behind its two outputs. Frigate, MediaPipe
Tasks, the Coral examples and this runtime read its four outputs: boxes, classes, scores, count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgevision.errors import BadModel
from edgevision.tflite.detection_op import DETECTION_OPERATOR
from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.end_types import as_float

from ..keras_files.detector_cells import CellGrid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_DETECTIONS = 100
"""Length of the list of boxes; COCO's average precision reads as many."""
MIN_SCORE = 0.01
"""Score below which the operator drops a box at once; the threshold of a run is far higher."""


MAX_OVERLAP = 0.5
"""IoU from which the lower of two boxes is dropped, whatever its class."""


def with_detection_operator(flatbuffer: bytes, grid: CellGrid) -> bytes:
    """Return the model with the operator at its end.

    ``flatbuffer``: a model with the outputs encoded boxes (1, cells, 4) and scores (1, cells, classes), float or
    quantized. Raises BadModel if it has others.
    """
    model = FlatModel(flatbuffer)
    cells = grid.count
    shapes = [model.shape(tensor) for tensor in model.outputs]
    if len(shapes) != 2 or shapes[0] != (1, cells, 4) or shapes[1][:2] != (1, cells) or len(shapes[1]) != 3:
        raise BadModel(
            f"expected the outputs boxes (1, {cells}, 4) and scores (1, {cells}, classes) of a detector, got {shapes}"
        )
    boxes, scores = (as_float(model, tensor) for tensor in model.outputs)
    anchors = model.add_constant("anchors", grid.anchors())
    names = [DETECTION_OPERATOR, *(f"{DETECTION_OPERATOR}:{number}" for number in (1, 2, 3))]
    sizes = [(1, MAX_DETECTIONS, 4), (1, MAX_DETECTIONS), (1, MAX_DETECTIONS), (1,)]
    results = [model.add_tensor(name, "float32", shape) for name, shape in zip(names, sizes, strict=True)]
    options = _options(grid, shapes[1][2])
    model.append_custom(DETECTION_OPERATOR, (boxes, scores, anchors), results, options)
    return model.with_outputs(results)


@dataclass(frozen=True, slots=True, eq=False)
class CutOperator:
    """The operator of a detector that was made elsewhere, while the network before it is quantized."""

    anchors: npt.NDArray[np.float32]
    """Anchors, (cells, 4)."""
    options: bytes
    """Its options, a flexbuffer."""
    results: tuple[tuple[str, tuple[int, ...]], ...]
    """Name and shape of each of its outputs."""
    outputs: tuple[int, ...]
    """Which of them each output of the model is."""

    def put_back(self, flatbuffer: bytes) -> bytes:
        """Return a network, float or quantized, whose outputs are boxes and scores, with the operator at its end."""
        model = FlatModel(flatbuffer)
        boxes, scores = (as_float(model, tensor) for tensor in model.outputs)
        anchors = model.add_constant("anchors", self.anchors)
        results = [model.add_tensor(name, "float32", shape) for name, shape in self.results]
        model.append_custom(DETECTION_OPERATOR, (boxes, scores, anchors), results, self.options)
        return model.with_outputs([results[number] for number in self.outputs])


def _options(grid: CellGrid, classes: int) -> bytes:
    """Return the operator's options as a flexbuffer."""
    from flatbuffers import flexbuffers

    y, x, h, w = grid.scales
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Int("max_detections", MAX_DETECTIONS)
        builder.Int("max_classes_per_detection", 1)
        builder.Int("detections_per_class", MAX_DETECTIONS)
        builder.Bool("use_regular_nms", False)
        builder.Float("nms_score_threshold", MIN_SCORE)
        builder.Float("nms_iou_threshold", MAX_OVERLAP)
        builder.Int("num_classes", classes)
        builder.Float("y_scale", y)
        builder.Float("x_scale", x)
        builder.Float("h_scale", h)
        builder.Float("w_scale", w)
    return bytes(builder.Finish())
