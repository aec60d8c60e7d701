"""Models whose first operator flips the top bit of each byte run without it and give the same results."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locations import TESTS

from edgevision import default_model
from edgevision.engines.interpreter import open_interpreter
from edgevision.engines.protocol import is_writable
from edgevision.engines.uint8_input import SignChange, start, without_sign_change
from edgevision.errors import BadModel, EngineError
from edgevision.model_file import model_file
from edgevision.tflite.graph import read_graph
from edgevision.tflite.schema import Quantization, SubGraph, Tensor
from edgevision.tflite.tables import main_graph, open_flatbuffer, tensor_spec

DATA = TESTS / "data"
TINY = model_file.read(DATA / "tiny.tflite")


@pytest.mark.parametrize("path", [DATA / "tiny.tflite", default_model.path()], ids=["tiny", "default"])
def test_results_are_those_of_the_whole_model(path: Path) -> None:
    file = model_file.read(path)
    whole, engine = open_interpreter(file.flatbuffer, 1), start(file, 1)
    assert isinstance(engine, SignChange) and is_writable(engine)
    assert list(engine.inputs) == list(whole.inputs) and list(engine.outputs) == list(whole.outputs)
    rng = np.random.default_rng(0)
    shape = whole.inputs[0].shape
    every_byte = np.resize(np.arange(256, dtype=np.uint8), shape)
    for tensor in (every_byte, *(rng.integers(0, 256, shape, np.uint8) for _ in range(8))):
        expected = whole.infer(tensor)
        for _ in range(2):  # the input is flipped in place, so a second run must not see it flipped
            for a, b in zip(engine.infer(tensor), expected, strict=True):
                assert np.array_equal(a, b)
        engine.input_memory()[...] = tensor
        assert np.array_equal(engine.infer_written()[0], expected[0])


def test_only_first_operator_is_removed() -> None:
    short = without_sign_change(TINY.flatbuffer)
    assert short is not None and len(short) == len(TINY.flatbuffer)
    graph, whole = read_graph(short), TINY.graph()
    assert graph.operators == whole.operators[1:]
    assert graph.inputs == whole.operators[0].outputs and graph.outputs == whole.outputs
    assert graph.tensors == whole.tensors


@pytest.mark.parametrize("name", ["detector", "segmenter", "embedder", "tiny_edgetpu"])
def test_other_models_are_not_changed(name: str) -> None:
    assert without_sign_change((DATA / f"{name}.tflite").read_bytes()) is None


@pytest.mark.parametrize("change", ["scale", "zero_point"])
def test_other_quantization_is_not_changed(change: str) -> None:
    """With another scale or zero point, the operator does more than flip the top bit."""
    data = bytearray(TINY.flatbuffer)
    graph = main_graph(open_flatbuffer(bytes(data)))
    (made,) = TINY.graph().operators[0].outputs
    quantization = graph.element(SubGraph.TENSORS, made).table(Tensor.QUANTIZATION)
    assert quantization is not None
    if change == "scale":
        at = quantization.target(Quantization.SCALE)
        assert at is not None
        struct.pack_into("<f", data, at + 4, quantization.reals(Quantization.SCALE)[0] * 1.0001)
    else:
        at = quantization.target(Quantization.ZERO_POINT)
        assert at is not None
        struct.pack_into("<q", data, at + 4, quantization.integers(Quantization.ZERO_POINT, "q")[0] + 1)
    assert without_sign_change(bytes(data)) is None


@pytest.mark.parametrize("wrong", [np.zeros(TINY.inputs[0].shape, np.int8), np.zeros((1, 2, 2, 3), np.uint8)])
def test_input_of_other_type_or_shape_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(EngineError, match="expected an input of uint8"):
        start(TINY, 1).infer(wrong)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(TINY.flatbuffer) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_model_is_refused_or_not_changed(places: list[tuple[int, int]]) -> None:
    data = bytearray(TINY.flatbuffer)
    for at, value in places:
        data[at] = value
    try:
        short = without_sign_change(bytes(data))
    except BadModel:
        return
    if short is not None:
        graph = main_graph(open_flatbuffer(short))
        (number,) = graph.integers(SubGraph.INPUTS, "i")
        assert tensor_spec(graph.element(SubGraph.TENSORS, number)).dtype == "int8" and len(short) == len(data)
