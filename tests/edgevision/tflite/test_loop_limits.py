"""Models with loops and conditions: what may run forever on some image is refused, what TensorFlow makes is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from changed_model import changed

from edgevision.errors import BadModel
from edgevision.tflite.control_flow import CALLS
from edgevision.tflite.graph_check import CONTROL_FLOW, check_graph
from edgevision.tflite.tables import open_flatbuffer

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
BOOL, INT32, FLOAT32 = 6, 2, 0


class Builder:
    """Adds subgraphs with a counter (tensor 0) and an image (tensor 1) to the tiny model."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def tensor(self, graph: Any, dtype: int, content: Any = None) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = np.ones(1, np.int32), dtype, 0
        if content is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(content).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def step(
        self, graph: Any, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None, at: int = -1
    ) -> None:
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        number = getattr(schema.BuiltinOperator, name)
        code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            operator.builtinOptions = options
        graph.operators.insert(len(graph.operators) if at < 0 else at, operator)

    def part(self) -> Any:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = [], []
        for dtype in (INT32, FLOAT32):
            self.tensor(graph, dtype)
        graph.inputs = graph.outputs = np.array([0, 1], np.int32)
        self.model.subgraphs.append(graph)
        return graph

    def loop(self, condition: Callable[[Any], int], body: Callable[[Any], int], start: int = 0) -> None:
        """Put a loop over a counter and the image before the model."""
        test, rounds, main = self.part(), self.part(), self.model.subgraphs[0]
        test.outputs = np.array([condition(test)], np.int32)
        rounds.outputs = np.array([body(rounds), 1], np.int32)
        options = schema.WhileOptionsT()
        options.condSubgraphIndex, options.bodySubgraphIndex = (self.model.subgraphs.index(p) for p in (test, rounds))
        given = [self.tensor(main, INT32, np.int32(start)), int(main.inputs[0])]
        made = [self.tensor(main, dtype) for dtype in (INT32, FLOAT32)]
        self.step(main, "WHILE", given, made, options, at=0)

    def compare(self, graph: Any, name: str, limit: int) -> int:
        made = self.tensor(graph, BOOL)
        self.step(graph, name, [0, self.tensor(graph, INT32, np.int32(limit))], [made])
        return made

    def about_image(self, graph: Any) -> int:
        made = self.tensor(graph, BOOL)
        self.step(graph, "GREATER", [1, self.tensor(graph, FLOAT32, np.float32(0.5))], [made])
        return made

    def both(self, graph: Any, limit: int) -> int:
        made = self.tensor(graph, BOOL)
        parts = [self.about_image(graph), self.compare(graph, "LESS", limit)]
        self.step(graph, "LOGICAL_AND", parts, [made])
        return made

    def count(self, graph: Any, change: int, activation: int = 0) -> int:
        made, options = self.tensor(graph, INT32), schema.AddOptionsT()
        options.fusedActivationFunction = activation
        self.step(graph, "ADD", [0, self.tensor(graph, INT32, np.int32(change))], [made], options)
        return made

    def branch(self, number: int, twice: bool = True) -> None:
        """Let each of ``number`` subgraphs run the next one twice, by a condition on the image."""
        parts = [self.part() for _ in range(number)]
        for graph, inner in zip([self.model.subgraphs[0], *parts], parts, strict=False):
            for _ in range(1 + twice):
                options = schema.IfOptionsT()
                options.thenSubgraphIndex = options.elseSubgraphIndex = self.model.subgraphs.index(inner)
                main = graph is self.model.subgraphs[0]
                image = int(graph.inputs[0]) if main else 1
                given = [image, self.tensor(graph, INT32, np.int32(0)), image]
                made = [self.tensor(graph, INT32), self.tensor(graph, FLOAT32)]
                self.step(graph, "IF", given, made, options, at=0)


def check(change: Callable[[Builder], None]) -> None:
    check_graph(open_flatbuffer(changed(lambda model: change(Builder(model)))))


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.loop(lambda g: b.compare(g, "LESS", 10), lambda g: b.count(g, 1)),
        lambda b: b.loop(lambda g: b.compare(g, "GREATER", 0), lambda g: b.count(g, -1), start=10),
        lambda b: b.loop(lambda g: b.compare(g, "LESS", 10**9), lambda g: b.count(g, 1)),  # the first run shows it
        lambda b: b.loop(lambda g: b.both(g, 10), lambda g: b.count(g, 1)),
        lambda b: b.branch(3),
    ],
    ids=["counts up", "counts down", "counts far, whatever the image", "image and counter", "conditions"],
)
def test_what_ends_for_every_image_is_accepted(change: Callable[[Builder], None]) -> None:
    check(change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b.loop(b.about_image, lambda g: b.count(g, 1)), "may not end"),
        (lambda b: b.loop(lambda g: b.both(g, 10), lambda g: 0), "may not end"),
        (lambda b: b.loop(lambda g: b.both(g, 10), lambda g: b.count(g, 0)), "may not end"),
        (lambda b: b.loop(lambda g: b.both(g, 10), lambda g: b.count(g, -1)), "may not end"),
        (lambda b: b.loop(lambda g: b.both(g, 10), lambda g: b.count(g, 1, activation=3)), "may not end"),
        (lambda b: b.loop(lambda g: b.both(g, 2**31 - 1), lambda g: b.count(g, 2**30)), "may not end"),
        (lambda b: b.loop(lambda g: b.both(g, 10**8), lambda g: b.count(g, 1)), "at most 100000"),
        (lambda b: b.branch(16), "at most 100000"),
        (lambda b: b.branch(40), "more than 16 deep"),
    ],
    ids="image, standing, zero, backwards, clamped, overflowing, long, doubling, deep".split(", "),
)
def test_what_may_not_end_for_some_image_is_refused(change: Callable[[Builder], None], said: str) -> None:
    with pytest.raises(BadModel, match=said) as caught:
        check(change)
    assert "\n" not in str(caught.value)


def test_the_check_knows_the_operators_that_it_looks_for() -> None:
    assert CALLS.keys() == CONTROL_FLOW
