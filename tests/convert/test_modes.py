"""The modes of a conversion: what the file computes in, that every command takes it, and which options it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import edgevision
from documents import valid

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import ConvertOptions, ConvertReport, backend, convert
from edgevision.convert.modes import MODES, Mode
from edgevision.convert.quantization.verify import verify
from edgevision.convert.report import summary
from edgevision.convert.report.html import page

from edgevision import inspect, open_model, selftest
from edgevision.cli.main import main
from edgevision.errors import BadModel, UsageError
from edgevision.model_file import model_file
from edgevision.preprocessing import decode
from edgevision.tflite.graph import read_graph
from edgevision.types import Frame

SIDE = 24
NAMES = ("red", "green", "blue")
TYPES: dict[Mode, tuple[str, str, set[str]]] = {
    # types of the input, of the output, and of all tensors
    "int8": ("uint8", "uint8", {"int8", "int32", "uint8"}),
    "int8-io": ("int8", "int8", {"int8", "int32"}),
    "float16": ("float32", "float32", {"float32", "float16", "int32"}),
    "dynamic": ("float32", "float32", {"float32", "int8", "int32"}),
    "int16x8": ("float32", "float32", {"float32", "int16", "int8", "int32", "int64"}),
    "float": ("float32", "float32", {"float32", "int32"}),
}
ALL = tuple(TYPES)
WORDS: dict[Mode, str] = {
    # what inspect says
    "int8-io": "all int8",
    "float16": "float, with float16 weights",
    "dynamic": "8 bit, with float parts",
    "int16x8": "int16, with int8 weights",
}


def color(number: int) -> np.ndarray:
    """Return a noisy image, uint8 (24, 24, 3), whose brightest channel is ``number`` modulo 3."""
    chance = np.random.default_rng(number)
    pixels = chance.normal(90, 30, (SIDE, SIDE, 3))
    pixels[..., number % 3] += 60
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that names the brightest channel, with weights set by hand and enough of them for every mode."""
    layers = backend.keras().layers
    network = backend.keras().Sequential([
        backend.keras().Input((SIDE, SIDE, 3)),
        layers.Rescaling(1 / 127.5, -1.0),
        layers.Conv2D(64, 3, padding="same", activation="relu6"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    kernel = np.random.default_rng(0).normal(0, 0.02, (3, 3, 3, 64)).astype(np.float32)
    kernel[1, 1, range(3), range(3)] = 1.0
    dense = np.zeros((64, 3), np.float32)
    dense[range(3), range(3)] = 12.0
    network.layers[1].set_weights([kernel, np.full(64, 0.5, np.float32)])
    network.layers[3].set_weights([dense, np.zeros(3, np.float32)])
    path = tmp_path_factory.mktemp("model") / "colors.keras"
    network.save(path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(36):
        path = folder / NAMES[number % 3] / f"{number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(decode.encode_png(Frame(color(number))))
    return folder


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_text("\n".join(NAMES) + "\n")
    return path


@pytest.fixture(scope="module")
def reports(
    model: Path, photos: Path, labels: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[Mode, ConvertReport]:
    """The report of each mode; int8 and int8-io with the same, small repair."""
    found = {}
    for mode in ALL:
        effort = {"effort": "low"} if MODES[mode].int8 else {}
        output = tmp_path_factory.mktemp(mode) / "colors.tflite"
        given = {"calibration_count": 12, "labels": labels, "output": output, "mode": mode, **effort}
        report = convert(ConvertOptions(model, photos, **given))
        assert isinstance(report, ConvertReport)
        found[mode] = report
    return found


@pytest.mark.parametrize("mode", ALL)
def test_file_computes_as_its_mode_says_and_answers(reports: dict[Mode, ConvertReport], mode: Mode) -> None:
    report = reports[mode]
    graph = read_graph(model_file.read(report.path).flatbuffer)
    first, last, types = TYPES[mode]
    assert (graph.input_specs[0].dtype, graph.output_specs[0].dtype) == (first, last)
    assert {tensor.spec.dtype for tensor in graph.tensors} <= types
    assert graph.all_int8 == MODES[mode].int8
    with open_model(report.path) as opened:
        assert [opened.predict(color(number)).top.name for number in (90, 91, 92)] == list(NAMES)
        assert selftest.check(opened).ok
    assert report.card.quantization is not None and report.card.quantization["mode"] == mode


@pytest.mark.parametrize("mode", ALL)
def test_reports_name_the_mode_and_keep_the_schema(reports: dict[Mode, ConvertReport], mode: Mode) -> None:
    report = reports[mode]
    document = json.loads(report.report_path.read_text())
    valid(document, "convert")
    assert document["output"]["mode"] == mode
    assert document["converted"]["accuracy"]["total"] == document["float"]["accuracy"]["total"] == 24
    assert (document["int8"] is not None) == MODES[mode].int8
    text = "\n".join(f"{name} {value}" for name, value in summary.rows(report)) + page(report)
    assert mode in text and (MODES[mode].int8 or "int8 accuracy" not in text)
    assert not any("--mode" in note for note in report.notes) or MODES[mode].note is not None


def test_modes_are_measured_on_the_same_images(reports: dict[Mode, ConvertReport]) -> None:
    assert len({report.heldout.fingerprint for report in reports.values()}) == 1


def test_int8_ends_change_no_answer(reports: dict[Mode, ConvertReport]) -> None:
    with open_model(reports["int8"].path) as plain, open_model(reports["int8-io"].path) as signed:
        for number in range(40, 60):
            frame = Frame(color(number))
            assert (plain.prepare(frame) ^ 0x80).view(np.int8).tolist() == signed.prepare(frame).tolist()
            assert plain.scores(frame).tolist() == signed.scores(frame).tolist()


def test_smaller_modes_are_smaller(reports: dict[Mode, ConvertReport]) -> None:
    stored = {mode: len(model_file.read(report.path).flatbuffer) for mode, report in reports.items()}
    assert stored["dynamic"] < stored["float16"] < stored["float"]


@pytest.mark.parametrize("mode", WORDS)
def test_commands_of_the_device_take_the_file(
    reports: dict[Mode, ConvertReport], photos: Path, mode: Mode, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = reports[mode].path
    # The file descriptor gets what run prints, so that what captures sys.stdout does not see it.
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["run", str(path), "--source", str(photos / "red"), "--json"])
    ran = capfd.readouterr().out
    assert {json.loads(line)["labels"][0]["name"] for line in ran.splitlines()} == {"red"}
    scored = json.loads(edgevision("evaluate", path, photos, "--json", cwd=tmp_path).stdout)
    assert (scored["model"]["mode"], scored["accuracy"]["value"]) == (mode, 1.0)
    assert f": {WORDS[mode]}, runs here" in edgevision("inspect", path, cwd=tmp_path).stdout
    report = inspect(path)
    assert report["runs_here"]["ok"] and report["usable"]["ok"]
    assert report["edgetpu"]["ready"] == MODES[mode].int8
    assert report["compatibility"]["mediapipe"]["ok"] == (mode != "int8-io")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "float16", "effort": "high"}, "--effort high repairs int8 models, but --mode is float16"),
        ({"mode": "dynamic", "activation_range": "p99.99"}, "--activation-range p99.99 is for int8 models"),
        ({"mode": "float", "max_drop": 1.0}, "--mode float loses nothing"),
        ({"mode": "float16", "edgetpu": True}, "--edgetpu needs an int8 model, but --mode is float16"),
    ],
)
def test_options_without_meaning_in_the_mode_are_refused(options: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        convert(ConvertOptions(tmp_path / "none.keras", **options))


def test_mode_that_changes_nothing_is_refused(reports: dict[Mode, ConvertReport]) -> None:
    plain = model_file.read(reports["float"].path)
    assert plain.card is not None
    for mode in ("dynamic", "float16"):
        with pytest.raises(BadModel, match=f"--mode {mode} changes nothing here"):
            verify(plain.flatbuffer, plain.card.preprocessing, mode)


def test_exceeded_limit_names_the_mode_that_keeps_it(model: Path, tmp_path: Path) -> None:
    """Gray noise is next to a tie of the classes, where int8 changes many answers; the named mode is converted to check it."""
    folder = tmp_path / "noise"
    folder.mkdir()
    for number in range(40):
        pixels = np.random.default_rng(number).normal(128, 8, (SIDE, SIDE, 3))
        (folder / f"{number:03d}.png").write_bytes(decode.encode_png(Frame(np.clip(pixels, 0, 255).astype(np.uint8))))
    given = {"calibration_count": 12, "max_drop": 5.0}
    missed = convert(ConvertOptions(model, folder, effort="low", output=tmp_path / "int8.tflite", **given))
    valid(missed.to_json(), "convert")
    assert missed.gate is not None and not missed.gate.met and missed.gate.other is not None
    other = missed.gate.other
    assert other.mode in ("dynamic", "float16") and f"try: --mode {other.mode} (" in missed.gate.message()
    kept = convert(ConvertOptions(model, folder, mode=other.mode, output=tmp_path / "other.tflite", **given))
    assert kept.gate is not None and kept.gate.met and kept.gate.other is None
    assert kept.gate.value == other.value
