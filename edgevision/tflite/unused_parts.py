"""Removes from the objects of a model what nothing in it refers to, and what no interpreter reads."""

from __future__ import annotations

from typing import Any

from .object_api import numbers

ABSENT = -1
"""Number of an optional tensor that is absent."""
_OF_OPERATORS = ("inputs", "outputs", "intermediates")


def strip(model: Any) -> None:
    """Remove what an interpreter does not read: metadata, signatures, names and ranges."""
    model.description = model.metadata = model.metadataBuffer = model.signatureDefs = None
    for graph in model.subgraphs:
        graph.name = None
        for tensor in graph.tensors:
            tensor.name = tensor.shapeSignature = None
            if tensor.quantization is not None:
                tensor.quantization.min = tensor.quantization.max = None


def drop_unused(model: Any) -> None:
    """Remove unused tensors, buffers and operator codes; all get new numbers, and signatures, which name tensors by number, go."""
    model.signatureDefs = None
    for graph in model.subgraphs:
        _drop_tensors(graph)
    _drop_buffers(model)
    _drop_codes(model)


def _drop_tensors(graph: Any) -> None:
    lists = [(one, name) for one in graph.operators for name in _OF_OPERATORS if getattr(one, name) is not None]
    lists += [(graph, "inputs"), (graph, "outputs")]
    used = sorted({number for owner, name in lists for number in numbers(getattr(owner, name))} - {ABSENT})
    new = {old: number for number, old in enumerate(used)} | {ABSENT: ABSENT}
    graph.tensors = [graph.tensors[old] for old in used]
    for owner, name in lists:
        setattr(owner, name, [new[number] for number in numbers(getattr(owner, name))])


def _drop_buffers(model: Any) -> None:
    """Remove the buffers of no tensor and no metadata; the first one is empty by the schema's rule."""
    owners = [*(tensor for graph in model.subgraphs for tensor in graph.tensors), *(model.metadata or [])]
    listed = numbers(model.metadataBuffer)
    used = sorted({0, *(owner.buffer for owner in owners), *listed})
    new = {old: number for number, old in enumerate(used)}
    model.buffers = [model.buffers[old] for old in used]
    for owner in owners:
        owner.buffer = new[owner.buffer]
    if listed:
        model.metadataBuffer = [new[number] for number in listed]


def _drop_codes(model: Any) -> None:
    """Remove the operator codes of no operator, and those that say the same as another one."""
    codes: dict[tuple[Any, ...], int] = {}
    kept: list[Any] = []
    for operator in (one for graph in model.subgraphs for one in graph.operators):
        code = model.operatorCodes[operator.opcodeIndex]
        key = (code.builtinCode, code.deprecatedBuiltinCode, code.customCode, code.version)
        if key not in codes:
            codes[key] = len(kept)
            kept.append(code)
        operator.opcodeIndex = codes[key]
    model.operatorCodes = kept
