"""The check of a graph before a runtime sees it, with a card and without one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changed_model import TINY, changed

from edgevision.engines import known_good, probe
from edgevision.engines.registry import open_engine
from edgevision.errors import BadModel
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.graph_check import check_graph
from edgevision.tflite.tables import open_flatbuffer

CARD = ModelCard("colors", "classification", Preprocessing(16, 16, mean=(127.5,), std=(127.5,)))


def scales(value: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.subgraphs[0].tensors[0].quantization = q = quantization()
        q.scale, q.zeroPoint = np.array([value], np.float32), np.zeros(1, np.int64)
        model.subgraphs[0].tensors[0].type = 9

    return change


def quantization() -> Any:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    return schema.QuantizationParametersT()


def ends(name: str) -> Callable[[Any], None]:
    return lambda model: setattr(model.subgraphs[0], name, np.zeros(0, np.int32))


def huge(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.tensors[graph.outputs[0]].shape = np.array([1, 50_000, 50_000, 3], np.int32)


def loop(condition: int, body: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = 119
        model.operatorCodes.append(code)
        operator, graph = schema.OperatorT(), model.subgraphs[0]
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs = operator.outputs = np.array([graph.inputs[0]], np.int32)
        operator.builtinOptionsType = schema.BuiltinOptions.WhileOptions
        operator.builtinOptions = schema.WhileOptionsT()
        operator.builtinOptions.condSubgraphIndex, operator.builtinOptions.bodySubgraphIndex = condition, body
        graph.operators.insert(0, operator)

    return change


def endless(model: Any) -> None:
    """Put a loop before the model whose condition is always true."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    graph = model.subgraphs[0]
    image = copy.deepcopy(graph.tensors[graph.inputs[0]])
    yes, data = schema.TensorT(), schema.BufferT()
    data.data, yes.shape, yes.type, yes.buffer = np.ones(1, np.uint8), np.ones(1, np.int32), 6, len(model.buffers)
    model.buffers.append(data)
    for tensors, output in (([image, yes], 1), ([copy.deepcopy(image)], 0)):
        part = schema.SubGraphT()
        part.tensors, part.operators = tensors, []
        part.inputs, part.outputs = np.zeros(1, np.int32), np.array([output], np.int32)
        model.subgraphs.append(part)
    loop(1, 2)(model)
    graph.tensors.append(copy.deepcopy(image))
    graph.operators[0].outputs = np.array([len(graph.tensors) - 1], np.int32)
    first = graph.operators[1]
    first.inputs = np.array([len(graph.tensors) - 1, *first.inputs[1:]], np.int32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (scales(float("nan")), "scale nan"),
        (scales(float("inf")), "scale inf"),
        (scales(0.0), "scale 0"),
        (scales(-0.5), "scale -0.5"),
        (ends("inputs"), "no inputs"),
        (ends("outputs"), "no outputs"),
        (huge, "7.5 GB|30.0 GB"),
        (loop(0, 0), "runs itself"),
        (loop(7, 9), "refers to graph [79] of 1"),
        (loop(-1, -1), "refers to graph -1 of 1"),
    ],
)
def test_graph_that_a_runtime_may_not_survive_is_refused(change: Callable[[Any], None], said: str) -> None:
    with pytest.raises(BadModel, match=said) as caught:
        check_graph(open_flatbuffer(changed(change)))
    assert "\n" not in str(caught.value)


def test_good_graph_is_accepted() -> None:
    check_graph(open_flatbuffer(TINY))
    check_graph(open_flatbuffer(changed(scales(0.1))))


def test_file_with_card_is_checked_too(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    model_file.write(path, changed(scales(0.0)), CARD)
    with pytest.raises(BadModel, match="scale 0"):
        model_file.read(path)


def test_endless_loop_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(changed(endless))
    with pytest.raises(BadModel, match="a loop that does not end"):
        probe.probe(path)


def test_new_file_is_tried_once_on_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(probe, "probe", tried.append)
    path = tmp_path / "m.tflite"
    model_file.write(path, TINY, CARD)
    for _ in range(2):
        open_engine("cpu", model_file.read(path))[0].close()
    assert tried == [path]


def test_remembered_files_do_not_accumulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(known_good, "MAX_REMEMBERED", 3)
    for n in range(8):
        path = tmp_path / f"{n}.tflite"
        model_file.write(path, TINY, CARD.with_(name=str(n)))
        known_good.remember(model_file.read(path))
    assert len(list((tmp_path / "state" / known_good.FOLDER).iterdir())) <= 3
    assert known_good.is_known_good(model_file.read(path))
