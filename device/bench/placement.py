"""Which operators a delegate took over: what its part reads and writes tells which operators lie between."""

from __future__ import annotations

from collections.abc import Sequence

from edgevision.graph import Graph

Part = tuple[frozenset[int], tuple[int, ...]]
"""What a delegate's part reads, and what it writes: numbers of tensors."""


def delegated(graph: Graph, parts: Sequence[Part]) -> frozenset[int]:
    """Numbers of the operators that lie in one of the parts."""
    makers = {tensor: number for number, one in enumerate(graph.operators) for tensor in one.outputs}
    found: set[int] = set()
    for reads, writes in parts:
        todo = list(writes)
        while todo:
            number = makers.get(todo.pop())
            if number is None or number in found:
                continue
            found.add(number)
            todo += [tensor for tensor in graph.operators[number].inputs if tensor not in reads]
    return frozenset(found)
