"""The input of a model is checked before anything is loaded; images without channels and flat ones are understood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locations import ROOT

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tf_keras", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.keras_files.load_options import LoadOptions
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.keras_scorer import open_keras
from edgevision.convert.options import ConvertOptions
from edgevision.convert.pipeline import convert
from edgevision.convert.source_model.float_model import make_float_model
from edgevision.convert.source_model.image_input import require_declared_image
from edgevision.convert.source_model.infer_preprocessing import infer_preprocessing
from edgevision.convert.source_model.load import load
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions

from edgevision import open_model
from edgevision.errors import BadModel
from edgevision.types import Frame

SIDE = 12
KINDS = ("3.keras", "3.h5", "2.keras", "2.h5", "3-saved", "2-saved")
GRAY = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 1), dtype=np.uint8)
RGB = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
Layers = Callable[[Any], list[Any]]
SHAPES: dict[str, tuple[tuple[int, ...], Layers]] = {
    "reshape": ((SIDE, SIDE), lambda layers: [layers.Reshape((SIDE, SIDE, 1)), layers.Conv2D(4, 3, activation="relu")]),
    "flatten": ((SIDE, SIDE), lambda layers: [layers.Flatten(), layers.Dense(8, activation="relu")]),
    "rescaling first": ((SIDE, SIDE), lambda layers: [layers.Rescaling(1 / 255), layers.Reshape((SIDE, SIDE, 1))]),
    "flat to image": ((SIDE * SIDE,), lambda layers: [layers.Reshape((SIDE, SIDE, 1)), layers.Conv2D(4, 3)]),
    "flat to rest": ((SIDE * SIDE,), lambda layers: [layers.Reshape((SIDE, SIDE, -1)), layers.Conv2D(4, 3)]),
    "flat to colors": ((SIDE * SIDE * 3,), lambda layers: [layers.Reshape((SIDE, SIDE, 3)), layers.Conv2D(4, 3)]),
}


def network(keras: Any, shape: tuple[int, ...], first: Layers) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [keras.Input(shape), *first(layers), layers.Flatten(), layers.Dense(3, activation="softmax")]
    )


def save(folder: Path, kind: str, shape: tuple[int, ...], first: Layers) -> tuple[Any, Path]:
    keras = backend.tf_keras() if kind.startswith("2") else backend.keras()
    model, path = network(keras, shape, first), folder / kind
    with backend.quiet():
        if kind == "3-saved":
            model.export(str(path), verbose=False)
        else:
            model.save(path, **({"save_format": "tf"} if kind == "2-saved" else {}))
    return model, path


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (case, kind)
        for case in SHAPES
        for kind in KINDS
        if not kind.endswith("saved") or case in ("reshape", "rescaling first", "flat to image")
    ],
)
def test_reshaped_inputs_are_taken_as_images(tmp_path: Path, case: str, kind: str) -> None:
    shape, first = SHAPES[case]
    saved_flat = kind.endswith("saved") and len(shape) == 1  # its graph does not show the sides
    source, path = save(tmp_path, kind, shape, first)
    options = LoadOptions(image_size=SIDE) if saved_flat else LoadOptions()
    loaded = load(scan(path, options))
    channels = 3 if case == "flat to colors" else 1
    assert (loaded.height, loaded.width, loaded.channels, loaded.own_shape) == (SIDE, SIDE, channels, shape)
    inside = case == "rescaling first"
    given = PreprocessingOptions() if inside else PreprocessingOptions(mean=(0.0,), std=(255.0,))
    size = (loaded.height, loaded.width, loaded.channels)
    model = make_float_model(loaded, infer_preprocessing(loaded.scan.config, size, loaded.outputs, None, given))
    assert model.preprocessing.order == ("RGB" if channels == 3 else "GRAY")
    images = GRAY if channels == 1 else RGB
    fed = images.reshape(-1, *shape).astype(np.float32)
    wanted = np.asarray(source(fed if inside else fed / 255, training=False))
    if not inside:
        assert model.outputs(images) == pytest.approx(wanted, abs=1e-5)
    else:  # the Rescaling layer was set to 1 in the loaded model only
        assert model.outputs(images) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    ("shape", "first", "message"),
    [
        ((SIDE, SIDE), lambda layers: [layers.Conv1D(4, 3)], r"\(None, 12, 12\) and does not reshape it into an image"),
        (
            (144,),
            lambda layers: [layers.Dense(4)],
            r"flat input shape \(None, 144\).*gray image of 12x12.*--image-size 12",
        ),
        ((150,), lambda layers: [layers.Dense(4)], r"flat input shape \(None, 150\), and nothing shows the image"),
        ((3, 16, 16), lambda layers: [layers.Flatten()], "channels first is not supported"),
        ((16, 16, 4), lambda layers: [layers.Flatten()], "expected 1 or 3 channels"),
        ((None, None, 3), lambda layers: [layers.GlobalMaxPooling2D()], "images of any size .*--image-size 224"),
        ((4, 16, 16, 3), lambda layers: [layers.Flatten()], r"shape \(None, 4, 16, 16, 3\), expected one image"),
    ],
)
@pytest.mark.parametrize("kind", ["3.keras", "3.h5", "2.keras", "2.h5"])
def test_other_inputs_are_refused_before_loading(
    tmp_path: Path, kind: str, shape: tuple[int, ...], first: Layers, message: str
) -> None:
    _, path = save(tmp_path, kind, shape, first)
    with pytest.raises(BadModel, match=message) as caught:
        require_declared_image(scan(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["3.keras", "2.h5"])
def test_several_inputs_are_refused_before_loading(tmp_path: Path, kind: str) -> None:
    keras = backend.tf_keras() if kind.startswith("2") else backend.keras()
    images = [keras.Input((16, 16, 3)), keras.Input((16, 16, 3))]
    x = keras.layers.Flatten()(keras.layers.Concatenate()(images))
    keras.Model(images, keras.layers.Dense(2)(x)).save(tmp_path / kind)
    with pytest.raises(
        BadModel, match=r"has 2 inputs \(\(None, 16, 16, 3\), \(None, 16, 16, 3\)\), expected exactly one"
    ):
        require_declared_image(scan(tmp_path / kind))


def test_flat_input_is_taken_with_the_size_from_the_options(tmp_path: Path) -> None:
    _, path = save(tmp_path, "3.keras", (144,), lambda layers: [layers.Dense(4)])
    loaded = load(scan(path, LoadOptions(image_size=12)))
    assert (loaded.height, loaded.width, loaded.channels) == (12, 12, 1)


@pytest.mark.parametrize("kind", ["3.keras", pytest.param("2-saved", marks=pytest.mark.slow)])
def test_file_of_a_gray_network_scores_as_keras_does(tmp_path: Path, kind: str) -> None:
    _, path = save(tmp_path, kind, *SHAPES["reshape"])
    options = ConvertOptions(
        path,
        ROOT / "calibration_images",
        output=tmp_path / "m.tflite",
        effort="none",
        preprocessing=PreprocessingOptions(mean=(0.0,), std=(255.0,)),
    )
    report = convert(options)
    assert report.card.preprocessing.order == "GRAY"
    photo = Frame(np.repeat(GRAY[0], 3, axis=2))
    with open_model(report.path) as model:
        int8 = model.scores(photo)
    assert open_keras(path, mean=(0.0,), std=(255.0,)).scores(photo) == pytest.approx(int8, abs=0.06)
