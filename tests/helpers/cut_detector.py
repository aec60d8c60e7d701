"""A real detector without its last operator: raw boxes and scores of a real network, and the anchors that it has."""

from __future__ import annotations

from typing import NamedTuple

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

OPERATOR = b"TFLite_Detection_PostProcess"


class CutDetector(NamedTuple):
    """The rest of the network, and what its operator was given."""

    model: bytes
    """A file whose outputs are the operator's boxes and scores; without metadata."""
    anchors: np.ndarray
    """Center y, center x, height and width, (n, 4)."""
    options: dict[str, float]
    """Options of the operator: scales, number of classes, overlap."""


def cut_detector(content: bytes) -> CutDetector:
    """Return a detector without TFLite_Detection_PostProcess, which must be its last operator."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    graph = model.subgraphs[0]
    (last,) = [op for op in graph.operators if model.operatorCodes[op.opcodeIndex].customCode == OPERATOR]
    boxes, scores, anchors = (int(number) for number in last.inputs)
    tensor = graph.tensors[anchors]
    content_of = model.buffers[tensor.buffer].data.tobytes()
    if tensor.type == schema.TensorType.FLOAT32:
        values = np.frombuffer(content_of, np.float32).astype(np.float64)
    else:
        stored = np.frombuffer(content_of, np.uint8 if tensor.type == schema.TensorType.UINT8 else np.int8)
        values = (stored.astype(np.float64) - tensor.quantization.zeroPoint[0]) * tensor.quantization.scale[0]
    options = flexbuffers.GetRoot(bytearray(np.asarray(last.customOptions, np.uint8).tobytes())).AsMap
    names = ("y_scale", "x_scale", "h_scale", "w_scale", "nms_iou_threshold")
    found = {name: float(options[name].AsFloat) for name in names} | {"num_classes": int(options["num_classes"].AsInt)}
    graph.operators.remove(last)
    graph.outputs = [boxes, scores]
    model.metadata, model.signatureDefs = None, None
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return CutDetector(bytes(builder.Output()), values.reshape(-1, 4), found)
