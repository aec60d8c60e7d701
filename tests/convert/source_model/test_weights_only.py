"""Weights-only files: loaded into the named network by layer and shape, or rejected in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import edgevision
from locations import ROOT

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.keras_files.load_options import LoadOptions
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.source_model.infer_preprocessing import infer_preprocessing
from edgevision.convert.source_model.load import LoadedModel, load

from edgevision.errors import BadInput, BadModel, UnknownName

SIDE = 64
V2 = LoadOptions(architecture="mobilenet_v2", alpha=0.35, classes=2, image_size=SIDE)
PIXELS = np.random.default_rng(2).uniform(-1, 1, (3, SIDE, SIDE, 3)).astype(np.float32)


def headless(keras: Any, name: str = "MobileNetV2", **given: Any) -> Any:
    keras.utils.set_random_seed(5)
    return getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(SIDE, SIDE, 3), **given)


def transfer(keras: Any, nested: bool, classes: int = 2) -> Any:
    """Build the usual transfer model on a backbone; the dense layer has a custom name."""
    layers, base = keras.layers, headless(keras, alpha=0.35)
    if nested:
        return keras.Sequential(
            [base, layers.GlobalAveragePooling2D(), layers.Dropout(0.2), layers.Dense(classes, activation="softmax")]
        )
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(base.output))
    return keras.Model(base.input, layers.Dense(classes, activation="softmax", name="cats_or_dogs")(x))


def opened(path: Path, options: LoadOptions = V2) -> LoadedModel:
    return load(scan(path, options))


def same(loaded: LoadedModel, source: Any, pixels: np.ndarray = PIXELS) -> None:
    wanted = np.asarray(source(pixels, training=False))
    assert np.asarray(loaded.keras(pixels, training=False)) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("layout", ["Keras 2 .h5", "Keras 3 .weights.h5", "Keras 2 .weights.h5"])
def test_usual_transfer_model_in_every_layout(tmp_path: Path, layout: str, nested: bool) -> None:
    keras = backend.tf_keras() if "2 " in layout else backend.keras()
    source = transfer(keras, nested)
    path = tmp_path / ("w.h5" if layout.endswith("2 .h5") else "w.weights.h5")
    source.save_weights(path)
    loaded = opened(path)
    assert (loaded.height, loaded.outputs, loaded.scan.format) == (SIDE, 2, "weights")
    same(loaded, source)


def test_published_network_with_its_own_top(tmp_path: Path) -> None:
    """The number of classes is read from the file; the preprocessing is known for the whole ImageNet network."""
    keras = backend.keras()
    source = keras.applications.MobileNet(alpha=0.25, weights=None, input_shape=(SIDE, SIDE, 3), classes=1000)
    source.save_weights(tmp_path / "w.weights.h5")
    loaded = opened(tmp_path / "w.weights.h5", LoadOptions(architecture="mobilenet", alpha=0.25, image_size=SIDE))
    same(loaded, source)
    found = infer_preprocessing(loaded.scan.config, (SIDE, SIDE, 3), loaded.outputs)
    assert found.preprocessing.describe() == "64x64 RGB, crop 0.875, (pixel - 127.5) / 127.5"


def test_mobilenet_v3_with_keras_2_layer_names(tmp_path: Path) -> None:
    keras = backend.tf_keras()
    base = headless(keras, "MobileNetV3Small")
    x = keras.layers.GlobalAveragePooling2D()(base.output)
    source = keras.Model(base.input, keras.layers.Dense(3, activation="softmax")(x))
    source.save_weights(tmp_path / "w.h5")
    options = LoadOptions(architecture="mobilenet_v3_small", classes=3, image_size=SIDE)
    same(opened(tmp_path / "w.h5", options), source, (PIXELS + 1) * 127.5)


def test_mismatch_error_is_one_line_and_names_a_layer(tmp_path: Path) -> None:
    transfer(backend.keras(), nested=False).save_weights(tmp_path / "w.weights.h5")

    def refused(message: str, error: type[Exception] = BadModel, **given: Any) -> None:
        options = {"architecture": "mobilenet_v2", "alpha": 0.35, "classes": 2, "image_size": SIDE} | given
        with pytest.raises(error, match=message) as caught:
            opened(tmp_path / "w.weights.h5", LoadOptions(**options))
        assert "\n" not in str(caught.value)

    refused(
        r"does not match mobilenet_v2 1, 64x64 with 2 classes: layer 'Conv1' expects 3x3x3x32, the file has 3x3x3x16",
        alpha=1.0,
    )
    refused(r"with 5 classes: layer '\w+' expects 1280x5.* the file has", classes=5)
    refused(r"does not match mobilenet 0\.35", architecture="mobilenet")
    refused(r"unknown architecture 'mobilenet_v9'; did you mean 'mobilenet_v", UnknownName, architecture="mobilenet_v9")
    refused(r"--alpha applies only to mobilenet, .*; omit it for resnet50", BadInput, architecture="resnet50")
    refused(r"cannot build .*: Input size must be at least 32x32", BadInput, image_size=16)


def test_architecture_with_a_whole_model_is_rejected(tmp_path: Path) -> None:
    transfer(backend.keras(), nested=False).save(tmp_path / "m.h5")
    with pytest.raises(BadModel, match="contains a whole model; omit --architecture"):
        opened(tmp_path / "m.h5")


@pytest.mark.slow
def test_command_converts_weights_only_file(tmp_path: Path) -> None:
    transfer(backend.keras(), nested=False).save_weights(tmp_path / "w.weights.h5")
    line = ["convert", "w.weights.h5", "--calibration", ROOT / "calibration_images", "--effort", "none"]
    named = "--architecture mobilenet_v2 --alpha 0.35 --classes 2 --image-size 64 --mean 127.5 --std 127.5".split()
    for arguments, code, words in (
        (named[:8], 1, "its MobileNetV2 backbone usually needs --mean 127.5 --std 127.5"),
        (named, 0, "Next: edgevision run"),
    ):
        done = edgevision(*line, *arguments, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        assert words in done.stdout + done.stderr
        assert code == 0 or len(done.stderr.strip().splitlines()) == 1
