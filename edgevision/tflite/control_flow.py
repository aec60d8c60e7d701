"""The subgraphs of a model with loops and conditions, and which of them runs which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ..errors import BadModel
from .schema import Model, Operator, SubGraph, Tensor
from .tables import buffer_data

if TYPE_CHECKING:
    from .flatbuffer import Table

Kind = Literal["", "loop", "branch", "call"]
MAX_DEPTH = 16
"""Deepest nesting of loops and conditions; the runtime calls itself for each level."""
MAX_CONSTANT_BYTES = 8
"""Largest constant that is kept, that of one 64-bit number."""
ABSENT = -1
"""Number of an optional input that is left out."""
FIRST_OPTIONS, SECOND_OPTIONS = 3, 11
"""Fields of an operator with the type of its options; the options are the next field."""


@dataclass(frozen=True, slots=True)
class Call:
    """How an operator names the subgraphs that it runs."""

    kind: Kind
    at: int
    """Field with the type of the options."""
    type: int
    """Number of the options' type in their union."""
    fields: tuple[int, ...] = ()
    """Fields of the options with one number each; empty if their first field is a list."""


CALLS = {
    "IF": Call("branch", FIRST_OPTIONS, 92, (0, 1)),
    "WHILE": Call("loop", FIRST_OPTIONS, 93, (0, 1)),
    "CALL_ONCE": Call("call", FIRST_OPTIONS, 103, (0,)),
    "CALL": Call("call", FIRST_OPTIONS, 16, (0,)),
    "STABLEHLO_WHILE": Call("loop", SECOND_OPTIONS, 15, (0, 1)),
    "STABLEHLO_CASE": Call("branch", SECOND_OPTIONS, 23),
    "STABLEHLO_COMPOSITE": Call("call", SECOND_OPTIONS, 21, (1,)),
}
"""The operators that run other subgraphs."""
PLAIN_SUM = {"ADD": 11, "SUB": 28}
"""Operators that count, and the type of their options, whose first field is an activation."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operator."""

    name: str
    kind: Kind
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    called: tuple[int, ...]
    """Numbers of the subgraphs that it runs; of a loop: condition, body."""
    exact: bool
    """Of ADD and SUB: whether no activation changes the result."""


@dataclass(slots=True)
class Part:
    """One subgraph."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: tuple[Step, ...]
    variables: frozenset[int]
    """Tensors that keep their values from one run to the next."""
    filled: frozenset[int]
    """Constant tensors."""
    empty: frozenset[int]
    """Tensors without values, as far as their shape tells."""
    types: tuple[int, ...]
    """Number of the type of each tensor."""
    constants: dict[int, bytes]
    """Small constants by tensor."""
    producers: dict[int, Step] = field(default_factory=dict)
    """The step that makes a tensor."""


def read_parts(model: Table, names: Sequence[str]) -> list[Part]:
    """Return all subgraphs. Raises BadModel if one runs itself, or one that does not exist, or nests too deeply."""
    buffers = [buffer_data(buffer) for buffer in model.tables(Model.BUFFERS)]
    parts = [_part(graph, names, buffers) for graph in model.tables(Model.SUBGRAPHS)]
    _check_calls([{number for step in part.steps for number in step.called} for part in parts])
    for part in parts:
        _find_producers(part)
    return parts


def _part(graph: Table, names: Sequence[str], buffers: Sequence[memoryview]) -> Part:
    tensors = graph.tables(SubGraph.TENSORS)
    contents = [
        buffers[n] if n < len(buffers) else memoryview(b"") for n in (t.integer(Tensor.BUFFER, "I") for t in tensors)
    ]
    steps = tuple(_step(operator, names) for operator in graph.tables(SubGraph.OPERATORS))
    filled = {n for n, content in enumerate(contents) if len(content)}
    return Part(
        graph.integers(SubGraph.INPUTS, "i"),
        graph.integers(SubGraph.OUTPUTS, "i"),
        steps,
        frozenset(n for n, tensor in enumerate(tensors) if tensor.integer(Tensor.IS_VARIABLE, "b")),
        frozenset(filled),
        frozenset(n for n, tensor in enumerate(tensors) if 0 in tensor.integers(Tensor.SHAPE, "i")),
        tuple(tensor.integer(Tensor.TYPE, "b") for tensor in tensors),
        {n: bytes(contents[n]) for n in filled if len(contents[n]) <= MAX_CONSTANT_BYTES},
    )


def _find_producers(part: Part) -> None:
    """Set which step makes which tensor. Raises BadModel if a step reads what is not written yet, or writes again."""
    written = {*part.inputs, *part.filled, *part.variables, ABSENT}
    for step in part.steps:
        early = next((tensor for tensor in step.inputs if tensor not in written and tensor not in part.empty), None)
        if early is not None:
            raise BadModel(f"the model is damaged: an operator reads tensor {early} before it is written")
        for tensor in step.outputs:
            if tensor in written:
                raise BadModel(f"the model is damaged: tensor {tensor} is written twice")
            written.add(tensor)
            part.producers[tensor] = step


def _step(operator: Table, names: Sequence[str]) -> Step:
    index = operator.integer(Operator.CODE, "I")
    name = names[index] if index < len(names) else ""
    call = CALLS.get(name)
    return Step(
        name,
        call.kind if call else "",
        operator.integers(Operator.INPUTS, "i"),
        operator.integers(Operator.OUTPUTS, "i"),
        _called(operator, call) if call else (),
        _is_exact(operator, name),
    )


def _called(operator: Table, call: Call) -> tuple[int, ...]:
    """Return the subgraphs that an operator runs. Options of another type are not read, as in the runtime: all are 0."""
    options = operator.table(call.at + 1) if operator.integer(call.at, "B") == call.type else None
    if not call.fields:
        return options.integers(0, "i") if options else (0,)
    return tuple(options.integer(number, "i") if options else 0 for number in call.fields)


def _is_exact(operator: Table, name: str) -> bool:
    if name not in PLAIN_SUM or operator.integer(FIRST_OPTIONS, "B") not in (0, PLAIN_SUM[name]):
        return False
    options = operator.table(FIRST_OPTIONS + 1)
    return options is None or options.integer(0, "b") == 0


def _check_calls(calls: Sequence[set[int]]) -> None:
    """Raise BadModel if a subgraph runs one that does not exist, or itself, or nests too deeply."""
    for called in calls:
        for number in called:
            if not 0 <= number < len(calls):
                raise BadModel(f"the model is damaged: a loop or condition refers to graph {number} of {len(calls)}")
    # Remove what runs nothing that is left, level by level; a circle is never removed.
    left, depth = dict(enumerate(calls)), 0
    while left:
        ended = [number for number, called in left.items() if not called & left.keys()]
        if not ended:
            raise BadModel("the model is damaged: a loop or condition runs itself")
        if depth > MAX_DEPTH:
            raise BadModel(
                f"the model nests loops and conditions more than {MAX_DEPTH} deep; damaged or malicious file"
            )
        for number in ended:
            del left[number]
        depth += 1
