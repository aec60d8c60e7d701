"""Conversion of a float .tflite: the same file, report and messages as of a Keras model; what is refused, in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import parse
from float_tflites import HEIGHT, WIDTH, channels_first, classifier, to_tflite

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import ConvertOptions, ConvertReport, LoadOptions, PreprocessingOptions, backend, convert
from edgevision.convert.report import summary
from edgevision.convert.tflite_source import trial
from edgevision.convert.tflite_source.open_tflite import scan_tflite

from edgevision import open_model, read_model, selftest
from edgevision.errors import BadModel, EdgeVisionError
from edgevision.preprocessing import decode
from edgevision.types import Frame

NAMES = ("red", "green", "blue")
SIGNED = PreprocessingOptions(mean=(127.5,), std=(127.5,), resize="stretch")


def write(path: Path, flatbuffer: bytes) -> Path:
    path.write_bytes(flatbuffer)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noisy photos of each class, in a folder of its name; the channel of the class is the brightest."""
    folder = tmp_path_factory.mktemp("photos")
    chance = np.random.default_rng(5)
    for number in range(72):
        base = chance.integers(20, 150, 3)
        base[number % 3] = chance.integers(170, 240)
        pixels = np.clip(base + chance.normal(0, 25, (40, 51, 3)), 0, 255).astype(np.uint8)
        path = folder / NAMES[number % 3] / f"{number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(decode.encode_png(Frame(pixels)))
    return folder


@pytest.fixture(scope="module")
def teller() -> Any:
    """A network whose scores are the means of the channels, behind a depthwise layer with channels of different sizes."""
    keras = backend.keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((HEIGHT, WIDTH, 3)),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.Conv2D(3, 1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    chance = np.random.default_rng(0)
    kernel = chance.normal(0.1, 0.02, (3, 3, 3, 1)) * np.reshape([1.0, 30.0, 0.2], (1, 1, 3, 1))
    undo = np.diag(1 / kernel.sum((0, 1, 3)))
    model.set_weights([kernel, np.zeros(3), undo[np.newaxis, np.newaxis], np.zeros(3), 4 * np.eye(3), np.zeros(3)])
    return model


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "names.txt"
    path.write_text("\n".join(NAMES), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(teller: Any, photos: Path, labels: Path, tmp_path_factory: pytest.TempPathFactory) -> ConvertReport:
    """The conversion of a file as PyTorch's exporters write it."""
    folder = tmp_path_factory.mktemp("out")
    model = write(folder / "teller.tflite", to_tflite(channels_first(teller)))
    options = ConvertOptions(model, photos, 30, labels=labels, preprocessing=SIGNED, output=folder / "int8.tflite")
    made = convert(options)
    assert isinstance(made, ConvertReport)
    return made


def test_report_has_what_the_report_of_a_keras_model_has(report: ConvertReport) -> None:
    document = parse(report.report_path.read_text(encoding="utf-8"), "convert")
    assert document["source"]["format"] == "tflite"
    assert document["source"]["keras_version"] is None
    assert document["preprocessing_from"] == "the options"
    assert document["labels"] == {"count": 3, "from": "names.txt"}
    assert document["all_int8"] is True
    assert document["agreement"]["value"] > 0.9
    assert document["int8"]["accuracy"]["value"] > 0.9
    assert [step["name"] for step in document["repair"]["steps"]][-2:] == ["biases", "rounding"]
    assert any("computed" in line or "teller" in line for line in summary.lines(report))


def test_file_takes_bytes_of_ordinary_photos_and_passes_its_selftest(report: ConvertReport, photos: Path) -> None:
    file = read_model(report.path)
    assert (file.inputs[0].dtype, file.inputs[0].shape) == ("uint8", (1, HEIGHT, WIDTH, 3))
    with open_model(report.path) as model:
        assert selftest.check(model).ok
        for name in NAMES:
            top = model.predict(decode.read(sorted((photos / name).iterdir())[0])).top
            assert top is not None and top.name == name


def test_a_file_with_a_card_needs_no_options(report: ConvertReport, teller: Any, photos: Path, tmp_path: Path) -> None:
    from edgevision.model_file import model_file

    card = report.card.with_(selftest=None, quantization=None, drift=None)
    card = card.with_(preprocessing=replace(card.preprocessing, mean=(127.5,), std=(127.5,)))
    path = tmp_path / "carded.tflite"
    model_file.write(path, to_tflite(teller), card)
    again = convert(ConvertOptions(path, photos, 30, effort="none", output=tmp_path / "again.tflite"))
    assert (again.preprocessing_from, again.labels_from) == ("the model card", "the model file")
    assert again.card.labels == NAMES


def refused(path: Path, options: PreprocessingOptions = SIGNED, load: LoadOptions | None = None) -> str:
    """Return the message of a refused conversion; it is one line."""
    given = ConvertOptions(path, path.parent, preprocessing=options, load=load or LoadOptions())
    with pytest.raises(EdgeVisionError) as caught:
        convert(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def model(photos: Path, tmp_path: Path) -> Callable[[bytes], Path]:
    """Return a function that writes a model into a folder with photos, which are the calibration images."""
    for number, photo in enumerate(sorted(photos.rglob("*.png"))[:30]):
        shutil.copy(photo, tmp_path / f"{number}.png")
    return lambda flatbuffer: write(tmp_path / "model.tflite", flatbuffer)


def test_modes_that_need_the_keras_model_are_refused(teller: Any, photos: Path, labels: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "float.tflite", to_tflite(teller))
    options = ConvertOptions(
        source,
        photos,
        calibration_count=12,
        labels=labels,
        preprocessing=SIGNED,
        output=tmp_path / "out.tflite",
        mode="float16",
    )
    with pytest.raises(BadModel, match=r"a float .tflite can be converted in --mode int8, int8-io and float"):
        convert(options)
    whole = convert(replace(options, mode="float"))
    assert whole.card.quantization is not None and whole.card.quantization["mode"] == "float"


def test_quantized_files_are_refused(model: Callable[[bytes], Path]) -> None:
    keras = backend.keras()
    dense = keras.Sequential([keras.Input((HEIGHT, WIDTH, 3)), keras.layers.Flatten(), keras.layers.Dense(4)])
    path = model(to_tflite(dense, dynamic_range=True))
    assert "int8 weights already" in refused(path) and "give the float .tflite" in refused(path)
    assert "is quantized already" in refused(model(to_tflite(dense, int8=True)))


def test_missing_preprocessing_names_the_options(model: Callable[[bytes], Path]) -> None:
    path = model(to_tflite(classifier()))
    assert "--resize" in refused(path, PreprocessingOptions())
    assert "--mean and --std" in refused(path, PreprocessingOptions(resize="stretch"))


def test_other_inputs_and_tasks_are_refused(model: Callable[[bytes], Path]) -> None:
    keras = backend.keras()
    two = [keras.Input((HEIGHT, WIDTH, 3), batch_size=1) for _ in range(2)]
    assert "2 inputs at once" in refused(model(to_tflite(keras.Model(two, classifier()(keras.ops.add(*two))))))
    image = keras.Input((HEIGHT, WIDTH, 3), batch_size=1)
    mask = keras.Model(image, keras.layers.Conv2D(4, 3, padding="same", activation="softmax")(image))
    assert "is a model for segmentation" in refused(model(to_tflite(mask)))
    assert "omit --allow-code" in refused(model(to_tflite(classifier())), load=LoadOptions(image_size=32))


def test_operator_without_int8_version_is_refused_before_the_photos_are_prepared(
    model: Callable[[bytes], Path],
) -> None:
    keras = backend.keras()
    network = classifier((keras.layers.Lambda(lambda x: keras.ops.floor(x)),))
    assert "FLOOR has no int8 version" in refused(model(to_tflite(network)))


@pytest.mark.slow
def test_real_float_classifier_with_metadata_is_repaired(shared: Path, tmp_path: Path) -> None:
    """MobileNetV1 0.25, which loses a fifth of its answers by plain quantization; its preprocessing is in its metadata."""
    source = shared / "models" / "mobilenet_v1_0.25_224_float_with_metadata.tflite"
    photos = tmp_path / "photos"
    photos.mkdir()
    for photo in sorted((shared / "data" / "imagenet_sample").iterdir())[:120:2]:
        (photos / photo.name).symlink_to(photo)
    made = convert(ConvertOptions(source, photos, 40, output=tmp_path / "v1.tflite"))
    assert made.preprocessing_from.startswith("its standard metadata") and len(made.card.labels) == 1001
    assert made.repair is not None and made.repair.before is not None and made.repair.after is not None
    assert made.repair.after.value < 0.3 * made.repair.before.value


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return to_tflite(classifier())


@pytest.mark.parametrize("seed", range(6))
def test_changed_bytes_give_one_line(small: bytes, tmp_path: Path, seed: int) -> None:
    """A child process tries the file; a crash of TensorFlow's native code is its end, not ours."""
    from fuzz_child import damaged

    path = write(tmp_path / "damaged.tflite", damaged(small, 3 * seed + 1))
    try:
        scan_tflite(path)
        trial.prepare_safely(read_model(path), _preprocessing())
    except BadModel as error:
        assert str(error).startswith(f"{path}") and "\n" not in str(error)


def _preprocessing() -> Any:
    from edgevision.preprocessing.spec import Preprocessing

    return Preprocessing(WIDTH, HEIGHT, mean=(127.5,), std=(127.5,))


def test_crash_of_the_native_code_is_one_line(small: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor whose shape is larger than its buffer passes the strict reader."""
    from edgevision.convert.tflite_source.source_graph import SourceGraph

    graph = SourceGraph(small)
    weights = next(op for op in graph.operators if op.name == "CONV_2D").inputs[1]
    graph._graph.tensors[weights].shape = np.asarray([8, 300, 300, 3], np.int32)
    path = write(tmp_path / "large.tflite", graph.pack())
    with pytest.raises(BadModel) as caught:
        trial.prepare_safely(read_model(path), _preprocessing())
    assert str(caught.value).startswith(f"{path}: ")
