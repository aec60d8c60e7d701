"""The network of a detector: its cells, its outputs, and what of it is trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from edgevision.convert import TrainSettings

from edgevision.errors import BadInput

pytestmark = pytest.mark.tensorflow
SIDE = 64


def opened(backbone: str, alpha: float = 0.35, classes: tuple[str, ...] = ("cup", "spoon")) -> Any:
    from edgevision.convert.training.detector.network import open_detector
    from edgevision.convert.training.network.backbones import BackboneSpec

    return open_detector(BackboneSpec(backbone, SIDE, alpha), classes, "none")


NETWORKS = {
    "mobilenet_v2": 0.35,
    "mobilenet": 0.25,
    "mobilenet_v3_small": 1.0,
    "efficientnet_lite0": 1.0,
    "mobilenet_v4_small": 1.0,
}


@pytest.mark.parametrize(("backbone", "alpha"), NETWORKS.items())
def test_every_backbone_has_a_box_and_scores_per_cell(backbone: str, alpha: float) -> None:
    network = opened(backbone, alpha)
    boxes, scores = network.deployed(np.zeros((2, SIDE, SIDE, 3), np.float32))
    assert boxes.shape == (2, network.grid.count, 4)
    assert scores.shape == (2, network.grid.count, 2)
    assert float(np.max(scores)) < 0.1  # almost everything is background before training
    used = {id(layer) for layer in network.raw.layers}
    assert all(id(layer) in used for layer in network.backbone.layers)  # or its weights would have no gradient


def test_unsuitable_networks_have_no_detector() -> None:
    from edgevision.convert.training.detector.network import open_detector
    from edgevision.convert.training.network.backbones import BackboneSpec

    with pytest.raises(BadInput, match="only for classifiers"):
        opened("cnn")
    with pytest.raises(BadInput, match="image size 240 is invalid: a detector needs a multiple of 32"):
        open_detector(BackboneSpec("efficientnet_lite1", 240), ("cup",), "none")


def test_training_leaves_early_layers_and_batch_norm_of_the_backbone() -> None:
    from edgevision.convert.training.detector.plan import make_plan
    from edgevision.convert.training.detector.trainer import trainable_parts, unfreeze

    network = opened("mobilenet_v2")
    plan = make_plan(TrainSettings(weights="imagenet"), network.choice, 100)
    new, pretrained = trainable_parts(network, plan)
    names = [variable.path for variable in pretrained]
    assert any("block_6_" in name for name in names)
    assert not any("block_5_" in name or "BN" in name or "bn" in name.split("/")[0] for name in names)
    assert any("pyramid_8_lateral_bn" in variable.path for variable in new)
    _, none = trainable_parts(network, replace(plan, fine_tune_blocks=0))
    assert none == []
    unfreeze(network)
    assert all(layer.trainable for layer in network.deployed.layers)


def test_epochs_depend_on_the_number_of_images() -> None:
    from edgevision.convert.training.detector.plan import make_plan

    choice = opened("mobilenet_v2").choice
    few, many = (make_plan(TrainSettings(weights="imagenet"), choice, count).epochs for count in (100, 5000))
    assert few > many
    assert make_plan(TrainSettings(weights="imagenet", epochs=7), choice, 100).epochs == 7


def test_operators_have_int8_versions_on_every_accelerator() -> None:
    from edgevision.convert.quantization.ptq import to_float
    from edgevision.convert.source_model.float_model import FloatModel

    from edgevision.tflite.graph import read_graph

    network = opened("mobilenet_v2")
    model = FloatModel(network.deployed, network.choice.preprocessing("stretch"), None, None)
    names = {op.name for op in read_graph(to_float(model)).operators}
    usual = {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "CONCATENATION", "RESHAPE", "LOGISTIC"}
    assert names == usual | {"RESIZE_NEAREST_NEIGHBOR"}
