"""Checks of the converter's result: int8 throughout, static shapes, an input that takes plain bytes."""

from __future__ import annotations

from edgevision.errors import BadModel
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import takes_bytes
from edgevision.tflite.graph import Graph, read_graph

CONVERSIONS = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})
"""Operators that merely surround a floating-point operator."""


def verify(flatbuffer: bytes, preprocessing: Preprocessing) -> Graph:
    """Return the graph of a converted model. Raises BadModel if it would not run fully in int8 on the device."""
    graph = read_graph(flatbuffer)
    if not graph.all_int8:
        raise BadModel(f"the model cannot be fully quantized to int8: {_not_int8(graph)}")
    free = [t.spec for t in graph.tensors if any(n < 0 for n in t.spec.shape)]
    if free:
        raise BadModel(f"the converted model has a dynamic shape: {free[0].name} is {list(free[0].shape)}")
    dense = [op for op in graph.operators if op.name == "FULLY_CONNECTED"]
    if any(graph.tensors[n].per_channel for op in dense for n in op.inputs):
        raise BadModel("a dense layer was quantized per channel, which TFLite Micro, NNAPI and the Edge TPU reject")
    spec = graph.input_specs[0]
    if not takes_bytes(preprocessing, spec):
        raise BadModel(
            f"the input quantization (scale {spec.scale:g}, zero point {spec.zero_point}) does not match the "
            f"preprocessing ({preprocessing.describe()}), so the model cannot take plain bytes"
        )
    return graph


def _not_int8(graph: Graph) -> str:
    """Describe which operators are not int8 and in which layer, so that the user can find them in the model."""
    floating = [op for op in graph.operators if not all(graph.is_int8(n) for n in op.inputs + op.outputs)]
    working = [op for op in floating if op.name not in CONVERSIONS] or floating
    if not working:
        return "a constant stays in floating point"
    names = sorted({op.name for op in working})
    if any("RANDOM" in name or "MULTINOMIAL" in name for name in names):
        return (
            f"it draws random numbers at inference ({', '.join(names[:4])}): a dropout or augmentation layer is called "
            "with training=True; build the model without that argument and save it again"
        )
    layer = graph.tensors[working[0].outputs[0]].spec.name
    return (
        f"{', '.join(names[:4])} {'has' if len(names) == 1 else 'have'} no int8 version (first in {layer!r}); "
        "replace the layer, for example with one that uses ReLU and batch normalization, and train again"
    )
