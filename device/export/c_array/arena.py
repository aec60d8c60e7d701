"""An estimate of the tensor arena, the RAM that TensorFlow Lite Micro needs beside a model, for machines without it.

The tensors are placed as its default planner does, greedily by size. The rest of the arena holds the interpreter's own records
and what kernels keep, such as the multipliers of each channel.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from edgevision.tflite.schema import TYPE_BITS

if TYPE_CHECKING:
    from edgevision.tflite.graph import Graph, GraphTensor

ALIGN = 16
"""Alignment of tensors in the arena (bytes)."""
BASE, PER_TENSOR, PER_OPERATOR = 640, 24, 165
"""Bytes of the interpreter's records, as measured on x86-64; on 32-bit processors they are smaller."""
PER_CHANNEL = 8
"""Bytes of the multiplier and the shift of one output channel."""
WITH_CHANNELS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0}
"""Operators with such multipliers -> the dimension of their weights with the output channels."""


class _Block(NamedTuple):
    """A tensor in the arena: the operators between which it exists, both included, and its bytes."""

    first: int
    last: int
    size: int


def estimate_arena(graph: Graph) -> int:
    """Return the bytes of the arena, without what kernels use while they run."""
    records = BASE + PER_TENSOR * len(graph.tensors) + PER_OPERATOR * len(graph.operators)
    return _round_up(_planned(_blocks(graph)) + records + PER_CHANNEL * _channels(graph))


def _blocks(graph: Graph) -> list[_Block]:
    """Return the tensors that are computed, and the inputs; the last one first."""
    last = {number: place for place, op in enumerate(graph.operators) for number in op.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.operators))
    first = dict.fromkeys(graph.inputs, 0)
    first |= {number: place for place, op in enumerate(graph.operators) for number in op.outputs}
    return [
        _Block(first[number], last.get(number, first[number]), _bytes(graph.tensors[number]))
        for number in sorted(first, reverse=True)
    ]


def _planned(blocks: list[_Block]) -> int:
    """Return the end of the last block after each was put into the first gap that is free while it exists.

    The largest come first; equal ones stay in order.
    """
    placed: list[tuple[int, _Block]] = []
    for block in sorted(blocks, key=lambda one: -one.size):
        beside = sorted((at, one) for at, one in placed if one.first <= block.last and block.first <= one.last)
        free = 0
        for at, one in beside:
            if at - free >= block.size:
                break
            free = max(free, at + one.size)
        placed.append((free, block))
    return max((at + one.size for at, one in placed), default=0)


def _bytes(tensor: GraphTensor) -> int:
    return _round_up(prod(max(1, n) for n in tensor.spec.shape) * TYPE_BITS.get(tensor.spec.dtype, 0) // 8)


def _channels(graph: Graph) -> int:
    """Return how many output channels the operators with multipliers have."""
    total = 0
    for operator in graph.operators:
        if operator.name in WITH_CHANNELS and len(operator.inputs) > 1:
            shape = graph.tensors[operator.inputs[1]].spec.shape
            total += shape[WITH_CHANNELS[operator.name]] if len(shape) > WITH_CHANNELS[operator.name] else 0
    return total


def _round_up(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
