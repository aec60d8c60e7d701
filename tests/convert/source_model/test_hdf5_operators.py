"""Loading of .h5 files with operators, which Keras 3 writes but cannot read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.source_model.hdf5_operators import has_operators
from edgevision.convert.source_model.infer_preprocessing import infer_preprocessing
from edgevision.convert.source_model.load import load

SIDE = 16


def small(keras: Any, operators: bool = True) -> Any:
    """Build a model and a nested model with operators on a number and on two tensors, or with equivalent layers."""
    keras.utils.set_random_seed(3)
    layers, ops = keras.layers, keras.ops
    features = keras.Input((SIDE, SIDE, 4))
    gate = layers.ReLU(6.0)(features * 0.5 + 3.0) if operators else layers.ReLU(6.0)(features)
    inner = keras.Model(features, layers.Multiply()([features, gate]), name="gate")
    image = keras.Input((SIDE, SIDE, 3))
    x = image / 127.5 - 1.0 if operators else layers.Rescaling(1 / 127.5, -1)(image)
    a, b = layers.Conv2D(4, 3, padding="same")(x), layers.Conv2D(4, 1)(x)
    x = inner(ops.maximum(a, b) if operators else layers.Maximum()([a, b]))
    x = layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, ops.softmax(x) if operators else layers.Softmax()(x))


def same(path: Path, source: Any, side: int) -> Any:
    loaded = load(scan(path))
    pixels = np.random.default_rng(1).uniform(0, 255, (2, side, side, 3)).astype(np.float32)
    wanted = np.asarray(source(pixels, training=False))
    assert np.asarray(loaded.keras(pixels, training=False)) == pytest.approx(wanted, abs=1e-6)
    return loaded


def test_operators_are_loaded(tmp_path: Path) -> None:
    source = small(backend.keras())
    source.save(tmp_path / "m.h5")
    loaded = same(tmp_path / "m.h5", source, SIDE)
    assert has_operators(loaded.scan.config)
    inferred = infer_preprocessing(loaded.scan.config, (SIDE, SIDE, 3), 3)
    assert (inferred.preprocessing.mean, inferred.preprocessing.std, inferred.cut) == ((0.0,), (1.0,), None)
    assert "the operators" in inferred.source


def test_layers_with_operator_names_are_left_to_keras(tmp_path: Path) -> None:
    source = small(backend.keras(), operators=False)
    source.save(tmp_path / "m.h5")
    assert not has_operators(same(tmp_path / "m.h5", source, SIDE).scan.config)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV3Small", "MobileNetV3Large"])
def test_mobilenet_v3(tmp_path: Path, name: str) -> None:
    keras = backend.keras()
    source = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=1000)
    source.save(tmp_path / "m.h5")
    loaded = same(tmp_path / "m.h5", source, 64)
    assert "MobileNetV3" in infer_preprocessing(loaded.scan.config, (64, 64, 3), 1000).source
