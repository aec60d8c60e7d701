"""Checks of the converter's result: the arithmetic of the mode, static shapes, an input that fits the preprocessing."""

from __future__ import annotations

from edgevision.errors import BadModel
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import takes_bytes
from edgevision.tflite.graph import Graph, read_graph
from edgevision.tflite.graph_check import check_graph
from edgevision.tflite.tables import open_flatbuffer

from ..modes import MODES, Mode

CONVERSIONS = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})
"""Operators that merely surround a floating-point operator."""
INT16X8_TYPES = frozenset({"int16", "int8", "int32", "int64"})
"""Types of a model with int16 activations and int8 weights; int64 holds biases, int32 shapes."""


def verify(flatbuffer: bytes, preprocessing: Preprocessing, mode: Mode = "int8") -> Graph:
    """Return the graph of a converted model. Raises BadModel if it would not compute on the device as its mode says."""
    graph = read_graph(flatbuffer)
    if MODES[mode].int8:
        _check_int8(graph, preprocessing)
    elif mode == "int16x8":
        _check_int16x8(graph)
        _check_scales(flatbuffer)
    elif mode == "dynamic" and not _stored(graph, "int8"):
        raise BadModel("--mode dynamic changes nothing here: no layer has enough weights; use --mode float or int8")
    elif mode == "float16" and not _stored(graph, "float16"):
        raise BadModel("--mode float16 changes nothing here: the model has no weights; use --mode float")
    free = [t.spec for t in graph.tensors if any(n < 0 for n in t.spec.shape)]
    if free:
        raise BadModel(f"the converted model has a dynamic shape: {free[0].name} is {list(free[0].shape)}")
    dense = [op for op in graph.operators if op.name == "FULLY_CONNECTED"]
    if MODES[mode].calibrated and any(graph.tensors[n].per_channel for op in dense for n in op.inputs):
        raise BadModel("a dense layer was quantized per channel, which TFLite Micro, NNAPI and the Edge TPU reject")
    return graph


def _check_int8(graph: Graph, preprocessing: Preprocessing) -> None:
    if not graph.all_int8:
        raise BadModel(f"the model cannot be fully quantized to int8: {_not_int8(graph)}")
    spec = graph.input_specs[0]
    if not takes_bytes(preprocessing, spec):
        raise BadModel(
            f"the input quantization (scale {spec.scale:g}, zero point {spec.zero_point}) does not match the "
            f"preprocessing ({preprocessing.describe()}), so the model cannot take plain bytes"
        )


def _check_int16x8(graph: Graph) -> None:
    ends = graph.inputs + graph.outputs
    found = [t.spec for n, t in enumerate(graph.tensors) if n not in ends and t.spec.dtype not in INT16X8_TYPES]
    if found:
        raise BadModel(
            f"the model cannot be fully quantized to int16x8: {found[0].name!r} stays {found[0].dtype}; use --mode float16"
        )


def _check_scales(flatbuffer: bytes) -> None:
    """Raise BadModel for what this runtime refuses: of some constants, TensorFlow Lite makes int16 with a scale of 0."""
    try:
        check_graph(open_flatbuffer(flatbuffer))
    except BadModel as error:
        what = str(error).partition(", expected")[0]
        raise BadModel(
            f"TensorFlow Lite makes no valid int16x8 model of this network: {what}; use --mode float16"
        ) from None


def _stored(graph: Graph, dtype: str) -> bool:
    """Return whether weights are stored in a type."""
    return any(one.parameter_bytes and one.spec.dtype == dtype for one in graph.tensors)


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
