"""Conversion of a Keras model to a file: its contents, its predictions, rejected input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import edgevision
from documents import parse, valid
from locations import HELPERS, ROOT

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import ConvertOptions, ConvertReport, LoadOptions, PreprocessingOptions, backend, convert
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.quantization.ptq import to_int8
from edgevision.convert.quantization.verify import verify
from edgevision.convert.report import summary
from edgevision.convert.report.html import page
from edgevision.convert.source_model.float_model import FloatModel, make_float_model
from edgevision.convert.source_model.infer_preprocessing import infer_preprocessing
from edgevision.convert.source_model.infer_task import infer_task
from edgevision.convert.source_model.load import LoadedModel, load
from edgevision.convert.source_model.two_class_softmax import as_two_class_softmax

from edgevision import open_model, selftest
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadInput, BadModel, GateNotMet, OutputExists, UsageError
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.next_command import run_command
from edgevision.preprocessing import decode
from edgevision.tflite.graph import read_graph
from edgevision.types import Frame

NAMES = ("red", "green", "blue")
HEIGHT, WIDTH = 24, 32


def colours(count: int, seed: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images (n, height, width, 3) uint8 with one brightest channel each, and that channel."""
    chance = np.random.default_rng(seed)
    label = np.arange(count) % 3
    base = chance.integers(20, 150, (count, 1, 1, 3))
    base[np.arange(count), 0, 0, label] = chance.integers(170, 240, count)
    noise = chance.normal(0, 25, (count, *size, 3))
    return np.clip(base + noise, 0, 255).astype(np.uint8), label


def write_folder(folder: Path, count: int, seed: int, names: tuple[str, ...] = NAMES) -> Path:
    drawn, label = colours(count, seed, (40, 51))
    for number, (pixels, one) in enumerate(zip(drawn, label, strict=True)):
        path = folder / names[one] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(decode.encode_png(Frame(pixels)))
    return folder


def network(first: list[Any], shape: tuple[int, ...] = (HEIGHT, WIDTH, 3), end: str = "softmax", units: int = 3) -> Any:
    """Build a small classifier; ``first`` holds the normalizing layers."""
    layers = backend.keras().layers
    body = [
        layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.8),
        layers.ReLU(6.0),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.ReLU(6.0),
        layers.GlobalAveragePooling2D(),
        layers.Dense(units, activation=end),
    ]
    return backend.keras().Sequential([backend.keras().Input(shape), *first, *body])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a Rescaling layer that recognizes the brightest channel, trained for a few seconds."""
    keras = backend.keras()
    keras.utils.set_random_seed(3)
    model = network([keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 127.5, -1.0)])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    drawn, label = colours(600, 0)
    model.fit(drawn.astype(np.float32), label, epochs=12, batch_size=32, verbose=0)
    path = tmp_path_factory.mktemp("trained") / "colors.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("photos"), 90, 5)


@pytest.fixture(scope="module")
def label_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_bytes(b"\xef\xbb\xbfred\r\ngreen\r\nblue\r\n\r\n")  # as written on Windows
    return path


@pytest.fixture(scope="module")
def report(trained: Path, photos: Path, label_file: Path, tmp_path_factory: pytest.TempPathFactory) -> ConvertReport:
    output = tmp_path_factory.mktemp("out") / "c.tflite"
    return convert(
        ConvertOptions(trained, photos, calibration_count=30, labels=label_file, output=output, name="color teller")
    )


def test_file_predicts_what_the_network_learned(report: ConvertReport) -> None:
    drawn, label = colours(60, 77, (61, 45))
    with open_model(report.path) as model:
        assert model.card.name == "color teller"
        answers = [model.predict(pixels).top for pixels in drawn]
    right = [
        top is not None and top.index == one and top.name == NAMES[one] for top, one in zip(answers, label, strict=True)
    ]
    assert np.mean(right) >= 0.95


def test_file_is_int8_and_static_and_takes_bytes(report: ConvertReport) -> None:
    file = model_file.read(report.path)
    graph = read_graph(file.flatbuffer)
    assert graph.all_int8
    kinds = {t.spec.dtype for t in graph.tensors}
    assert kinds == {"int8", "int32", "uint8"}
    assert [s.dtype for s in (*graph.input_specs, *graph.output_specs)] == ["uint8", "uint8"]
    assert graph.input_specs[0].shape == (1, HEIGHT, WIDTH, 3)
    assert graph.input_specs[0].scale == pytest.approx(1 / 127.5, rel=1e-6)
    assert graph.input_specs[0].zero_point == 127
    dense = next(op for op in graph.operators if op.name == "FULLY_CONNECTED")
    assert not any(graph.tensors[n].per_channel for n in dense.inputs)
    # The Rescaling layer became part of the input quantization and left no operator.
    assert not {"MUL", "ADD", "SUB"} & {op.name for op in graph.operators}


def test_card_is_complete_and_contains_no_local_paths(report: ConvertReport, trained: Path) -> None:
    file = model_file.read(report.path)
    card = file.card
    assert card is not None
    assert card.labels == NAMES
    assert (card.task, card.activation) == ("classification", "softmax")
    assert card.preprocessing.describe() == "32x24 RGB, stretch, (pixel - 127.5) / 127.5"
    assert card.quantization is not None
    assert card.quantization["calibration"] == {"fingerprint": report.calibration.fingerprint, "pictures": 24}
    assert card.quantization["selection"] == {"pictures": 6}
    assert card.created is not None and card.created.endswith("Z")
    assert {"tensorflow", "keras", "edgevision", "python"} <= set(card.versions)
    text = card.dumps()
    assert str(trained.parent) not in text
    assert str(report.calibration.folder) not in text


def test_self_test_is_in_the_file_and_passes(report: ConvertReport) -> None:
    with open_model(report.path) as model:
        found = selftest.check(model)
    assert found.ok
    assert len(found.cases) >= 4
    assert report.selftest.margin > 0.24


def test_report_has_the_documented_fields(report: ConvertReport) -> None:
    written = parse(report.report_path.read_text(), "convert")
    assert report.report_path.name == "c.report.json"
    assert written["schema"] == "edgevision.convert/1"
    assert set(written["source"]) == {"path", "sha256", "format", "keras_version", "bytes", "parameters"}
    assert written["output"]["bytes"] == report.path.stat().st_size
    assert written["output"]["sha256"] == model_file.read(report.path).sha256
    assert written["heldout"]["pictures"] == written["heldout"]["labelled"] == 60
    assert written["float"]["accuracy"]["total"] == 60
    assert written["agreement"]["value"] >= 0.9
    assert written["agreement"]["low"] < written["agreement"]["value"] <= written["agreement"]["high"]
    drop = 100 * (written["float"]["accuracy"]["value"] - written["int8"]["accuracy"]["value"])
    assert written["drop_points"]["value"] == pytest.approx(drop, abs=0.01)
    assert written["drop_points"]["low"] <= drop <= written["drop_points"]["high"]
    assert 0 <= written["kl"] < 0.2
    assert written["source"]["keras_version"].startswith("3.")
    assert written["float"]["bytes"] > 2000


def test_existing_output_is_rejected_before_anything_is_read(report: ConvertReport, tmp_path: Path) -> None:
    with pytest.raises(OutputExists, match="--overwrite"):
        convert(ConvertOptions(Path("no such model"), output=report.path))
    other = tmp_path / "n.tflite"
    other.with_name("n.report.json").write_text("{}")
    with pytest.raises(OutputExists, match=r"n\.report\.json"):
        convert(ConvertOptions(Path("no such model"), output=other))
    with pytest.raises(UsageError, match=r"must end in \.tflite"):
        convert(ConvertOptions(Path("no such model"), output=tmp_path / "m.bin"))
    with pytest.raises(UsageError, match="plain name"):
        convert(ConvertOptions(Path("no such model"), name="../up"))


def command(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "edgevision", *map(str, arguments)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)


def test_options_of_a_program_are_checked(trained: Path, photos: Path, tmp_path: Path) -> None:
    loaded, wrong = LoadOptions(image_size=4), PreprocessingOptions(resize="squash")  # type: ignore[arg-type]
    for options, text in (
        (ConvertOptions(trained, photos, effort="most"), "effort: expected one of"),  # type: ignore[arg-type]
        (ConvertOptions(trained, photos, max_drop=-1), "max_drop: expected a number from 0 to 100"),
        (ConvertOptions(trained, photos, load=loaded), "image_size: expected a whole number from 8"),
        (ConvertOptions(trained, photos, preprocessing=wrong), "resize: expected one of"),
    ):
        with pytest.raises(BadInput, match=text):
            convert(replace(options, output=tmp_path / "x.tflite"))


def test_command_writes_a_run_folder_and_only_json(trained: Path, photos: Path, tmp_path: Path) -> None:
    """The card in the Keras file provides labels and preprocessing; no TensorFlow log output reaches the terminal."""
    model = tmp_path / "mine.keras"
    model.write_bytes(trained.read_bytes())
    add_card(model)
    done = command("convert", model, "--calibration", photos, "--calibration-count", "20", "--json", cwd=tmp_path)
    assert done.stderr == ""
    assert done.returncode == 0
    document = parse(done.stdout, "convert")
    output = tmp_path / document["output"]["path"]
    assert output == tmp_path / "runs" / "convert-1" / "mine.tflite"
    assert document["labels"] == {"count": 3, "from": "the model card"}
    assert document["preprocessing"]["resize"] == "crop"
    record = parse((output.parent / "run.json").read_text(), "run_folder")
    assert (record["command"], record["exit_code"]) == ("convert", 0)
    written = ["mine.tflite", "mine.report.json", "mine.report.html"]
    assert record["outputs"] == written
    assert sorted(p.name for p in output.parent.iterdir()) == sorted([*written, "run.json"])
    with open_model(output) as opened:
        assert opened.card.labels == ("r", "g", "b")


def test_model_is_compiled_for_the_edge_tpu_into_the_same_file(
    trained: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for edgetpu_compiler; what it does otherwise is in tests/convert/edgetpu."""
    fake = tmp_path / "edgetpu_compiler"
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} {HELPERS / "fake_edgetpu_compiler.py"} "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("EDGEVISION_EDGETPU_COMPILER", str(fake))
    monkeypatch.setenv("FAKE_EDGETPU_COMPILER", "partial")
    monkeypatch.setenv("FAKE_EDGETPU_RUNS", str(tmp_path / "calls"))
    report = convert(
        ConvertOptions(trained, photos, effort="none", edgetpu=True, min_mapped=90, runs=tmp_path / "runs")
    )
    document = valid(report.to_json(), "convert")
    found = document["edgetpu"]
    assert 0 < found["mapped"] < 0.9 and found["compiler"]["met"] is False and found["compiler"]["problem"] is None
    assert "edgetpu" in document["seconds"]
    made = model_file.read(report.path)
    assert (made.sha256, made.file_bytes) == (document["output"]["sha256"], document["output"]["bytes"])
    assert len(made.files["edgetpu.tflite"]) == found["compiler"]["part_bytes"]
    failure = report.failure()
    assert isinstance(failure, GateNotMet) and "but --min-mapped is 90 %: on the CPU are" in str(failure)
    assert json.loads((report.path.parent / "run.json").read_text())["exit_code"] == 3
    assert report.page_path is not None and "More than one subgraph is not supported" in report.page_path.read_text()
    table = dict(summary.rows(report))["Edge TPU"].splitlines()
    assert table[0].endswith("% of the operators; edgetpu_compiler 16.0.384591198")
    assert any(line.endswith(": CPU, More than one subgraph is not supported") for line in table)


def add_card(path: Path) -> None:
    import zipfile

    from edgevision.preprocessing.spec import Preprocessing

    preprocessing = Preprocessing(WIDTH, HEIGHT, resize="crop", crop_fraction=0.9)
    card = ModelCard(name="mine", task="classification", preprocessing=preprocessing, labels=("r", "g", "b"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("edgevision.json", card.dumps())


def test_summary_has_a_table_and_the_next_command(report: ConvertReport) -> None:
    from edgevision.convert.report import summary
    from rich.console import Console

    lines, console = summary.lines(report), Console(width=200)
    with console.capture() as shown:
        console.print(summary.table(report))
    printed = shown.get()
    assert lines[-1] == f"Next: {run_command(report.path, images=report.calibration.folder)}"
    assert lines[-2].startswith(f"Converted {report.source.path} to {report.path} (")
    for word in (
        "all int8",
        "24 images and 6 for selection",
        "95 %",
        "points lost",
        "worst layers",
        "MB float",
        "same answer",
    ):
        assert word in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("convert",), 2, "Missing argument 'MODEL'"),
        (("convert", "x.h5"), 1, "model not found: x.h5"),
        (("convert", "text.h5"), 1, "text.h5 is a text file"),
        (("convert", "x.h5", "--mean", "grey"), 2, "expected one number such as 127.5, or three"),
        (("convert", "x.h5", "--callibration", "y"), 2, "--calibration"),
        (("convert", "x.h5", "-o", "there.tflite"), 1, "there.tflite already exists"),
    ],
)
def test_command_errors_are_one_line(tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    (tmp_path / "text.h5").write_text("hello")
    (tmp_path / "there.tflite").write_text("")
    done = edgevision(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_wrong_number_of_labels_is_rejected(trained: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("a\nb\n")
    with pytest.raises(BadInput, match=r"two\.txt has 2 labels, but the model has 3 classes"):
        convert(ConvertOptions(trained, photos, labels=tmp_path / "two.txt", output=tmp_path / "m.tflite"))
    assert not (tmp_path / "m.tflite").exists()


def saved(model: Any, path: Path) -> LoadedModel:
    model.save(path)
    return load(scan(path))


def prepared(loaded: LoadedModel, **options: Any) -> FloatModel:
    shape = (loaded.height, loaded.width, loaded.channels)
    return make_float_model(
        loaded, infer_preprocessing(loaded.scan.config, shape, loaded.outputs, None, PreprocessingOptions(**options))
    )


def test_models_other_than_image_classifiers_are_rejected(tmp_path: Path) -> None:
    keras = backend.keras()
    layers = keras.layers

    def refused(model: Any, message: str) -> None:
        with pytest.raises(BadModel, match=message) as caught:
            saved(model, tmp_path / "m.keras")
        assert "\n" not in str(caught.value)

    one, two = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    flat = layers.Flatten()(one)
    refused(keras.Model([one, two], layers.Dense(2)(layers.Flatten()(layers.Add()([one, two])))), "has 2 inputs")
    refused(keras.Model(one, [layers.Dense(2)(flat), layers.Dense(3)(flat)]), "has 2 outputs")
    free = keras.Input((None, None, 3))
    pooled = layers.GlobalAveragePooling2D()(free)
    refused(keras.Model(free, layers.Dense(2)(pooled)), r"takes images of any size .*--image-size 224")
    vector = keras.Input((10,))
    refused(
        keras.Model(vector, layers.Dense(2)(vector)),
        r"has the flat input shape \(None, 10\), and nothing shows the image",
    )
    first = keras.Input((3, 8, 8))
    refused(keras.Model(first, layers.Dense(2)(layers.Flatten()(first))), "channels first is not supported")
    refused(keras.Sequential([layers.Flatten(), layers.Dense(2)]), "was never built|has no input shape")


def test_map_of_classes_without_a_card_is_rejected(photos: Path, tmp_path: Path) -> None:
    keras = backend.keras()
    image = keras.Input((8, 8, 3))
    keras.Model(image, keras.layers.Conv2D(4, 3)(image)).save(tmp_path / "map.keras")
    with pytest.raises(BadModel, match=r"has the output shape \(None, 6, 6, 4\), expected scores"):
        convert(ConvertOptions(tmp_path / "map.keras", photos, output=tmp_path / "m.tflite"))


def test_corrupt_weights_error_is_one_line(trained: Path, tmp_path: Path) -> None:
    import h5py

    keras = backend.keras()
    path = tmp_path / "m.h5"
    network([keras.layers.Rescaling(1 / 255)]).save(path)
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visit(lambda name: names.append(name) if name.endswith("kernel") else None)
        del file[names[0]]
    with pytest.raises(BadModel, match=r"Keras cannot load .*m\.h5") as caught:
        load(scan(path))
    assert "\n" not in str(caught.value)


DRAWN = colours(12, 9)[0]


def test_removing_a_rescaling_layer_keeps_the_scores(trained: Path) -> None:
    """The float model without the layer has the same scores for bytes as the original model."""
    loaded = load(scan(trained))
    before = np.asarray(loaded.keras(DRAWN.astype(np.float32), training=False))
    model = prepared(loaded)
    assert (model.preprocessing.mean, model.preprocessing.std) == ((127.5,), (127.5,))
    assert model.outputs(DRAWN) == pytest.approx(before, abs=1e-5)


def test_rescaling_in_a_nested_model_is_removed(tmp_path: Path) -> None:
    keras = backend.keras()
    inner = network([keras.layers.Rescaling(1 / 255)])
    outer = keras.Sequential([keras.Input((HEIGHT, WIDTH, 3)), keras.layers.RandomFlip(), inner])
    loaded = saved(outer, tmp_path / "m.keras")
    before = np.asarray(loaded.keras(DRAWN.astype(np.float32), training=False))
    model = prepared(loaded)
    assert model.preprocessing.std == (255.0,)
    assert model.outputs(DRAWN) == pytest.approx(before, abs=1e-5)


MEANS, STDS = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_normalization_beyond_one_scale_becomes_part_of_the_graph(tmp_path: Path, order: str) -> None:
    """With mean and std per channel, or BGR, the file still takes RGB bytes and is fully int8."""
    loaded = saved(network([]), tmp_path / "m.keras")
    fed = DRAWN[..., ::-1] if order == "BGR" else DRAWN
    wanted = np.asarray(loaded.keras(((fed - np.array(MEANS)) / np.array(STDS)).astype(np.float32), training=False))
    model = prepared(loaded, mean=MEANS, std=STDS, order=order)
    assert (model.preprocessing.order, model.preprocessing.mean, model.preprocessing.std) == ("RGB", (0.0,), (1.0,))
    assert model.outputs(DRAWN) == pytest.approx(wanted, abs=1e-5)
    flatbuffer = to_int8(model, lambda: DRAWN)
    spec = verify(flatbuffer, model.preprocessing).input_specs[0]
    assert (spec.dtype, spec.scale, spec.zero_point) == ("uint8", 1.0, 0)
    assert int8_outputs(flatbuffer) == pytest.approx(wanted, abs=0.03)


def int8_outputs(flatbuffer: bytes) -> np.ndarray:
    """Return the dequantized outputs for DRAWN, fed as plain bytes."""
    interpreter = open_interpreter(flatbuffer)
    spec = interpreter.outputs[0]
    raw = [interpreter.infer(one[np.newaxis])[0][0].astype(np.float32) for one in DRAWN]
    interpreter.close()
    return (np.stack(raw) - spec.zero_point) * spec.scale


def test_input_range_does_not_depend_on_the_images(trained: Path) -> None:
    model = prepared(load(scan(trained)))
    spec = verify(to_int8(model, lambda: DRAWN // 8 + 100), model.preprocessing).input_specs[0]
    assert (spec.scale, spec.zero_point) == (pytest.approx(1 / 127.5, rel=1e-6), 127)


def test_operators_at_the_input_stay_in_the_graph(tmp_path: Path) -> None:
    keras = backend.keras()
    image = keras.Input((HEIGHT, WIDTH, 3))
    scores = network([])(keras.applications.mobilenet_v2.preprocess_input(image))
    loaded = saved(keras.Model(image, scores), tmp_path / "m.keras")
    wanted = np.asarray(loaded.keras(DRAWN.astype(np.float32), training=False))
    model = prepared(loaded)
    assert (model.preprocessing.mean, model.preprocessing.std) == ((0.0,), (1.0,))
    flatbuffer = to_int8(model, lambda: DRAWN)
    verify(flatbuffer, model.preprocessing)
    assert int8_outputs(flatbuffer) == pytest.approx(wanted, abs=0.03)


def test_mixed_precision_and_uint8_inputs_become_float(tmp_path: Path) -> None:
    keras = backend.keras()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        image = keras.Input((HEIGHT, WIDTH, 3), dtype="uint8")
        half = keras.Model(image, network([keras.layers.Rescaling(1 / 255)])(image))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    half.save(tmp_path / "m.keras")
    wanted = np.asarray(half(DRAWN, training=False))
    model = prepared(load(scan(tmp_path / "m.keras")))
    assert model.outputs(DRAWN) == pytest.approx(wanted, abs=5e-3)  # half precision's own error
    verify(to_int8(model, lambda: DRAWN), model.preprocessing)


def test_gray_binary_model(tmp_path: Path) -> None:
    """One input channel and one sigmoid output: two labels, no and yes, with one score each in the file."""
    keras = backend.keras()
    keras.utils.set_random_seed(1)
    model = network([keras.layers.Rescaling(1 / 255)], (24, 24, 1), "sigmoid", 1)
    model.save(tmp_path / "g.keras")
    found = convert(
        ConvertOptions(tmp_path / "g.keras", write_folder(tmp_path / "p", 12, 1), output=tmp_path / "g.tflite")
    )
    assert found.card.preprocessing.order == "GRAY"
    # Only the selection set of two images is left for the comparison, and a note says so.
    assert not found.heldout.independent
    assert found.comparison.pictures == len(found.calibration.selection) == 2
    assert any(note.startswith("the comparison is not independent") for note in found.notes)
    with open_model(found.path) as opened:
        answer = opened.predict(DRAWN[0])
        assert opened.card.activation == "softmax"
    assert sorted(label.index for label in answer.labels) == [0, 1]
    assert sum(label.score for label in answer.labels) == pytest.approx(1.0, abs=2 / 256)
    assert found.graph.output_specs[0].shape == (1, 2)


@pytest.mark.parametrize("end", ["dense", "activation", "no bias", "shared"])
def test_binary_score_becomes_two_equivalent_scores(tmp_path: Path, end: str) -> None:
    """softmax([0, z]) is [1 - sigmoid(z), sigmoid(z)]; a last layer that cannot be rewritten stays unchanged."""
    keras = backend.keras()
    layers = keras.layers
    if end == "dense":
        model = network([layers.Rescaling(1 / 255)], end="sigmoid", units=1)
    elif end == "shared":
        body = network([], end="sigmoid", units=1)
        model = keras.Sequential([keras.Input((HEIGHT, WIDTH, 3)), layers.Rescaling(1 / 255), body])
    else:
        body = network([layers.Rescaling(1 / 255)], end="relu", units=5)
        tail = [layers.Dense(1, use_bias=end != "no bias"), layers.Activation("sigmoid")]
        model = keras.Sequential([keras.Input((HEIGHT, WIDTH, 3)), *body.layers, *tail])
    loaded = saved(model, tmp_path / "m.keras")
    before = np.asarray(loaded.keras(DRAWN.astype(np.float32), training=False))[:, 0]
    changed, answer = as_two_class_softmax(loaded, infer_task(loaded.scan.config, loaded.outputs))
    after = np.asarray(changed.keras(DRAWN.astype(np.float32), training=False))
    if end == "shared":
        assert changed is loaded and answer.activation == "sigmoid"
    else:
        assert (changed.outputs, answer.activation, answer.classes) == (2, "softmax", 2)
        assert after == pytest.approx(np.stack([1 - before, before], axis=1), abs=1e-5)
        preprocessing = infer_preprocessing(loaded.scan.config, (HEIGHT, WIDTH, 3), 2, None, PreprocessingOptions())
        assert make_float_model(changed, preprocessing).outputs(DRAWN) == pytest.approx(after, abs=1e-5)


def test_error_names_the_operator_without_int8_version(tmp_path: Path) -> None:
    keras = backend.keras()
    loaded = saved(network([keras.layers.Rescaling(1 / 255), keras.layers.Activation("elu")]), tmp_path / "m.keras")
    model = prepared(loaded)
    with pytest.raises(BadModel, match=r"cannot be fully quantized to int8: ELU has no int8 version \(first in '.*'\)"):
        verify(to_int8(model, lambda: DRAWN), model.preprocessing)


def test_report_on_other_labeled_images(trained: Path, photos: Path, tmp_path: Path) -> None:
    """With class numbers in the CSV, the class names need not match the model's."""
    drawn, label = colours(30, 123)
    rows = ["path,label"]
    for number, (pixels, one) in enumerate(zip(drawn, label, strict=True)):
        (tmp_path / f"{number}.png").write_bytes(decode.encode_png(Frame(pixels)))
        rows.append(f"{number}.png,{one}")
    (tmp_path / "judged.csv").write_text("\n".join(rows))
    found = convert(ConvertOptions(trained, photos, output=tmp_path / "m.tflite", eval_data=tmp_path / "judged.csv"))
    assert found.comparison.pictures == 30
    assert found.comparison.float_accuracy is not None and found.comparison.float_accuracy.value >= 0.9
    assert found.to_json()["heldout"]["path"].endswith("judged.csv")


def labels_file(folder: Path) -> Path:
    path = folder / "labels.txt"
    path.write_text("\n".join(NAMES))
    return path


def test_images_of_the_training_calibrate_and_the_others_are_reported(
    trained: Path, photos: Path, tmp_path: Path
) -> None:
    """With a split.csv beside the model, as in a run folder."""
    model = tmp_path / "model.keras"
    model.write_bytes(trained.read_bytes())
    names = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.png"))
    parts = {name: "test" if number % 4 == 0 else "train" for number, name in enumerate(names)}
    rows = [f"{name},{name.partition('/')[0]},{part},\n" for name, part in parts.items()]
    (tmp_path / "split.csv").write_text("path,label,split,group\n" + "".join(rows))
    labels = labels_file(tmp_path)
    found = convert(ConvertOptions(model, photos, calibration_count=20, labels=labels, output=tmp_path / "m.tflite"))
    used = [str(one.path.relative_to(photos)) for one in (*found.calibration.chosen, *found.calibration.selection)]
    assert {parts[name] for name in used} == {"train"}
    tests = [name for name, part in parts.items() if part == "test"]
    assert {str(one.path.relative_to(photos)) for one in found.heldout.measured} == set(tests)
    document = parse(json.dumps(found.to_json()), "convert")
    known = document["heldout"]["trained_on"]
    assert known["counted_apart"] and known["train"] == len(names) - len(tests) - 20 == known["float_accuracy"]["total"]
    assert document["heldout"]["pictures"] == document["float"]["accuracy"]["total"] == len(tests)
    assert document["balance"]["baseline"] < 0.5 < document["balance"]["float_balanced_accuracy"]
    shown = dict(summary.rows(found))
    assert "none of them used in training" in shown["agreement"] and "counted apart" in shown["trained on"]
    assert "counted apart" in page(found)


def test_images_of_the_training_alone_give_no_accuracy(trained: Path, photos: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.keras"
    model.write_bytes(trained.read_bytes())
    names = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.png"))
    (tmp_path / "split.csv").write_text("path,label,split\n" + "".join(f"{name},x,train\n" for name in names))
    labels, output = labels_file(tmp_path), tmp_path / "m.tflite"
    found = convert(ConvertOptions(model, photos, calibration_count=20, effort="none", labels=labels, output=output))
    document = parse(json.dumps(found.to_json()), "convert")
    assert document["float"]["accuracy"] is None and document["int8"]["accuracy"] is None
    assert not document["heldout"]["independent"] and not document["heldout"]["trained_on"]["counted_apart"]
    assert dict(summary.rows(found))["top-1"].startswith("unknown: the model was trained on all of these images")
    assert "Accuracy on new images is not known" in page(found) and any(
        "trained on all" in note for note in found.notes
    )


def test_synthetic_images_give_a_note(trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And the log tells each decision on the way."""
    own = ROOT / "calibration_images"
    with caplog.at_level("DEBUG", "edgevision"):
        found = convert(ConvertOptions(trained, own, output=tmp_path / "m.tflite"))
    assert any("synthetic images" in note for note in found.notes)
    assert found.to_json()["calibration"]["rendered"] is True
    told = [f"{one.name.removeprefix('edgevision.')}: {one.getMessage()}" for one in caplog.records]
    for start in (
        f"convert: {trained}: keras, Keras 3.",
        f"calibration: {own}: ",
        "calibration: no held-out images are left",
        f"convert: loading {trained} with Keras 3",
        "convert: task: classification with 3 classes",
        "convert: preprocessing: 32x24 RGB",
        "convert: labels: none",
        "repair: biases: ",
        "repair: rounding: ",
        "convert: Quantizing to int8: ",
        f"selftest: {tmp_path / 'm.tflite'}: ",
        f"files: wrote {tmp_path / 'm.tflite'} (",
    ):
        assert any(line.startswith(start) for line in told), start


def test_native_log_is_captured_for_the_error_message(capfd: pytest.CaptureFixture[str]) -> None:
    with backend.quiet() as log:
        os.write(2, b"WARNING: nothing\nerror: 'tf.Foo' op is neither a custom op nor a flex op\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    assert log.reason() == "error: 'tf.Foo' op is neither a custom op nor a flex op"


@pytest.mark.slow
def test_real_network(shared: Path, tmp_path: Path) -> None:
    """MobileNetV2 with its ImageNet weights in a separate process: size, agreement, memory."""
    done = command(
        "convert",
        shared / "models" / "mobilenet_v2_1.0_224_imagenet.h5",
        "--calibration",
        shared / "data" / "imagenet_sample",
        "--labels",
        shared / "models" / "imagenet_labels_1001.txt",
        "-o",
        tmp_path / "v2.tflite",
        "--json",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    document = parse(done.stdout, "convert")
    assert document["all_int8"]
    assert document["output"]["bytes"] < 4_200_000
    assert document["agreement"]["value"] >= 0.93
    assert document["peak_rss_mb"] < 2 * 1073.7
    assert document["heldout"]["pictures"] == 400
