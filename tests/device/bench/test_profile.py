"""Tests of ``--profile``: truncated models are correct, and operator times are recovered."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from documents import parse
from edgevision.device.bench.profile import delegated, profile, rising
from edgevision.device.bench.runner import Stopwatch
from edgevision.device.bench.truncated_model import cut, open_ends
from hypothesis import given
from hypothesis import strategies as st

from edgevision import default_model
from edgevision.cli.main import main
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel
from edgevision.inspection import add_card
from edgevision.model_file import model_file
from edgevision.tflite.graph import read_graph

if TYPE_CHECKING:
    from edgevision.types import Tensor

FILE = model_file.read(default_model.path())
GRAPH = FILE.graph()


@pytest.mark.parametrize("count", [1, 2, len(GRAPH.operators) // 2, len(GRAPH.operators) - 1, len(GRAPH.operators)])
def test_truncated_model_ends_after_its_last_operator(count: int) -> None:
    part = cut(FILE.flatbuffer, GRAPH, count)
    graph = read_graph(part)
    assert graph.operators == GRAPH.operators[:count]
    assert list(graph.outputs) == open_ends(GRAPH, count)
    interpreter = open_interpreter(part, 1)
    outputs = interpreter.infer(np.zeros(GRAPH.input_specs[0].shape, "uint8"))
    shapes = [GRAPH.tensors[tensor].spec.shape for tensor in open_ends(GRAPH, count)]
    assert [output.shape for output in outputs] == shapes


def test_longest_truncated_model_equals_the_whole_model() -> None:
    tensor = np.random.default_rng(0).integers(0, 256, GRAPH.input_specs[0].shape, np.uint8)
    whole = open_interpreter(FILE.flatbuffer, 1).infer(tensor)
    last = open_interpreter(cut(FILE.flatbuffer, GRAPH, len(GRAPH.operators)), 1).infer(tensor)
    assert all(np.array_equal(a, b) for a, b in zip(whole, last, strict=True))


@pytest.mark.parametrize("count", [0, len(GRAPH.operators) + 1])
def test_truncation_outside_the_graph_is_rejected(count: int) -> None:
    with pytest.raises(BadModel, match="cannot be truncated"):
        cut(FILE.flatbuffer, GRAPH, count)


@dataclass
class Timed:
    """A truncated model whose length determines its run time."""

    now: list[float]
    seconds: float

    def infer(self, tensor: Tensor) -> list[Tensor]:
        return []

    def invoke(self) -> None:
        self.now[0] += self.seconds

    def close(self) -> None:
        """Do nothing."""


def test_operator_times_are_recovered() -> None:
    costs = [0.001 * (1 + number % 7) for number in range(len(GRAPH.operators))]
    now = [0.0]

    def opened(part: bytes) -> Timed:
        return Timed(now, sum(costs[: len(read_graph(part).operators)]))

    found = profile(default_model.path(), 1, Stopwatch(lambda: now[0], lambda: now[0]), open_part=opened)
    assert [one.ms for one in found.operators] == pytest.approx([1e3 * cost for cost in costs], abs=1e-3)
    assert found.sum_over_whole == pytest.approx(1.0)
    assert found.noise_ms == pytest.approx(0.0, abs=1e-6)
    assert sum(one.share for one in found.operators) == pytest.approx(1.0, abs=1e-3)
    assert found.operators[3].name == GRAPH.operators[3].name


def test_delegated_operators_are_found_from_tensors() -> None:
    count = len(GRAPH.operators)
    first, last = GRAPH.operators[4], GRAPH.operators[10]
    reads = frozenset(n for n in range(len(GRAPH.tensors)) if GRAPH.tensors[n].parameter_bytes) | {first.outputs[0]}
    inside = delegated(GRAPH, [(reads, last.outputs)])
    assert 10 in inside
    assert 4 not in inside
    assert max(inside) == 10
    everything = delegated(GRAPH, [(frozenset(GRAPH.inputs), GRAPH.outputs)])
    assert everything == frozenset(range(count))
    assert delegated(GRAPH, []) == frozenset()


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_fitted_times_never_decrease_and_keep_their_sum(values: list[float]) -> None:
    found = rising(values)
    assert all(a <= b + 1e-9 for a, b in pairwise(found))
    assert sum(found) == pytest.approx(sum(values))
    if values == sorted(values):
        assert found == pytest.approx(values)


@pytest.mark.slow
def test_command_shows_a_profile(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A small model: each of its operators takes a measurement."""
    model = tmp_path / "small.tflite"
    labels = tmp_path / "labels.txt"
    labels.write_text("red\ngreen\nblue\n")
    options = add_card.CardOptions(labels=labels, resize="stretch")
    add_card.write(add_card.new_card(data / "tiny.tflite", options), model)
    with pytest.raises(SystemExit):
        main(["bench", str(model), "--profile", "--seconds", "1", "--threads", "1", "--runs", str(tmp_path)])
    out = capsys.readouterr().out
    assert "Estimated by truncating the model after each operator" in out.replace("\n", " ").replace("  ", " ")
    (result,) = parse((tmp_path / "bench-1/bench.json").read_text(), "bench")["results"]
    found = result["profile"]
    assert found["estimate"] is True
    assert [one["name"] for one in found["operators"]] == [one.name for one in read_graph(model.read_bytes()).operators]
    assert found["operators"][0]["runs_in"] in ("not run", "unknown")  # it only flips one bit of each byte
    assert {one["runs_in"] for one in found["operators"][1:]} <= {"XNNPACK", "built-in", "unknown"}
    assert "Operators of small cpu 1T" in (tmp_path / "bench-1/bench.html").read_text()
    with pytest.raises(SystemExit) as ended:
        main(["bench", str(default_model.path()), "--profile", "--engine", "edgetpu"])
    assert ended.value.code == 1
    assert "works on the CPU only" in capsys.readouterr().err
