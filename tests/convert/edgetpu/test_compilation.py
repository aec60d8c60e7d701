"""``convert --edgetpu`` with a stand-in for the compiler: what is stored, what is tried again, gates and refusals."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from edgevision.convert.edgetpu import compiler
from edgevision.convert.edgetpu.compilation import EdgeTpuCompilation, compile_into
from edgevision.convert.options import ConvertOptions
from edgevision.convert.pipeline import convert
from locations import HELPERS

from edgevision import default_model, read_model
from edgevision.errors import MissingDependency, UsageError
from edgevision.inspection.report import inspect
from edgevision.model import open_model
from edgevision.model_file.edgetpu_part import ENTRY, compiled_part
from edgevision.selftest import check


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the stand-in as a program of this Python."""
    path = tmp_path / "bin" / "edgetpu_compiler"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {HELPERS / "fake_edgetpu_compiler.py"} "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv("FAKE_EDGETPU_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv(compiler.VARIABLE, str(path))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(default_model.path().read_bytes())
    return path


def compiled(
    model: Path, words: str, monkeypatch: pytest.MonkeyPatch, limit: float | None = None
) -> EdgeTpuCompilation:
    monkeypatch.setenv("FAKE_EDGETPU_COMPILER", words)
    return compile_into(model, compiler.find_compiler(), limit)


def options_of(folder: Path) -> list[str]:
    return (folder / "runs").read_text().splitlines()


def test_part_is_stored_and_the_rest_stays(program: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_model(model)
    made = compiled(model, "ok", monkeypatch, 100)
    after = read_model(model)
    assert made.problem is None and made.mapped == 1 and made.met and options_of(model.parent) == ["-s -o"]
    assert after.graph() == before.graph() and compiled_part(after) == after.files[ENTRY]
    assert set(after.files) == {*before.files, ENTRY} and made.part_bytes == len(after.files[ENTRY])
    with open_model(model) as opened:
        assert check(opened).ok
    assert inspect(model)["edgetpu"]["part_bytes"] == made.part_bytes


def test_operators_on_the_cpu_are_named_by_the_gate(
    program: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = compiled(model, "partial", monkeypatch, 99.5)
    first = made.operators[0]
    assert not made.met and 0 < made.mapped < 0.995 and not first.edgetpu
    assert made.message() == (
        f"the Edge TPU runs {100 * made.mapped:.1f} % of the operators, but --min-mapped is 99.5 %: on the CPU are "
        f"{first.count} {first.name} (More than one subgraph is not supported)"
    )
    assert ENTRY in read_model(model).files


@pytest.mark.parametrize(
    ("words", "options", "problem"),
    [
        ("internal ok", ["-s -o", "-s -o"], None),
        ("internal internal ok", ["-s -o", "-s -o", "-s -o -d -k {} -t 600"], None),
        ("activations ok", ["-s -o", "-s -o -d -k {} -t 600"], None),
        (
            "activations",
            ["-s -o", "-s -o -d -k {} -t 600"],
            "Compilation failed due to large activation tensors in model.",
        ),
        ("version", ["-s -o"], "Didn't find op for builtin opcode 'CONV_2D' version '6'. An older version"),
        ("crash", ["-s -o", "-s -o"], "it was ended by signal 11"),
        ("nothing", ["-s -o"], "it mapped no operator"),
        ("other", ["-s -o"], "the result of edgetpu_compiler was not compiled from"),
    ],
)
def test_failed_runs_are_tried_again_where_that_can_help(
    program: Path, model: Path, monkeypatch: pytest.MonkeyPatch, words: str, options: list[str], problem: str | None
) -> None:
    before = model.read_bytes()
    made = compiled(model, words, monkeypatch)
    step = -(-len(read_model(model).graph().operators) // compiler.SEARCH_STEPS)
    assert options_of(model.parent) == [one.format(step) for one in options] and len(made.attempts) == len(options)
    if problem is None:
        assert made.problem is None and made.mapped == 1
    else:
        assert made.problem is not None and made.problem.startswith(problem)
        assert made.mapped == 0 and model.read_bytes() == before


def test_compiler_that_does_not_end_is_ended(program: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_EDGETPU_COMPILER", "hang")
    made = compiler.run_once(program, read_model(model).flatbuffer, timeout_s=0.5)
    assert made.flatbuffer is None and made.problem == "no answer within 0.5 s"


def test_what_is_missing_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(compiler.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    options = ConvertOptions(tmp_path / "none.keras", edgetpu=True)
    with pytest.raises(
        MissingDependency, match="edgetpu_compiler is not installed, and --edgetpu needs it; get it from Coral"
    ):
        convert(options)
    monkeypatch.setenv(compiler.VARIABLE, "nowhere")
    with pytest.raises(MissingDependency, match="EDGEVISION_EDGETPU_COMPILER is nowhere, which is not a program"):
        convert(options)
    with pytest.raises(UsageError, match="--min-mapped limits what --edgetpu does; add --edgetpu"):
        convert(ConvertOptions(tmp_path / "none.keras", min_mapped=90))
