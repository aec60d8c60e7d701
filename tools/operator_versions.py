"""Which version of each builtin operator a runtime knows, asked of the runtime itself.

Prints one line an operator, NAME LOWEST HIGHEST, for the runtime of the Python it is run with:
    PYTHONPATH=. .cache/envs/tflite-runtime/bin/python tools/operator_versions.py
The table in edgevision/runtime_operators.py comes from here.
"""

from __future__ import annotations

import flatbuffers

from edgevision.tflite_schema import IDENTIFIER, OPERATORS, Model, OperatorCode, SubGraph

MOST = 20
"""Versions tried; the highest that any operator had in 2025 is 13."""
REFUSALS = ("Didn't find op", "Op builtin_code out of range")
MODEL_VERSION = 3
SMALL = 127
"""Largest number that the older, one-byte field of an operator code can hold."""


def model(number: int, version: int) -> bytes:
    """A model that does nothing and declares one operator, which a runtime looks up at once."""
    builder = flatbuffers.Builder(256)
    builder.StartObject(len(OperatorCode))
    builder.PrependInt8Slot(OperatorCode.OLD_BUILTIN, min(number, SMALL), 0)
    builder.PrependInt32Slot(OperatorCode.VERSION, version, 1)
    builder.PrependInt32Slot(OperatorCode.BUILTIN, number, 0)
    codes = vector(builder, builder.EndObject())
    builder.StartObject(1)
    tensors = vector(builder, builder.EndObject())
    builder.StartObject(5)
    builder.PrependUOffsetTRelativeSlot(SubGraph.TENSORS, tensors, 0)
    graphs = vector(builder, builder.EndObject())
    builder.StartObject(1)
    buffers = vector(builder, builder.EndObject())
    builder.StartObject(len(Model))
    builder.PrependUint32Slot(Model.VERSION, MODEL_VERSION, 0)
    builder.PrependUOffsetTRelativeSlot(Model.OPERATOR_CODES, codes, 0)
    builder.PrependUOffsetTRelativeSlot(Model.SUBGRAPHS, graphs, 0)
    builder.PrependUOffsetTRelativeSlot(Model.BUFFERS, buffers, 0)
    builder.Finish(builder.EndObject(), IDENTIFIER)
    return bytes(builder.Output())


def vector(builder: flatbuffers.Builder, table: int) -> int:
    """A vector of one table."""
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def known(interpreter: type, number: int, version: int) -> bool:
    """Whether the runtime finds the operator."""
    try:
        interpreter(model_content=model(number, version))
    except ValueError as error:
        if not any(refusal in str(error) for refusal in REFUSALS):
            raise
        return False
    return True


def main() -> None:
    try:
        from tflite_runtime.interpreter import Interpreter
    except ImportError:
        from ai_edge_litert.interpreter import Interpreter
    for number, name in enumerate(OPERATORS):
        if name == "CUSTOM":
            continue  # those have names, not versions
        found = [v for v in range(1, MOST + 1) if known(Interpreter, number, v)]
        if found:
            assert found == list(range(found[0], found[-1] + 1)), name
            print(name, found[0], found[-1])


if __name__ == "__main__":
    main()
