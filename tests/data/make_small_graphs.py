"""Make models of one to three operators whose results follow from the image: python tests/data/make_small_graphs.py

detector.tflite: each of 8x8 pixels is an anchor; its red, green and blue are the scores of three classes; it ends in
TFLite_Detection_PostProcess. detector_other_order.tflite: the same with outputs ordered and named as by newer exporters.
yolo.tflite: each of 4x4 cells is a box, its mean color the scores; channels first, in and out as YOLO exports.
cells.tflite: points, in the form and with the names of Edge Impulse's FOMO: green and blue of 4x4 cells are two classes.
segmenter.tflite: the strongest of red, green and blue, 16x16, with the argmax in the graph. segmenter_scores.tflite: the
three as scores. embedder.tflite: the mean red, green and blue.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

DETECTOR_SIDE, SIDE = 8, 16
OTHER_ORDER = tuple((f"StatefulPartitionedCall:{name}", result) for name, result in ((1, 2), (3, 0), (0, 3), (2, 1)))
"""(name of an output, index of the operator's result in it): scores, boxes, count, classes."""
TYPES = {"uint8": schema.TensorType.UINT8, "float32": schema.TensorType.FLOAT32}
TYPES |= {"int64": schema.TensorType.INT64, "int32": schema.TensorType.INT32, "int8": schema.TensorType.INT8}


class Graph:
    """A model under construction."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.main = schema.SubGraphT()
        self.main.tensors, self.main.operators = [], []
        self.model.subgraphs = [self.main]

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        scale: float = 0.0,
        content: np.ndarray | None = None,
        zero_point: int = 0,
    ) -> int:
        """Add a tensor; return its number."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), TYPES[dtype], 0
        if scale:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
        if content is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(content, dtype).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.main.tensors.append(tensor)
        return len(self.main.tensors) - 1

    def operator(
        self, name: str, inputs: list[int], outputs: list[int], options: Any = None, custom: bytes | None = None
    ) -> None:
        """Add an operator; a custom one if ``custom`` holds its options."""
        code = schema.OperatorCodeT()
        number = schema.BuiltinOperator.CUSTOM if custom is not None else getattr(schema.BuiltinOperator, name)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        code.customCode = name if custom is not None else None
        self.model.operatorCodes.append(code)
        step = schema.OperatorT()
        step.opcodeIndex, step.inputs, step.outputs = len(self.model.operatorCodes) - 1, inputs, outputs
        if options is not None:
            step.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            step.builtinOptions = options
        if custom is not None:
            step.customOptions = np.frombuffer(custom, np.uint8)
        self.main.operators.append(step)

    def build(self, inputs: list[int], outputs: list[int]) -> bytes:
        """Return the bytes of the model file."""
        self.main.inputs, self.main.outputs = inputs, outputs
        builder = flatbuffers.Builder(4096)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def detector(order: tuple[tuple[str, int], ...] | None = None) -> bytes:
    """Return a detector for which each red, green or blue pixel is an object."""
    graph, anchors = Graph(), DETECTOR_SIDE**2
    picture = graph.tensor("picture", (1, DETECTOR_SIDE, DETECTOR_SIDE, 3), "uint8", 1 / 255)
    real = graph.tensor("real", (1, DETECTOR_SIDE, DETECTOR_SIDE, 3), "float32")
    shape = graph.tensor("shape", (3,), "int32", content=np.array([1, anchors, 3]))
    scores = graph.tensor("pixels", (1, anchors, 3), "float32")
    offsets = graph.tensor("offsets", (1, anchors, 4), "float32", content=np.zeros((1, anchors, 4)))
    y, x = np.mgrid[:DETECTOR_SIDE, :DETECTOR_SIDE].reshape(2, -1)
    size = np.ones(anchors)
    cells = np.stack([y + 0.5, x + 0.5, size, size], axis=1) / DETECTOR_SIDE
    places = graph.tensor("anchors", (anchors, 4), "float32", content=cells)
    names = [f"TFLite_Detection_PostProcess{end}" for end in ("", ":1", ":2", ":3")]
    for name, result in order or ():
        names[result] = name
    results = [graph.tensor(name, (), "float32") for name in names]
    graph.operator("DEQUANTIZE", [picture], [real])
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = [1, anchors, 3]
    graph.operator("RESHAPE", [real, shape], [scores], reshape)
    graph.operator("TFLite_Detection_PostProcess", [offsets, scores, places], results, custom=_postprocess_options())
    return graph.build([picture], [results[result] for _, result in order] if order else results)


def _postprocess_options() -> bytes:
    options = flexbuffers.Builder()
    with options.Map():
        for key, value in {"max_detections": 10, "max_classes_per_detection": 1, "num_classes": 3}.items():
            options.Int(key, value)
        for key in ("y_scale", "x_scale", "h_scale", "w_scale"):
            options.Float(key, 1.0)
        options.Float("nms_score_threshold", 0.1)
        options.Float("nms_iou_threshold", 0.5)
        options.Bool("use_regular_nms", False)
    return bytes(options.Finish())


def yolo() -> bytes:
    """Return a detector with the input and output of a YOLO export: channels first, [1, 4 + classes, boxes], 0..1.

    Red, green and blue of the 16 cells of 8x8 pixels are the scores of the cell's box; the coarser grids find nothing.
    """
    graph, side = Graph(), 32
    cells = (side // 8) ** 2
    boxes = cells + 4 + 1
    y, x = np.mgrid[:4, :4].reshape(2, -1)
    places = np.full((1, 4, boxes), 0.5)
    places[0, :, :cells] = (x + 0.5) / 4, (y + 0.5) / 4, np.full(cells, 0.25), np.full(cells, 0.25)
    image = graph.tensor("serving_default_images:0", (1, 3, side, side), "float32")
    order = graph.tensor("order", (4,), "int32", content=np.array([0, 2, 3, 1]))
    last = graph.tensor("channels_last", (1, side, side, 3), "float32")
    means = graph.tensor("means", (1, 4, 4, 3), "float32")
    shape = graph.tensor("shape", (3,), "int32", content=np.array([1, cells, 3]))
    rows = graph.tensor("rows", (1, cells, 3), "float32")
    turned = graph.tensor("turned", (3,), "int32", content=np.array([0, 2, 1]))
    fine = graph.tensor("fine", (1, 3, cells), "float32")
    coarse = graph.tensor("coarse", (1, 3, boxes - cells), "float32", content=np.zeros((1, 3, boxes - cells)))
    scores = graph.tensor("scores", (1, 3, boxes), "float32")
    corners = graph.tensor("boxes", (1, 4, boxes), "float32", content=places)
    output = graph.tensor("StatefulPartitionedCall:0", (1, 7, boxes), "float32")
    graph.operator("TRANSPOSE", [image, order], [last])
    pool = schema.Pool2DOptionsT()
    pool.filterWidth = pool.filterHeight = pool.strideW = pool.strideH = 8
    graph.operator("AVERAGE_POOL_2D", [last], [means], pool)
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = [1, cells, 3]
    graph.operator("RESHAPE", [means, shape], [rows], reshape)
    graph.operator("TRANSPOSE", [rows, turned], [fine])
    for inputs, made, axis in (([fine, coarse], scores, 2), ([corners, scores], output, 1)):
        join = schema.ConcatenationOptionsT()
        join.axis = axis
        graph.operator("CONCATENATION", inputs, [made], join)
    return graph.build([image], [output])


def cells() -> bytes:
    """Return a FOMO: int8 from end to end, the mean red, green and blue of 8x8 pixels as background and two classes."""
    graph, side = Graph(), 32
    image = graph.tensor("serving_default_x:0", (1, side, side, 3), "int8", 1 / 255, zero_point=-128)
    means = graph.tensor("means", (1, side // 8, side // 8, 3), "int8", 1 / 255, zero_point=-128)
    real = graph.tensor("real", (1, side // 8, side // 8, 3), "float32")
    sharpness = graph.tensor("sharpness", (), "float32", content=np.array(8.0))
    sharp = graph.tensor("sharp", (1, side // 8, side // 8, 3), "float32")
    scores = graph.tensor("scores", (1, side // 8, side // 8, 3), "float32")
    output = graph.tensor("StatefulPartitionedCall:0", (1, side // 8, side // 8, 3), "int8", 1 / 256, zero_point=-128)
    pool = schema.Pool2DOptionsT()
    pool.filterWidth = pool.filterHeight = pool.strideW = pool.strideH = 8
    graph.operator("AVERAGE_POOL_2D", [image], [means], pool)
    graph.operator("DEQUANTIZE", [means], [real])
    graph.operator("MUL", [real, sharpness], [sharp], schema.MulOptionsT())
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    graph.operator("SOFTMAX", [sharp], [scores], softmax)
    graph.operator("QUANTIZE", [scores], [output])
    return graph.build([image], [output])


def segmenter() -> bytes:
    """Return a segmenter that finds the strongest of red, green and blue for each pixel."""
    graph = Graph()
    picture = graph.tensor("picture", (1, SIDE, SIDE, 3), "uint8", 1 / 255)
    axis = graph.tensor("axis", (), "int32", content=np.array(3))
    mask = graph.tensor("mask", (1, SIDE, SIDE), "int64")
    options = schema.ArgMaxOptionsT()
    options.outputType = schema.TensorType.INT64
    graph.operator("ARG_MAX", [picture, axis], [mask], options)
    return graph.build([picture], [mask])


def segmenter_scores() -> bytes:
    """Return a segmenter with red, green and blue of each pixel as scores."""
    graph = Graph()
    picture = graph.tensor("picture", (1, SIDE, SIDE, 3), "uint8", 1 / 255)
    scores = graph.tensor("scores", (1, SIDE, SIDE, 3), "float32")
    graph.operator("DEQUANTIZE", [picture], [scores])
    return graph.build([picture], [scores])


def embedder() -> bytes:
    """Return a model whose embedding is the mean color."""
    graph = Graph()
    picture = graph.tensor("picture", (1, SIDE, SIDE, 3), "uint8", 1 / 255)
    axes = graph.tensor("axes", (2,), "int32", content=np.array([1, 2]))
    mean = graph.tensor("mean", (1, 3), "uint8", 1 / 255)
    graph.operator("MEAN", [picture, axes], [mean], schema.ReducerOptionsT())
    return graph.build([picture], [mean])


if __name__ == "__main__":
    here = Path(__file__).parent
    files = {
        "detector": detector(),
        "detector_other_order": detector(OTHER_ORDER),
        "yolo": yolo(),
        "cells": cells(),
        "segmenter": segmenter(),
        "segmenter_scores": segmenter_scores(),
        "embedder": embedder(),
    }
    for name, content in files.items():
        (here / f"{name}.tflite").write_bytes(content)
        print(name, len(content), "bytes")
