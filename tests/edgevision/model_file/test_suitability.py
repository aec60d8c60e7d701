"""Models that no card can make usable are named as what they are, by every command, before advice is given."""

from __future__ import annotations

import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from locations import TESTS

from edgevision.cli.main import main
from edgevision.errors import BadModel
from edgevision.inspection.report import inspect
from edgevision.model import open_model
from edgevision.model_file.model_file import ModelFile
from edgevision.model_file.suitability import fitting_tasks, unusable
from edgevision.tflite.graph import Graph, GraphOperator, GraphTensor
from edgevision.types import TensorSpec

pytest.importorskip("ai_edge_litert.schema_py_generated")
Builder = runpy.run_path(str(TESTS / "data" / "make_small_graphs.py"))["Graph"]
IMAGE = (1, 96, 96, 3)


def model(
    inputs: tuple[tuple[int, ...], ...] = (IMAGE,),
    outputs: tuple[tuple[int, ...], ...] = ((1, 10),),
    dtype: str = "float32",
    operator: str = "CONV_2D",
    custom: bool = False,
) -> tuple[ModelFile, Graph]:
    given = tuple(TensorSpec(f"in{n}", shape, dtype) for n, shape in enumerate(inputs))
    made = tuple(TensorSpec(f"out{n}", shape, "float32") for n, shape in enumerate(outputs))
    numbers = tuple(range(len(given))), tuple(range(len(given), len(given) + len(made)))
    graph = Graph(
        tuple(GraphTensor(spec, False, 0) for spec in given + made),
        (GraphOperator(operator, 1, custom, *numbers),),
        *numbers,
    )
    flatbuffer = Builder().build([], [])
    return ModelFile(Path("m.tflite"), flatbuffer, None, None, None, {}, given, made, "00", 1), graph


def with_depthwise(values: str, weights: str, per_channel: bool) -> tuple[ModelFile, Graph]:
    """Return a model with a depthwise convolution of 16 channels."""
    file, graph = model(operator="DEPTHWISE_CONV_2D")
    image = replace(graph.tensors[0], spec=graph.tensors[0].spec._replace(dtype=values))
    scale = 0.0 if per_channel or weights == "float32" else 0.1
    kernel = GraphTensor(TensorSpec("kernel", (1, 3, 3, 16), weights, scale), per_channel, 144)
    (operator,) = graph.operators
    operator = replace(operator, inputs=(0, len(graph.tensors)))
    return file, replace(graph, tensors=(image, *graph.tensors[1:], kernel), operators=(operator,))


def test_weights_that_make_the_results_arbitrary_are_refused() -> None:
    """LiteRT 2.3 answered NaN, or other numbers in each run, for four public exports of YOLO11 and YOLO26."""
    found = unusable(*with_depthwise("float32", "int8", per_channel=False))
    assert found is not None
    assert "its weights kernel have one scale for 16 channels" in found
    for usual in (("float32", "int8", True), ("float32", "float32", False), ("int8", "int8", False)):
        assert unusable(*with_depthwise(*usual)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": (IMAGE, (1, 4))}, "needs 2 inputs at once"),
        ({"inputs": ((1, 15600),)}, "is sound"),
        ({"inputs": ((1, 124, 129, 1),), "operator": "Mfcc", "custom": True}, "for sound"),
        ({"inputs": ((1,),), "dtype": "string"}, "is text"),
        ({"inputs": ((1, 4),)}, "not an image"),
        ({"inputs": ((1, 96, 64),)}, "not an image"),
        ({"inputs": ((8, 96, 96, 3),)}, "8 images at once"),
        ({"inputs": ((1, 96, 96, 5),)}, "5 channels"),
        ({"inputs": ((1, -1, -1, 3),)}, "no fixed size"),
        ({"dtype": "int64"}, "is int64"),
        ({"operator": "MyOperator", "custom": True}, "custom operators .*: MyOperator"),
        ({"operator": "FlexReadFile", "custom": True}, "without SELECT_TF_OPS"),
        ({"outputs": ((1, 3), (1, 2))}, r"fit no task \(out0 \[1, 3\], out1 \[1, 2\]\)"),
        ({"outputs": ((1, 1917, 4), (1, 1917, 91))}, "fit no task"),
    ],
)
def test_unusable_model_is_named_as_what_it_is(changes: dict[str, object], said: str) -> None:
    found = unusable(*model(**changes))  # type: ignore[arg-type]
    assert found is not None
    assert re.search(said, found), found
    assert len(found) < 400


@pytest.mark.parametrize(
    ("output", "tasks"),
    [
        ((1, 10), ("classification", "multilabel", "embedding")),
        ((1, 1, 1, 10), ("classification", "multilabel", "embedding")),
        ((1, 48, 48, 3), ("segmentation", "points", "embedding")),
        ((1, 96, 96), ("segmentation",)),
    ],
)
def test_tasks_that_fit_the_outputs(output: tuple[int, ...], tasks: tuple[str, ...]) -> None:
    file, graph = model(outputs=(output,))
    assert fitting_tasks(file, graph) == tasks
    assert unusable(file, graph) is None


@pytest.fixture
def two_inputs(tmp_path: Path) -> Path:
    graph = Builder()
    ends = [graph.tensor("image", (1, 8, 8, 3), "float32"), graph.tensor("state", (1, 4), "float32")]
    made = graph.tensor("made", (1, 8, 8, 3), "float32")
    graph.operator("ABS", ends[:1], [made])
    path = tmp_path / "two.tflite"
    path.write_bytes(graph.build(ends, [made]))
    return path


def test_no_command_advises_a_card_that_cannot_help(two_inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadModel, match="cannot be used: it needs 2 inputs"):
        open_model(two_inputs)
    report = inspect(two_inputs)
    assert report["usable"] == {"ok": False, "reason": report["notes"][0].partition("used: ")[2]}
    for line in (
        ["card", str(two_inputs), "-o", "out.tflite"],
        ["doctor", str(two_inputs)],
        ["inspect", str(two_inputs)],
    ):
        with pytest.raises(SystemExit) as ended:
            main(line)
        said = capsys.readouterr()
        assert ended.value.code == (0 if line[0] == "inspect" else 3 if line[0] == "doctor" else 1)
        assert "needs 2 inputs at once" in said.out + said.err
        assert "edgevision card" not in said.out + said.err


def test_doctor_checks_the_machine_before_it_names_the_model(
    two_inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", str(two_inputs)])
    shown = capsys.readouterr().out
    assert "This machine" in shown
    assert shown.index("This machine") < shown.index("needs 2 inputs")
