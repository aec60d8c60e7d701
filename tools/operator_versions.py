"""List which versions of each built-in operator a TFLite runtime supports, by trying them.

Prints one line per operator, NAME LOWEST HIGHEST, for the runtime of the Python it is run with:
    PYTHONPATH=. .cache/envs/tflite-runtime/bin/python tools/operator_versions.py
The table in edgevision/inspection/runtime_ops.py is made with it.
"""

from __future__ import annotations

import flatbuffers

from edgevision.tflite.schema import IDENTIFIER, OPERATORS, Model, OperatorCode, SubGraph

MOST = 20
"""Highest version to try; in 2025, the highest of any operator is 13."""
REFUSALS = ("Didn't find op", "Op builtin_code out of range")
MODEL_VERSION = 3
SMALL = 127
"""Largest number that fits into the old one-byte field of an operator code."""


def n_fields(table: type) -> int:
    """Return how many fields the schema lists for a table."""
    return 1 + max(value for value in vars(table).values() if isinstance(value, int))


def model(number: int, version: int) -> bytes:
    """Return a model that does nothing and declares one operator, which a runtime looks up immediately."""
    builder = flatbuffers.Builder(256)
    builder.StartObject(n_fields(OperatorCode))
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
    builder.StartObject(n_fields(Model))
    builder.PrependUint32Slot(Model.VERSION, MODEL_VERSION, 0)
    builder.PrependUOffsetTRelativeSlot(Model.OPERATOR_CODES, codes, 0)
    builder.PrependUOffsetTRelativeSlot(Model.SUBGRAPHS, graphs, 0)
    builder.PrependUOffsetTRelativeSlot(Model.BUFFERS, buffers, 0)
    builder.Finish(builder.EndObject(), IDENTIFIER)
    return bytes(builder.Output())


def vector(builder: flatbuffers.Builder, table: int) -> int:
    """Write a vector of one table."""
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(table)
    offset: int = builder.EndVector()
    return offset


def known(interpreter: type, number: int, version: int) -> bool:
    """Return whether the runtime finds the operator."""
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
            continue  # custom operators have names, not versions
        found = [v for v in range(1, MOST + 1) if known(Interpreter, number, v)]
        if found:
            assert found == list(range(found[0], found[-1] + 1)), name
            print(name, found[0], found[-1])


if __name__ == "__main__":
    main()
