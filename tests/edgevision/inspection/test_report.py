"""Reports on a model without running it, the probe that runs it once, and ``edgevision inspect``."""

from __future__ import annotations

import copy
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from changed_model import changed
from documents import parse
from hypothesis import given, settings
from hypothesis import strategies as st
from locations import TESTS

from edgevision.cli.main import main
from edgevision.engines import probe
from edgevision.errors import BadModel
from edgevision.inspection import report as inspection
from edgevision.inspection.edgetpu_support import readiness
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.next_command import run_command
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite import metadata_buffer, metadata_writer
from edgevision.tflite.graph import read_graph
from edgevision.tflite.metadata import CustomMetadata, Metadata

TINY = TESTS / "data" / "tiny.tflite"
BARE = TINY.read_bytes()
CARD = ModelCard(
    "colours", "classification", Preprocessing(16, 16, mean=(127.0,), std=(127.5,)), ("red", "green", "blue")
)
KEYS = """
schema path bytes sha256 card metadata files tensors operators signatures all_int8 edgetpu compatibility runs_here
usable opens_as layouts notes
"""


def put(folder: Path, data: bytes) -> Path:
    path = folder / "m.tflite"
    path.write_bytes(data)
    return path


def command(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(args))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_graph_of_tiny_model_is_read() -> None:
    graph = read_graph(BARE)
    assert [(c.name, c.count, c.int8) for c in graph.counts()] == [
        ("QUANTIZE", 2, True),
        ("CONV_2D", 1, True),
        ("AVERAGE_POOL_2D", 1, True),
        ("FULLY_CONNECTED", 1, True),
        ("SOFTMAX", 1, True),
    ]
    assert graph.all_int8
    # 3x3x3x4 and 4x3 weights, 4 and 3 biases of four bytes.
    constants = [t for t in graph.tensors if t.parameter_bytes]
    assert sum(t.elements for t in constants) == 108 + 12 + 4 + 3
    assert sum(t.parameter_bytes for t in constants) == 108 + 12 + 4 * (4 + 3)
    assert [t.per_channel for t in constants].count(True) == 2  # the convolution's weights and bias
    assert readiness(graph).ready


def test_graph_agrees_with_public_schema(shared: Path) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    for path in sorted((shared / "models").glob("*.tflite")):
        data = model_file.read(path).flatbuffer
        theirs, ours = schema.ModelT.InitFromPackedBuf(data, 0), read_graph(data)
        main_graph = theirs.subgraphs[0]
        codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in theirs.operatorCodes]
        expected = [
            c.customCode.decode() if names[n] == "CUSTOM" else names[n]
            for c, n in ((theirs.operatorCodes[o.opcodeIndex], codes[o.opcodeIndex]) for o in main_graph.operators)
        ]
        assert [op.name for op in ours.operators] == expected
        assert [t.spec.name for t in ours.tensors] == [t.name.decode() for t in main_graph.tensors]
        assert ours.inputs == tuple(main_graph.inputs)
        assert [op.outputs for op in ours.operators] == [tuple(o.outputs) for o in main_graph.operators]


def test_float_tensor_is_not_all_int8_and_not_ready() -> None:
    def make_float(model: Any) -> None:
        model.subgraphs[0].tensors[-2].type = 0

    graph = read_graph(changed(make_float))
    assert not graph.all_int8
    assert not all(c.int8 for c in graph.counts())
    found = readiness(graph)
    assert not found.ready
    assert "1 of 11 tensors are not 8 bit (1 float32)" in found.reasons[0]


def test_operators_that_are_newer_than_the_compiler_are_not_ready() -> None:
    def renew(model: Any) -> None:
        for code in model.operatorCodes:
            code.version = 6 if code.builtinCode == schema.BuiltinOperator.CONV_2D else code.version

    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    found = readiness(read_graph(changed(renew)))
    said = "CONV_2D has version 6, but edgetpu_compiler 16.0 knows versions up to 5 and refuses the model"
    assert found.reasons == (said,) and not found.ready and found.fits_on_chip


def test_unsupported_operator_and_dynamic_shape_are_not_ready() -> None:
    def change(model: Any) -> None:
        for code in model.operatorCodes:
            if code.builtinCode == 25:  # SOFTMAX becomes LOG_SOFTMAX
                code.builtinCode = code.deprecatedBuiltinCode = 50
        model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shapeSignature = [-1, 16, 16, 3]

    found = readiness(read_graph(changed(change)), subgraphs=2)
    assert [reason.split(" ")[0] for reason in found.reasons] == ["the", "LOG_SOFTMAX", "the"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: setattr(m.subgraphs[0].operators[0], "inputs", [999]), "tensor 999 of 11"),
        (lambda m: setattr(m.subgraphs[0].operators[0], "opcodeIndex", 77), "operator code 77 of"),
        (lambda m: setattr(m.subgraphs[0].tensors[0], "buffer", 5000), "buffer 5000 of"),
        (lambda m: setattr(m, "subgraphs", []), "it contains no graph"),
    ],
)
def test_graph_with_invalid_references_is_refused(change: Callable[[Any], None], said: str) -> None:
    with pytest.raises(BadModel, match=said):
        read_graph(changed(change))


@given(data=st.data())
@settings(deadline=None)
def test_damaged_model_is_reported_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(BARE)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspection, "probe", lambda path: None)
        try:
            parse(json.dumps(inspection.inspect(put(tmp_path, bytes(raw)))), "inspect")
        except BadModel as error:
            assert "\n" not in str(error)


def test_probe_accepts_good_model() -> None:
    probe.probe(TINY)


def test_probe_reports_error_of_runtime(tmp_path: Path) -> None:
    def custom(model: Any) -> None:
        model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 32
        model.operatorCodes[0].customCode = "no-such-thing"

    path = put(tmp_path, changed(custom))
    with pytest.raises(BadModel, match="no-such-thing") as caught:
        probe.probe(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("script", "timeout_s", "said"),
    [
        ("kill -SEGV $$", 60, r"crashed the runtime \(SIGSEGV\)"),
        ("echo 'terminate called' >&2; exit 134", 60, r"crashed the runtime \(terminate called\)"),
        ("exec sleep 60", 0.2, "one run did not finish within 0.2 s"),
    ],
)
def test_probe_reports_crash_as_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, timeout_s: float, said: str
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    interpreter.chmod(interpreter.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("sys.executable", str(interpreter))
    with pytest.raises(BadModel, match=said):
        probe.probe(TINY, timeout_s)


def test_report_on_bare_model(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = command(capsys, "inspect", str(TINY), "--json")
    assert (code, err) == (0, "")
    report = parse(out, "inspect")
    assert list(report) == KEYS.split()
    assert report["schema"] == "edgevision.inspect/1"
    assert report["bytes"] == len(BARE)
    assert report["card"] is report["metadata"] is None
    assert report["opens_as"]["from"] == "graph"
    assert (report["opens_as"]["task"], report["opens_as"]["preprocessing"]["resize"]) == ("classification", "crop")
    assert report["runs_here"] == {"ok": True, "reason": None}
    ready = {"compiled": False, "ready": True, "reasons": [], "mapped": None}
    assert report["edgetpu"] == {**ready, "parameter_bytes": 148, "fits_on_chip": True, "part_bytes": None}
    assert report["tensors"]["by_type"] == {"int8": 7, "uint8": 2, "int32": 2}
    assert report["operators"][1] == {"name": "CONV_2D", "version": 3, "count": 1, "int8": True}
    assert "no model card; instead, this is used: the quantization of the uint8 input shows" in report["notes"][0]


def test_custom_metadata_are_listed_by_name_and_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    custom = metadata_writer.build(Metadata(name="m", custom=(CustomMetadata("ANCHORS", b"\x00\xff" * 20),)))
    path = tmp_path / "m.tflite"
    path.write_bytes(metadata_buffer.with_metadata(BARE, custom))
    code, out, err = command(capsys, "inspect", str(path), "--json")
    assert (code, err) == (0, "")
    assert parse(out, "inspect")["metadata"]["custom"] == [{"name": "ANCHORS", "bytes": 40}]


def test_names_of_megabytes_and_thousands_of_operators_are_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def long(model: object) -> None:
        graph, codes = model.subgraphs[0], model.operatorCodes  # type: ignore[attr-defined]
        graph.tensors[graph.inputs[0]].name = "n" * 2_000_000
        for number in range(300):
            codes.append(copy.deepcopy(codes[0]))
            codes[-1].builtinCode, codes[-1].deprecatedBuiltinCode, codes[-1].customCode = 32, 32, f"{number}" * 500
            graph.operators.append(copy.deepcopy(graph.operators[0]))
            graph.operators[-1].opcodeIndex = len(codes) - 1

    path = put(tmp_path, changed(long))
    code, out, err = command(capsys, "inspect", str(path))
    assert (code, err) == (0, "")
    assert len(out) < 200_000
    assert "... and " in out


def test_report_on_file_with_card(tmp_path: Path) -> None:
    preprocessing = Preprocessing(16, 16, resize="crop", crop_fraction=0.875, order="BGR", mean=(127.0,), std=(127.5,))
    path = put(tmp_path, model_file.build(BARE, CARD.with_(preprocessing=preprocessing)))
    report = inspection.inspect(path)
    assert report["card"]["labels"] == ["red", "green", "blue"]
    assert report["opens_as"]["from"] == "card"
    assert report["opens_as"]["preprocessing"]["crop_fraction"] == 0.875
    assert report["compatibility"]["mediapipe"]["reason"] == "expected an RGB input, but this model takes BGR"
    assert report["notes"] == []
    assert [f["name"] for f in report["files"]] == ["edgevision.json", "labels.txt"]


def test_inspect_prints_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, model_file.build(BARE, CARD))
    code, out, _ = command(capsys, "inspect", str(path))
    assert code == 0
    for part in ("red | green | blue", "16x16 RGB, stretch, (pixel - 127) / 127.5", "CONV_2D", "ready to compile"):
        assert part in out
    assert out.splitlines()[-2:] == [f"{path}: all int8, runs here", f"next: {run_command(path)}"]


def test_changed_model_is_shown_but_not_trusted(tmp_path: Path) -> None:
    data = bytearray(model_file.build(BARE, CARD))
    at = data.index(b"TFL3", 100) + 2000
    data[at] ^= 1
    report = inspection.inspect(put(tmp_path, bytes(data)))
    assert report["runs_here"]["ok"] is False
    assert report["opens_as"] is None
    assert "changed after its card was written" in report["notes"][0]


def test_names_from_file_are_neither_markup_nor_escape_sequences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = ("[red]", "[/]", "\x1b[2Jblue :cat:")
    path = put(tmp_path, model_file.build(BARE, CARD.with_(name="[/nothing]", labels=labels)))
    code, out, _ = command(capsys, "inspect", str(path))
    assert code == 0
    assert r"[red] | [/] | \x1b[2Jblue :cat:" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("name", "runs", "numbers", "task"),
    [
        ("mobilenet_v1_0.25_128_quant_edgetpu", False, "compiled for the Edge TPU", "classification"),
        ("mobilenet_v1_0.25_224_float_with_metadata", True, "not quantized", "classification"),
        ("mobilenet_v2_1.0_224_quant", True, "8 bit, but not all int8", "classification"),
        ("coco_ssd_mobilenet_v1_1.0_quant_with_metadata", True, "8 bit", "detection"),
    ],
)
def test_reports_on_real_models(
    shared: Path, capsys: pytest.CaptureFixture[str], name: str, runs: bool, numbers: str, task: str
) -> None:
    path = shared / "models" / f"{name}.tflite"
    report = inspection.inspect(path)
    assert report["runs_here"]["ok"] is runs
    assert report["opens_as"]["task"] == task
    assert report["opens_as"]["from"] == "metadata"
    _, out, _ = command(capsys, "inspect", str(path))
    assert numbers in out.splitlines()[-2]
