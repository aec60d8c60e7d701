"""Check the graph of a model before a runtime sees it: counts, scales, sizes and control flow.

The runtimes trust a graph; a scale of NaN or a tensor of 7 GB ends the process or fills the memory.
"""

from __future__ import annotations

from math import inf

from ..errors import BadModel
from .flatbuffer import Table
from .schema import OPERATORS, TYPE_BITS, TYPES, Model, OperatorCode, Quantization, SubGraph, Tensor
from .tables import buffer_data, main_graph, main_index

MAX_TENSOR_BYTES = 2**30
"""Largest size of one computed tensor. An image network needs far less: 1280x1280 with 64 float channels is 0.4 GB."""
MAX_TOTAL_BYTES = 2**36
"""Largest sum of all computed tensors. They share memory, so that this is far above what a model needs at one moment."""
SCALE_MAY_BE_ZERO = frozenset({"int32", "int64"})
"""Types of a bias, whose scale is a product and may be rounded to 0; the runtimes do not divide by it."""
UNCHECKED_TYPES = frozenset({"float32", "float16", "bfloat16", "float64"})
"""Types that are not quantized; old converters left a scale of 0 at them."""
CONTROL_FLOW = frozenset("IF WHILE CALL_ONCE CALL STABLEHLO_WHILE STABLEHLO_CASE STABLEHLO_COMPOSITE".split())
"""Operators that run other subgraphs; ``control_flow.CALLS`` has the same."""


def check_graph(model: Table) -> None:
    """Raise BadModel for a graph that no converter makes and that a runtime may not survive."""
    subgraphs = model.tables(Model.SUBGRAPHS)
    constants = [len(buffer_data(buffer)) > 0 for buffer in model.tables(Model.BUFFERS)]
    total = 0
    for graph in subgraphs:
        tensors = graph.tables(SubGraph.TENSORS)
        for tensor in tensors:
            total += _check_tensor(tensor, constants)
    if total > MAX_TOTAL_BYTES:
        raise BadModel(f"the model needs {total / 1e9:.0f} GB for its tensors; damaged or malicious file")
    main = main_graph(model)
    for number, what in ((SubGraph.INPUTS, "inputs"), (SubGraph.OUTPUTS, "outputs")):
        if main.count(number) == 0:
            raise BadModel(f"the model has no {what}; convert it again")
    names = operator_names(model)
    if not CONTROL_FLOW.isdisjoint(names):
        from .control_flow import read_parts  # imported late: few models for images have loops
        from .loop_limits import check_loops

        check_loops(read_parts(model, names), main_index(model))


def operator_names(model: Table) -> list[str]:
    """Return the name of each operator code; empty for numbers that are not in the schema."""
    numbers = [
        max(code.integer(OperatorCode.OLD_BUILTIN, "b"), code.integer(OperatorCode.BUILTIN, "i"))
        for code in model.tables(Model.OPERATOR_CODES)
    ]
    return [OPERATORS[number] if 0 <= number < len(OPERATORS) else "" for number in numbers]


def _check_tensor(tensor: Table, constants: list[bool]) -> int:
    """Return the size of a computed tensor in bytes, 0 for a constant. Raises BadModel."""
    number = tensor.integer(Tensor.TYPE, "b")
    dtype = TYPES[number] if 0 <= number < len(TYPES) else ""
    quantization = tensor.table(Tensor.QUANTIZATION)
    if quantization is not None:
        scales = quantization.reals(Quantization.SCALE)
        if scales:
            least = min(scales)
            zero = least == 0.0 and (dtype in SCALE_MAY_BE_ZERO or dtype in UNCHECKED_TYPES)
            if not (least > 0.0 or zero) or not sum(scales) < inf:  # NaN makes a comparison or the sum fail
                bad = next((s for s in scales if not 0.0 < s < inf), inf)
                name = tensor.text(Tensor.NAME)
                raise BadModel(
                    f"tensor {name!r} has the quantization scale {bad:g}, expected a positive number; convert the model again"
                )
    buffer = tensor.integer(Tensor.BUFFER, "I")
    if buffer < len(constants) and constants[buffer]:
        return 0
    size = TYPE_BITS.get(dtype, 8) / 8
    shape = tensor.integers(Tensor.SHAPE, "i")
    for side in shape:
        size *= max(1, side)
    if size > MAX_TENSOR_BYTES:
        name = tensor.text(Tensor.NAME)
        raise BadModel(
            f"tensor {name!r} of shape {list(shape)} needs {size / 1e9:.1f} GB; at most {MAX_TENSOR_BYTES / 1e9:.1f} GB "
            "are allowed"
        )
    return int(size)
