"""Keras 2 model files: recognized by their metadata, loaded by tf_keras, converted without changing their scores."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import parse
from locations import ROOT

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tf_keras", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.keras_files.load_options import LoadOptions
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.quantization.ptq import to_float, to_int8
from edgevision.convert.quantization.verify import verify
from edgevision.convert.source_model.float_model import FloatModel, make_float_model
from edgevision.convert.source_model.infer_preprocessing import InferredPreprocessing, infer_preprocessing
from edgevision.convert.source_model.load import LoadedModel, load
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions

from edgevision import open_model
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel

SIDE = 24
BYTES = np.random.default_rng(7).integers(0, 256, (6, SIDE, SIDE, 3)).astype(np.uint8)
QUICK, LONG = ("v1.h5", "tl_rescale.keras"), ("seq_tm.h5", "tl_rescale.h5", "tl_tfop.h5", "tl_aug.h5")
NEED_MEAN = ("v1.h5", "seq_tm.h5")
"""Files that do not determine their normalization."""


@pytest.fixture(scope="module")
def keras() -> Any:
    """Keras 2."""
    return backend.tf_keras()


def network(
    keras: Any, first: Callable[[Any], Any], channels: int = 3, end: str = "softmax", units: int = 3, **given: Any
) -> Any:
    """Build a small functional classifier; ``first`` is applied to the images."""
    layers = keras.layers
    image = keras.Input(given.pop("shape", (SIDE, SIDE, channels)), **given)
    x = layers.Conv2D(6, 3, strides=2, use_bias=False)(first(image))
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(units, activation=end)(x))


def opened(
    path: Path, options: LoadOptions | None = None, **preprocessing: Any
) -> tuple[LoadedModel, InferredPreprocessing, FloatModel]:
    loaded = load(scan(path, options or LoadOptions()))
    found = loaded.scan
    inferred = infer_preprocessing(
        found.config,
        (loaded.height, loaded.width, loaded.channels),
        loaded.outputs,
        None,
        PreprocessingOptions(**preprocessing),
    )
    return loaded, inferred, make_float_model(loaded, inferred)


def float_outputs(model: FloatModel, pixels: np.ndarray) -> np.ndarray:
    """Return the outputs of the float .tflite for bytes."""
    interpreter = open_interpreter(to_float(model))
    found = [interpreter.infer(model.normalize(one)[np.newaxis])[0][0] for one in pixels]
    interpreter.close()
    return np.stack(found)


def int8_outputs(model: FloatModel, pixels: np.ndarray) -> np.ndarray:
    flatbuffer = to_int8(model, lambda: pixels)
    verify(flatbuffer, model.preprocessing)
    interpreter = open_interpreter(flatbuffer)
    spec = interpreter.outputs[0]
    raw = [interpreter.infer(one[np.newaxis])[0][0].astype(np.float32) for one in pixels]
    interpreter.close()
    return (np.stack(raw) - spec.zero_point) * spec.scale


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_real_files_keep_their_scores_after_conversion(shared: Path, keras: Any, name: str) -> None:
    path = shared / "models" / "legacy_keras2" / name
    options = {"mean": (127.5,), "std": (127.5,)} if name in NEED_MEAN else {}
    loaded, _, model = opened(path, **options)
    pixels = np.random.default_rng(1).integers(0, 256, (4, *model.shape)).astype(np.uint8)
    fed = pixels / np.float32(127.5) - 1 if name in NEED_MEAN else pixels.astype(np.float32)
    wanted = np.asarray(keras.models.load_model(path, compile=False)(fed, training=False))
    assert float_outputs(model, pixels) == pytest.approx(wanted, abs=2e-4)
    assert loaded.scan.keras_2 and loaded.scan.keras_version == "2.21.0"
    if name.startswith("tl_"):
        assert (loaded.height, loaded.width, loaded.outputs) == (96, 96, 5)


def test_keras_2_lambda_layer_runs_only_if_allowed(shared: Path, tmp_path: Path) -> None:
    """tf_keras itself runs it unconditionally."""
    path = shared / "models" / "legacy_keras2" / "tl_lambda.h5"
    with pytest.raises(BadModel, match=r"layer 'lambda' is a Lambda layer and carries pickled Python code"):
        scan(path)
    loaded, _, model = opened(path, LoadOptions(allow_code=True), mean=(0.0,), std=(1.0,))
    pixels = np.zeros((1, 96, 96, 3), np.uint8)
    assert float_outputs(model, pixels) == pytest.approx(np.asarray(loaded.keras(pixels.astype(np.float32))), abs=1e-4)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_rescaling_becomes_input_quantization(keras: Any, tmp_path: Path, suffix: str) -> None:
    source = network(keras, lambda x: keras.layers.Rescaling(1 / 127.5, -1)(keras.layers.RandomFlip()(x)))
    source.save(tmp_path / f"m{suffix}")
    wanted = np.asarray(source(BYTES.astype(np.float32), training=False))
    _, inferred, model = opened(tmp_path / f"m{suffix}")
    assert inferred.cut is not None
    assert (model.preprocessing.mean, model.preprocessing.std, model.matrix) == ((127.5,), (127.5,), None)
    assert float_outputs(model, BYTES) == pytest.approx(wanted, abs=1e-5)
    assert int8_outputs(model, BYTES) == pytest.approx(wanted, abs=0.03)


def adapted(keras: Any) -> Any:
    layer = keras.layers.Normalization()
    layer.adapt(BYTES.astype(np.float32))
    return layer


INSIDE: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "torch": lambda keras: keras.applications.densenet.preprocess_input,
    "caffe": lambda keras: keras.applications.resnet50.preprocess_input,
    "tf": lambda keras: keras.applications.mobilenet_v2.preprocess_input,
    "adapted": adapted,
    "constants": lambda keras: keras.layers.Normalization(
        mean=[120.0, 110.0, 100.0], variance=[3000.0, 3100.0, 3200.0]
    ),
}


# tf_keras cannot write the indexing of "caffe" into a .keras.
@pytest.mark.parametrize(
    ("suffix", "kind"), [(s, k) for s in (".h5", ".keras") for k in INSIDE if (s, k) != (".keras", "caffe")]
)
def test_normalization_in_the_graph_proves_bytes(keras: Any, tmp_path: Path, suffix: str, kind: str) -> None:
    """preprocess_input of keras.applications as layers, including per channel and BGR, needs no options."""
    source = network(keras, INSIDE[kind](keras))
    source.save(tmp_path / f"m{suffix}")
    wanted = np.asarray(source(BYTES.astype(np.float32), training=False))
    _, inferred, model = opened(tmp_path / f"m{suffix}")
    assert (model.preprocessing.mean, model.preprocessing.std) == ((0.0,), (1.0,))
    assert "normalization from the" in inferred.source
    assert float_outputs(model, BYTES) == pytest.approx(wanted, abs=1e-4)
    assert int8_outputs(model, BYTES) == pytest.approx(wanted, abs=0.04)


def test_per_channel_normalization_and_bgr_by_option(keras: Any, tmp_path: Path) -> None:
    source = network(keras, lambda x: x)
    source.save(tmp_path / "m.h5")
    mean, std = np.array([103.939, 116.779, 123.68]), np.array([57.0, 58.0, 59.0])
    wanted = np.asarray(source(((BYTES[..., ::-1] - mean) / std).astype(np.float32), training=False))
    _, _, model = opened(tmp_path / "m.h5", mean=tuple(mean), std=tuple(std), order="BGR")
    assert model.preprocessing.order == "RGB"
    assert float_outputs(model, BYTES) == pytest.approx(wanted, abs=1e-4)
    with pytest.raises(BadModel, match="cannot determine how the model's images must be normalized"):
        opened(tmp_path / "m.h5")


def test_gray_mixed_precision_and_uint8_inputs(keras: Any, tmp_path: Path) -> None:
    gray = network(keras, keras.layers.Rescaling(1 / 255), 1, "sigmoid", 1)
    gray.save(tmp_path / "g.h5")
    _, _, model = opened(tmp_path / "g.h5")
    assert (model.preprocessing.channels, model.preprocessing.order) == (1, "GRAY")
    wanted = np.asarray(gray(BYTES[..., :1].astype(np.float32), training=False))
    assert float_outputs(model, BYTES[..., :1]) == pytest.approx(wanted, abs=1e-5)
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        half = network(keras, keras.layers.Rescaling(1 / 255), dtype="uint8")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    for name in ("h.h5", "h.keras"):
        half.save(tmp_path / name)
        _, _, model = opened(tmp_path / name)
        wanted = np.asarray(half(BYTES, training=False)).astype(np.float32)
        assert int8_outputs(model, BYTES) == pytest.approx(wanted, abs=0.04)


def test_model_of_any_size_needs_image_size(keras: Any, tmp_path: Path) -> None:
    source = network(keras, keras.layers.Rescaling(1 / 255), shape=(None, None, 3))
    source.save(tmp_path / "m.h5")
    with pytest.raises(BadModel, match=r"takes images of any size .* --image-size 224"):
        opened(tmp_path / "m.h5")
    _, _, model = opened(tmp_path / "m.h5", LoadOptions(image_size=SIDE))
    assert model.shape == (SIDE, SIDE, 3)
    wanted = np.asarray(source(BYTES.astype(np.float32), training=False))
    assert int8_outputs(model, BYTES) == pytest.approx(wanted, abs=0.03)
    network(keras, keras.layers.Rescaling(1 / 255)).save(tmp_path / "fixed.h5")
    with pytest.raises(BadModel, match=r"takes images of 24x24, not 32x32; omit --image-size"):
        opened(tmp_path / "fixed.h5", LoadOptions(image_size=32))


@pytest.mark.parametrize("engine", ["keras.src.engine", "keras.engine", "tf_keras.src.engine"])
def test_class_modules_of_all_releases_are_accepted(keras: Any, tmp_path: Path, engine: str) -> None:
    source = network(keras, keras.layers.Rescaling(1 / 255))
    source.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"]) | {"module": f"{engine}.functional"}
    parts |= {"config.json": json.dumps(config).encode(), "metadata.json": b'{"keras_version": "2.13.1"}'}
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    _, _, model = opened(tmp_path / "old.keras")
    wanted = np.asarray(source(BYTES.astype(np.float32), training=False))
    assert float_outputs(model, BYTES) == pytest.approx(wanted, abs=1e-5)


def test_generation_without_version_is_inferred_from_the_config(keras: Any, tmp_path: Path) -> None:
    import h5py

    network(keras, keras.layers.Rescaling(1 / 255)).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        del file.attrs["keras_version"]
        del file["model_weights"].attrs["keras_version"]
    loaded, _, _ = opened(tmp_path / "m.h5")
    assert loaded.scan.keras_version is None and loaded.scan.keras_2


def test_several_inputs_error_is_one_line(keras: Any, tmp_path: Path) -> None:
    one, two = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    flat = keras.layers.Flatten()(keras.layers.Add()([one, two]))
    keras.Model([one, two], keras.layers.Dense(2)(flat)).save(tmp_path / "m.h5")
    with pytest.raises(BadModel, match="has 2 inputs") as caught:
        opened(tmp_path / "m.h5")
    assert "\n" not in str(caught.value)


def test_command_is_quiet(keras: Any, data: Path, tmp_path: Path) -> None:
    """No log output of TensorFlow or tf_keras reaches the terminal, and the file passes its self-test."""
    network(keras, keras.layers.Rescaling(1 / 255)).save(tmp_path / "old.h5")
    pictures = ROOT / "calibration_images"
    line = [
        sys.executable,
        "-m",
        "edgevision",
        "convert",
        "old.h5",
        "--calibration",
        str(pictures),
        "--calibration-count",
        "20",
        "--effort",
        "none",
        "--json",
    ]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert said == []
    document = parse(done.stdout, "convert")
    assert document["source"]["keras_version"].startswith("2.")
    with open_model(tmp_path / document["output"]["path"]) as model:
        assert len(model.predict(BYTES[0]).labels) == 3
