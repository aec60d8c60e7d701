"""Repair of old files in which a vector claims to be quantized along an axis that it does not have.

Converters of 2019 and 2020 wrote the axis of the weights, 3, into the biases that belong to them, too: TFLite Micro's person
detection is such a file. Older runtimes ignored it, newer ones refuse to load it.
"""

from __future__ import annotations

import struct

from ..tflite.schema import Quantization, SubGraph, Tensor
from ..tflite.tables import main_graph, open_flatbuffer

REFUSAL = "quantized_dimension"
"""Part of the runtime's message."""


def with_valid_dimensions(flatbuffer: bytes) -> bytes | None:
    """Return the model with 0 as the axis of every vector, the only one it has; None if all are 0. Raises BadModel."""
    wrong = []
    for tensor in main_graph(open_flatbuffer(flatbuffer)).tables(SubGraph.TENSORS):
        quantization = tensor.table(Tensor.QUANTIZATION)
        if quantization is None or tensor.count(Tensor.SHAPE) != 1:
            continue
        field = quantization.position(Quantization.DIMENSION)
        if field is not None and quantization.integer(Quantization.DIMENSION, "i") != 0:
            wrong.append(field)
    if not wrong:
        return None
    repaired = bytearray(flatbuffer)
    for field in wrong:
        struct.pack_into("<i", repaired, field, 0)
    return bytes(repaired)
