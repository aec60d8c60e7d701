"""Sizes of tensors and circles in the architecture are found before anything is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import pytest
import tf_keras
from edgevision.convert.keras_files import tensor_sizes

from edgevision.errors import BadModel

BOTH = pytest.mark.parametrize("K", [keras, tf_keras], ids=["keras3", "keras2"])
PATH = Path("m.keras")


def model(K: Any, nested: bool = False) -> dict[str, Any]:
    L = K.layers
    image = value = K.Input((16, 16, 3))
    if nested:
        value = K.Sequential([L.UpSampling2D(2, name="inner"), L.ZeroPadding2D(1, name="border")])(value)
    value = L.Conv2D(4, 3, strides=2, name="conv")(value)
    value = L.ReLU(name="act")(L.UpSampling2D(2, name="up")(L.ZeroPadding2D(1, name="pad")(value)))
    return json.loads(K.Model(image, L.Dense(3, name="dense")(L.Flatten()(value))).to_json())


def layer(config: Any, name: str) -> dict[str, Any]:
    for entry in config["config"]["layers"]:
        if entry["config"].get("name") == name:
            return entry
        if "layers" in entry["config"]:
            try:
                return layer(entry, name)
            except KeyError:
                pass
    raise KeyError(name)


@BOTH
@pytest.mark.parametrize("nested", [False, True])
def test_ordinary_sizes_pass(K: Any, nested: bool) -> None:
    tensor_sizes.check(model(K, nested), PATH)


@BOTH
@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("up", "size", [2048, 2048]),
        ("pad", "padding", [[2048, 2048], [2048, 2048]]),
        ("inner", "size", [2000, 2000]),
        ("border", "padding", [[20000, 20000], [20000, 20000]]),
        ("dense", "units", 500_000),
    ],
)
def test_layers_that_multiply_sizes_are_refused(K: Any, name: str, key: str, value: Any) -> None:
    config = model(K, nested=True)
    layer(config, name)["config"][key] = value
    with pytest.raises(BadModel, match=name):
        tensor_sizes.check(config, PATH)


@BOTH
def test_circle_of_layers_is_refused(K: Any) -> None:
    config = model(K)
    layer(config, "conv")["inbound_nodes"] = layer(config, "dense")["inbound_nodes"]
    with pytest.raises(BadModel, match="circle"):
        tensor_sizes.check(config, PATH)


@pytest.mark.parametrize("name", ["MobileNetV2", "NASNetMobile", "VGG16", "DenseNet121"])
def test_published_networks_pass(name: str) -> None:
    built = getattr(keras.applications, name)(weights=None)
    tensor_sizes.check(json.loads(built.to_json()), PATH)


def test_unknown_sides_of_an_inner_layer_say_nothing() -> None:
    normalization = tf_keras.layers.Normalization()
    normalization.adapt([[[[1.0, 2.0, 3.0]]]])
    built = tf_keras.Sequential([tf_keras.Input((16, 16, 3)), normalization, tf_keras.layers.Conv2D(4, 3)])
    tensor_sizes.check(json.loads(built.to_json()), PATH)
