"""Ways in which a network can begin: inactive layers, nested or not, in Keras 2 and 3; the reading must match the network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.source_model.float_model import make_float_model
from edgevision.convert.source_model.infer_preprocessing import infer_preprocessing
from edgevision.convert.source_model.layer_graph import final_activation
from edgevision.convert.source_model.load import load
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions

from edgevision.errors import BadInput, BadModel

BOTH = pytest.mark.parametrize("K", [keras, tf_keras], ids=["keras3", "keras2"])
SIDE = 16
BYTES = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)


def augmentation(K: Any) -> Any:
    return K.Sequential([K.layers.RandomFlip("horizontal"), K.layers.RandomRotation(0.1)])


HEADS: dict[str, Callable[[Any], list[Any]]] = {
    "nested augmentation": lambda K: [augmentation(K), K.layers.Rescaling(1 / 255)],
    "plain augmentation": lambda K: [K.layers.RandomZoom(0.1), K.layers.Rescaling(1 / 127.5, offset=-1)],
    "two nested": lambda K: [augmentation(K), K.Sequential([K.layers.Rescaling(1 / 255)])],
    "nested in nested": lambda K: [K.Sequential([augmentation(K)]), K.layers.Rescaling(1 / 255)],
    "nested noise": lambda K: [K.Sequential([K.layers.GaussianNoise(0.1)]), K.layers.Rescaling(1 / 255)],
    "nested resizing": lambda K: [K.Sequential([K.layers.Resizing(12, 12)]), K.layers.Rescaling(1 / 255)],
    "rescaling, then nested augmentation": lambda K: [K.layers.Rescaling(1 / 255), augmentation(K)],
    "nested augmentation, then Normalization": lambda K: [
        augmentation(K),
        K.layers.Normalization(mean=[120.0, 110.0, 100.0], variance=[900.0, 1000.0, 1100.0]),
    ],
    "ActivityRegularization": lambda K: [K.layers.ActivityRegularization(0.1), K.layers.Rescaling(1 / 255)],
}
KERAS_3_HEADS: dict[str, Callable[[], list[Any]]] = {
    "RandAugment": lambda: [keras.layers.RandAugment(value_range=(0, 255)), keras.layers.Rescaling(1 / 255)],
    "Pipeline": lambda: [keras.layers.Pipeline([keras.layers.RandomFlip()]), keras.layers.Rescaling(1 / 255)],
    "Pipeline with Rescaling": lambda: [keras.layers.Pipeline([keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 255)])],
}  # fmt: skip


def functional(K: Any, layers: list[Any]) -> Any:
    image = value = K.Input((SIDE, SIDE, 3))
    for layer in layers:
        value = layer(value)
    return K.Model(image, end(K, value))


def sequential(K: Any, layers: list[Any]) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((SIDE, SIDE, 3)),
            *layers,
            L.Conv2D(4, 3),
            L.GlobalAveragePooling2D(),
            L.Dense(3, activation="softmax"),
        ]
    )


def end(K: Any, value: Any) -> Any:
    L = K.layers
    return L.Dense(3, activation="softmax")(L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(value)))


def assert_read_as_bytes(model: Any, path: Path) -> None:
    """The network takes bytes; what was read from the file must give the same scores for them."""
    wanted = np.asarray(model(BYTES.astype(np.float32), training=False))
    model.save(path)
    loaded = load(scan(path))
    read = make_float_model(loaded, infer_preprocessing(loaded.scan.config, (SIDE, SIDE, 3), 3))
    assert read.outputs(BYTES) == pytest.approx(wanted, abs=1e-4)
    with pytest.raises(BadInput, match="normalize twice"):
        infer_preprocessing(loaded.scan.config, (SIDE, SIDE, 3), 3, None, PreprocessingOptions((127.5,), (127.5,)))


@BOTH
@pytest.mark.parametrize("build", [functional, sequential])
@pytest.mark.parametrize("head", HEADS)
def test_head_is_read_behind_inactive_layers(K: Any, build: Any, head: str, tmp_path: Path) -> None:
    assert_read_as_bytes(build(K, HEADS[head](K)), tmp_path / ("m.keras" if K is keras else "m.h5"))


@pytest.mark.parametrize("head", KERAS_3_HEADS)
def test_head_of_keras_3_layers_is_read(head: str, tmp_path: Path) -> None:
    assert_read_as_bytes(functional(keras, KERAS_3_HEADS[head]()), tmp_path / "m.keras")


@BOTH
def test_normalization_behind_a_branch_refuses_mean_and_names_the_way_out(K: Any) -> None:
    L = K.layers
    image = K.Input((SIDE, SIDE, 3))
    branches = [L.Rescaling(1 / 255)(image), L.Rescaling(1 / 127.5, offset=-1)(image)]
    model = json.loads(K.Model(image, end(K, L.Concatenate()(branches))).to_json())
    shape = (SIDE, SIDE, 3)
    with pytest.raises(BadModel, match="give --mean 0 --std 1"):
        infer_preprocessing(model, shape, 3)
    with pytest.raises(BadInput, match="normalize twice"):
        infer_preprocessing(model, shape, 3, None, PreprocessingOptions((127.5,), (127.5,)))
    plain = infer_preprocessing(model, shape, 3, None, PreprocessingOptions((0.0,), (1.0,)))
    assert plain.preprocessing.std == (1.0,)


@BOTH
def test_network_without_normalization_takes_mean_and_std(K: Any) -> None:
    model = json.loads(functional(K, [augmentation(K)]).to_json())
    with pytest.raises(BadModel, match="cannot determine"):
        infer_preprocessing(model, (SIDE, SIDE, 3), 3)
    found = infer_preprocessing(model, (SIDE, SIDE, 3), 3, None, PreprocessingOptions((127.5,), (127.5,)))
    assert found.preprocessing.mean == (127.5,)


@BOTH
def test_activation_is_read_before_a_nested_inactive_model(K: Any) -> None:
    image = K.Input((SIDE, SIDE, 3))
    scores = K.Sequential([K.layers.Dropout(0.1)])(end(K, image))
    assert final_activation(json.loads(K.Model(image, scores).to_json())) == "softmax"


def test_layers_in_a_circle_end_the_walk() -> None:
    def layer(name: str, reads: str) -> dict[str, Any]:
        tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [reads, 0, 0]}}
        return {"class_name": "ReLU", "name": name, "config": {"name": name}, "inbound_nodes": [{"args": [tensor]}]}

    circle = {"layers": [layer("a", "b"), layer("b", "a")], "input_layers": ["a", 0, 0], "output_layers": ["b", 0, 0]}
    assert final_activation({"class_name": "Functional", "config": circle}) == "linear"
