"""Operators that run in a delegate, found from the tensors that the delegate's parts read and write."""

from __future__ import annotations

from collections.abc import Sequence

from edgevision.graph import Graph

Part = tuple[frozenset[int], tuple[int, ...]]
"""Indices of the tensors that a delegate's part reads and writes."""


def delegated(graph: Graph, parts: Sequence[Part]) -> frozenset[int]:
    """Return the indices of the operators that are in one of the parts."""
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
