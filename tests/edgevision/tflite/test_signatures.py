"""Models with several signatures: serving_default is run, and all are listed."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locations import TESTS

from edgevision.engines.probe import probe
from edgevision.engines.uint8_input import start
from edgevision.errors import BadModel
from edgevision.inspection.report import inspect
from edgevision.model_file import model_file
from edgevision.tflite.signatures import with_main_graph_first

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
Builder = runpy.run_path(str(TESTS / "data" / "make_small_graphs.py"))["Graph"]


def two_graphs(path: Path, signatures: dict[str, int], damage: int = 0) -> Path:
    """Write a model whose graph 0 returns the absolute values of the image, and whose graph 1 the negative ones."""
    graph = Builder()
    other = schema.SubGraphT()
    other.tensors, other.operators = [], []
    graph.model.subgraphs.append(other)
    ends: list[list[int]] = []
    for number, name in enumerate(("ABS", "NEG")):
        graph.main = graph.model.subgraphs[number]
        ends.append([graph.tensor(f"{what}{number}", (1, 4, 4, 3), "float32") for what in ("image", "made")])
        graph.operator(name, ends[number][:1], ends[number][1:])
    other.inputs, other.outputs = ends[1][:1], ends[1][1:]
    graph.model.signatureDefs = [signature(name, number + damage) for name, number in signatures.items()]
    graph.main = graph.model.subgraphs[0]
    path.write_bytes(graph.build(ends[0][:1], ends[0][1:]))
    return path


def signature(name: str, graph: int) -> Any:
    made = schema.SignatureDefT()
    made.signatureKey, made.subgraphIndex, made.inputs, made.outputs = name, graph, [], []
    return made


@pytest.mark.parametrize(
    ("signatures", "output", "value"),
    [
        ({"serving_default": 0, "train": 1}, "made0", 2.0),
        ({"aaa": 0, "serving_default": 1}, "made1", -2.0),
        ({"aaa": 0, "bbb": 1}, "made0", 2.0),
        ({}, "made0", 2.0),
    ],
)
def test_serving_default_is_run_wherever_it_stands(
    tmp_path: Path, signatures: dict[str, int], output: str, value: float
) -> None:
    path = two_graphs(tmp_path / "m.tflite", signatures)
    file = model_file.read(path)
    assert [spec.name for spec in file.outputs] == [output]
    probe(path)
    engine = start(file, threads=1)
    assert [spec.name for spec in engine.outputs] == [output]
    assert engine.infer(np.full((1, 4, 4, 3), 2, np.float32))[0].flat[0] == value
    engine.close()


def test_inspect_lists_all_signatures(tmp_path: Path) -> None:
    found = inspect(two_graphs(tmp_path / "m.tflite", {"aaa": 0, "serving_default": 1}))["signatures"]
    assert found == [
        {"name": "aaa", "used": False, "inputs": ["image0"], "outputs": ["made0"]},
        {"name": "serving_default", "used": True, "inputs": ["image1"], "outputs": ["made1"]},
    ]


def test_model_that_needs_no_change_is_not_copied(tmp_path: Path) -> None:
    data = two_graphs(tmp_path / "m.tflite", {"serving_default": 0, "other": 1}).read_bytes()
    assert with_main_graph_first(data) is data


def test_signature_of_no_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="serving_default refers to graph 9 of 2"):
        model_file.read(two_graphs(tmp_path / "m.tflite", {"serving_default": 0}, damage=9))
