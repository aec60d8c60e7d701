"""``edgevision export --to c-array``: the reduced model, the sources as compilers see them, what is refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from command_line import edgevision
from documents import parse
from edgevision.device.export.c_array import c_text, trial
from edgevision.device.export.c_array.arena import estimate_arena
from edgevision.device.export.c_array.export import export_c_array
from edgevision.device.export.c_array.micro_model import micro_model
from edgevision.device.export.c_array.operators import BUILTIN, methods, problems
from edgevision.device.export.c_array.stored_values import stored_bytes, with_end
from edgevision.device.export.records import Exported, ExportRequest
from locations import ROOT

from edgevision import default_model, read_model
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.graph import read_graph
from edgevision.tflite.schema import OPERATORS, Buffer, Model
from edgevision.tflite.tables import open_flatbuffer

DATA = ROOT / "tests" / "data"
MODEL = default_model.path()
NAME = "red_model"
LABELS = ('say "hi" ??/ \x079', "back\\slash", "grün 日本")
REDUCED = micro_model(model_file.read(DATA / "tiny.tflite").flatbuffer, "int8")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small model with a card."""
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    rule = Preprocessing(16, 16, mean=(127.5,), std=(127.5,))
    card = ModelCard(
        name="Red", task="classification", labels=LABELS, preprocessing=rule, activation="softmax", threshold=0.3
    )
    model_file.write(path, model_file.read(DATA / "tiny.tflite").flatbuffer, card)
    return path


@pytest.fixture(scope="module")
def made(model: Path) -> Exported:
    """Return this model, exported with int8 ends."""
    return export_c_array(ExportRequest(model, model.parent / "c", options={"io": "int8"}))


@pytest.fixture(scope="module")
def compiler() -> str:
    """Return the C++ compiler of this machine."""
    found = shutil.which("g++")
    if found is None:
        pytest.skip("no C++ compiler: apt install g++")
    return found


def build(*arguments: str | Path) -> None:
    """Compile; warnings are errors."""
    command = [*map(str, arguments), "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("io", [None, "int8", "uint8"])
@pytest.mark.parametrize("name", ["tiny", "cells"])
def test_reduced_model_answers_exactly_as_the_file(name: str, io: str | None) -> None:
    file = model_file.read(DATA / f"{name}.tflite")
    reduced = open_interpreter(micro_model(file.flatbuffer, io), threads=1)
    whole = open_interpreter(file.flatbuffer, threads=1)
    if io is not None:
        assert {spec.dtype for spec in (*reduced.inputs, *reduced.outputs)} == {io}
    limits = np.iinfo(file.inputs[0].dtype)
    images = np.random.default_rng(0).integers(limits.min, limits.max + 1, (20, 1, *file.inputs[0].shape[1:]))
    for image in images.astype(file.inputs[0].dtype):
        expected = whole.infer(image)[0]
        found = reduced.infer(with_end(image, file.inputs[0], reduced.inputs[0]))[0]
        assert np.array_equal(with_end(found, reduced.outputs[0], file.outputs[0]), expected)


def test_reduced_model_has_aligned_weights_and_nothing_else() -> None:
    file = model_file.read(MODEL)
    reduced = micro_model(file.flatbuffer, "int8")
    before, after = read_graph(file.flatbuffer), read_graph(reduced)
    assert {op.name for op in before.operators} - {op.name for op in after.operators} == {"QUANTIZE"}
    parameters = sum(tensor.parameter_bytes for tensor in after.tensors)
    assert parameters == sum(tensor.parameter_bytes for tensor in before.tensors)
    assert len(reduced) - parameters < 0.5 * (len(file.flatbuffer) - parameters)
    starts = [one.target(Buffer.DATA) for one in open_flatbuffer(reduced).tables(Model.BUFFERS)]
    assert all((start + 4) % 16 == 0 for start in starts if start is not None)


def test_stored_bytes_are_what_the_removed_quantize_makes() -> None:
    file = model_file.read(MODEL)
    assert file.card is not None
    end = read_graph(micro_model(file.flatbuffer, "int8")).input_specs[0]
    table = stored_bytes(file.card.preprocessing, file.inputs[0], end)
    assert np.array_equal(table, np.tile(np.arange(-128, 128), (3, 1)))


def test_sources_hold_the_model_and_its_constants(made: Exported, compiler: str, tmp_path: Path) -> None:
    (tmp_path / "main.cc").write_text(f"""#include "{NAME}_selftest.h"
#include <cstdio>
using namespace {NAME};
int main() {{
  if (reinterpret_cast<uintptr_t>(kModel) % 16) return 1;
  std::fwrite(kModel, 1, kModelSize, stdout);
  for (int b = 0; b < 256; ++b) std::printf("%d ", StoredValue(static_cast<uint8_t>(b), 0));
  for (int n = 0; n < kTestCount; ++n) std::printf("%d", AsExpected(n, kTestOutputs[n]));
  int8_t wrong[kOutputSize[0]] = {{}};
  std::printf("%d%c", AsExpected(0, wrong), 0);
  for (int n = 0; n < kLabelCount; ++n) std::printf("%s%c", kLabels[n], 0);
}}
""")
    program = tmp_path / "program"
    sources = sorted(made.path.glob("*.cc"))
    build(compiler, f"-I{made.path}", *sources, tmp_path / "main.cc", "-o", program)
    said = subprocess.run([program], capture_output=True, check=True, timeout=60).stdout
    size = made.details["model_bytes"]
    assert said[:size] == REDUCED
    values, *texts = said[size:].decode().split("\0")
    tests = made.details["selftest"]["images"]
    assert values.split() == [*map(str, range(-128, 128)), "1" * tests + "0"]
    assert tuple(texts[:-1]) == LABELS


def test_array_compiles_for_a_microcontroller(made: Exported, tmp_path: Path) -> None:
    compiler = shutil.which("arm-none-eabi-g++")
    if compiler is None:
        pytest.skip("no compiler for Cortex-M: apt install gcc-arm-none-eabi")
    target = ("-Os", "-mcpu=cortex-m4", "-mthumb", "-ffreestanding", "-c")
    build(compiler, *target, made.path / f"{NAME}.cc", "-o", tmp_path / "model.o")
    listed = subprocess.run(
        ["arm-none-eabi-size", tmp_path / "model.o"], capture_output=True, text=True, check=True
    ).stdout
    text, data = map(int, listed.splitlines()[1].split()[:2])
    assert data == 0 and 0 < text - made.details["model_bytes"] < 500, "all of it is in flash"


def test_interpreter_of_microcontrollers_gives_the_same_answers(tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not on this machine")
    done = edgevision("export", MODEL, "--to", "c-array", "--io", "int8", "-o", "c", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = parse(done.stdout, "export")["c_array"]
    assert document["selftest"]["source"] == "model" and document["selftest"]["largest_difference"] <= 2 / 256
    arena = document["arena"]
    estimated = estimate_arena(read_graph(micro_model(read_model(MODEL).flatbuffer, "int8")))
    assert arena["measured"] and abs(estimated - arena["bytes"]) < 0.03 * arena["bytes"]
    assert f"kArenaSize = {arena['bytes']};" in (tmp_path / "c" / "everyday_model.h").read_text()


def test_size_is_an_estimate_where_the_interpreter_is_missing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "is_installed", lambda: False)
    made = export_c_array(ExportRequest(model, tmp_path / "c"))
    assert "estimated, not measured" in made.summary and "pip install 'edgevision[micro]'" in made.notes[0]
    assert "estimated, not measured" in (tmp_path / "c" / f"{NAME}.h").read_text()
    assert made.details["selftest"]["largest_difference"] is None


def test_interpreter_refuses_what_only_it_knows() -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not on this machine")
    file = model_file.read(DATA / "segmenter.tflite")
    with pytest.raises(BadModel, match="TensorFlow Lite Micro cannot run this model: Only int32_t are sup"):
        trial.try_model(file.flatbuffer, [np.zeros((1, 16, 16, 3), np.uint8)], file.path)


def test_classes_of_a_segmenter_become_32_bit_ones() -> None:
    file = model_file.read(DATA / "segmenter.tflite")
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
    expected = open_interpreter(file.flatbuffer, threads=1).infer(image)[0]
    found = open_interpreter(micro_model(file.flatbuffer, shapes=[(1, 16, 16)]), threads=1).infer(image)[0]
    assert found.dtype == np.int32 and np.array_equal(found, expected)


def test_operators_are_registered_by_their_methods() -> None:
    graph = read_graph(read_model(DATA / "detector.tflite").flatbuffer)
    assert methods(graph) == ["AddDequantize", "AddDetectionPostprocess", "AddReshape"] and not problems(graph)
    assert set(OPERATORS) > BUILTIN


def test_command_replaces_only_an_export(model: Path, tmp_path: Path) -> None:
    arguments = ("export", model, "--to", "c-array", "-o", "c")
    done = edgevision(*arguments, "--ram", "20kB", "--flash", "1MB", cwd=tmp_path)
    assert done.stdout.splitlines()[1].startswith("next: arm-none-eabi-g++ -std=c++17"), done.stderr
    again = edgevision(*arguments, "--ram", "20kB", cwd=tmp_path)
    assert again.returncode == 1 and again.stderr.endswith("or replace it with --overwrite\n")
    (tmp_path / "c" / "mine.h").write_text("int mine;\n")
    kept = edgevision(*arguments, "--overwrite", cwd=tmp_path)
    assert "already exists and is not an exported C array" in kept.stderr and (tmp_path / "c" / "mine.h").exists()
    wrong = edgevision(*arguments, "--ram", "many", cwd=tmp_path)
    assert wrong.returncode == 2 and "--ram: 'many' is not a size; give a number above 0 with kB or MB" in wrong.stderr


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tiny", {"flash": 1000}, "kB, more than --flash 1kB; train a smaller network with --alpha"),
        (
            "tiny",
            {"ram": 1000},
            "kB (estimated, not measured), more than --ram 1kB; train a smaller network with --alpha",
        ),
        ("embedder", {}, "it computes MEAN in int8, int16 or float32, not in uint8; convert its Keras model"),
        (
            "embedder",
            {"io": "int8"},
            "--io needs a model that computes in int8, but this one computes with its uint8 input",
        ),
    ],
)
def test_unfit_models_are_refused(
    name: str, options: dict[str, object], message: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "is_installed", lambda: False)
    if name == "embedder":
        card = ModelCard(name, "embedding", Preprocessing(16, 16), activation="none")
        model_file.write(tmp_path / "embedder.tflite", model_file.read(DATA / "embedder.tflite").flatbuffer, card)
        model = tmp_path / "embedder.tflite"
    with pytest.raises(BadModel) as caught:
        export_c_array(ExportRequest(model, tmp_path / "c", options=options))
    assert message in str(caught.value) and not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Person 96x96", "person_96x96_model"),
        ("7 Äpfel", "m_7_apfel_model"),
        ("日本", "my_model"),
        ("a_model", "a_model"),
    ],
)
def test_names_become_identifiers(name: str, expected: str) -> None:
    assert c_text.identifier(name) == expected
