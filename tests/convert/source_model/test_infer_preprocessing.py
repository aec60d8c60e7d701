"""Inference of preprocessing and task from a model's layers; unproven preprocessing is rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from edgevision.convert.source_model.infer_preprocessing import InferredPreprocessing, infer_preprocessing
from edgevision.convert.source_model.infer_task import infer_task
from edgevision.convert.source_model.layer_graph import final_activation, head
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions

from edgevision.errors import BadInput, BadModel
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing

SHAPE = (96, 128, 3)


def layer(kind: str, name: str, *inputs: str, extra: tuple[Any, ...] = (), **config: Any) -> dict[str, Any]:
    """Return a serialized layer that reads the layers named ``inputs``; ``extra`` holds numeric arguments."""
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": [one, 0, 0]}} for one in inputs]
    nodes = [{"args": [*tensors, *extra], "kwargs": {}}] if inputs else []
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def functional(*layers: dict[str, Any], name: str = "net") -> dict[str, Any]:
    config = {
        "name": name,
        "layers": list(layers),
        "input_layers": [layers[0]["name"], 0, 0],
        "output_layers": [layers[-1]["name"], 0, 0],
    }
    return {"class_name": "Functional", "config": config}


def chain(*layers: tuple[str, str] | tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    """Return a functional model with the layers in sequence."""
    made: list[dict[str, Any]] = []
    for kind, name, *rest in layers:
        config: dict[str, Any] = dict(rest[0]) if rest else {}
        before = (made[-1]["name"],) if made else ()
        made.append(layer(kind, name, *before, **config))
    return functional(*made)


def infer(
    model: dict[str, Any], card: ModelCard | None = None, classes: int = 3, **options: Any
) -> InferredPreprocessing:
    return infer_preprocessing(model, SHAPE, classes, card, PreprocessingOptions(**options))


RESCALED = chain(
    ("InputLayer", "in"),
    ("RandomFlip", "flip"),
    ("Rescaling", "scale", {"scale": 1 / 127.5, "offset": -1}),
    ("Dense", "out"),
)


def test_rescaling_layer_becomes_mean_and_std() -> None:
    found = infer(RESCALED)
    assert found.preprocessing == Preprocessing(128, 96, mean=(127.5,), std=(127.5,))
    assert found.cut is not None and found.cut.path == ("scale",)
    assert "the Rescaling layer 'scale'" in found.source
    assert "--resize" in found.source  # nothing determines the crop it was trained with


@pytest.mark.parametrize("scale", [1 / 255, 0.00392156862745098, 1 / 256])
def test_rescaling_to_0_1(scale: float) -> None:
    model = chain(("InputLayer", "in"), ("Rescaling", "r", {"scale": scale}), ("Dense", "out"))
    assert infer(model).preprocessing.std == pytest.approx((1 / scale,), rel=1e-9)
    assert infer(model).preprocessing.mean == (0.0,)


def test_rescaling_in_nested_models() -> None:
    inner = RESCALED | {"name": "inner", "inbound_nodes": layer("x", "x", "in")["inbound_nodes"]}
    outer = functional(layer("InputLayer", "in"), inner, layer("Dense", "out", "inner"))
    found = infer(outer)
    assert found.cut is not None and found.cut.path == ("inner", "scale")
    stack = {"class_name": "Sequential", "config": {"name": "s", "layers": [inner, layer("Softmax", "soft")]}}
    assert infer(stack).cut is not None
    assert infer(stack).preprocessing.mean == (127.5,)


def test_rescaling_layer_on_one_of_two_branches_stays() -> None:
    """Removing it would change the input of the other branch."""
    model = functional(
        layer("InputLayer", "in"),
        layer("Rescaling", "r", "in", scale=1 / 255),
        layer("Conv2D", "c", "in"),
        layer("Add", "sum", "r", "c"),
        layer("Dense", "out", "sum"),
    )
    with pytest.raises(BadModel, match="cannot determine how the model's images must be normalized"):
        infer(model)
    found = infer(model, mean=(0.0,), std=(1.0,))
    assert found.cut is None


def test_rescaling_layer_after_scaled_images_proves_nothing_but_is_merged() -> None:
    """A layer from 0..1 to -1..1 implies that the images were divided by 255 before it."""
    model = chain(("InputLayer", "in"), ("Rescaling", "r", {"scale": 2.0, "offset": -1.0}), ("Dense", "out"))
    with pytest.raises(BadModel, match=r"'r' does not take bytes 0\.\.255.*--mean 0 --std 255"):
        infer(model)
    assert infer(model, mean=(0.0,), std=(255.0,)).preprocessing == Preprocessing(128, 96, mean=(127.5,), std=(127.5,))


def test_operators_and_normalization_layers_stay_and_prove_bytes() -> None:
    ops = functional(
        layer("InputLayer", "in"),
        layer("TrueDivide", "div", "in", extra=(127.5,)),
        layer("Subtract", "sub", "div", extra=(1.0,)),
        layer("Dense", "out", "sub"),
    )
    adapted = chain(("InputLayer", "in"), ("Normalization", "n", {"mean": [120.0], "variance": [[3000.0, 3300.0]]}))
    per_channel = chain(("InputLayer", "in"), ("Rescaling", "r", {"scale": [1 / 255, 1 / 200, 1 / 255]}))
    for model, name in ((ops, "'div', 'sub'"), (adapted, "'n'"), (per_channel, "'r'")):
        found = infer(model)
        assert found.cut is None
        assert (found.preprocessing.mean, found.preprocessing.std) == ((0.0,), (1.0,))
        assert name in found.source


def test_normalization_layer_for_scaled_images_proves_nothing() -> None:
    model = chain(("InputLayer", "in"), ("Normalization", "n", {"mean": [0.4], "variance": [0.08]}), ("Dense", "out"))
    with pytest.raises(BadModel, match="cannot determine how the model's images must be normalized"):
        infer(model)


def entry(*layers: dict[str, Any]) -> dict[str, Any]:
    """Return a model that begins with an input and these layers, and ends in a Dense layer."""
    return functional(layer("InputLayer", "in"), *layers, layer("Dense", "out", layers[-1]["name"]))


def from_constant(kind: str, name: str, source: str, constant: float) -> dict[str, Any]:
    """Return an operator whose constant comes first: 255 - x."""
    made = layer(kind, name, source, extra=(constant,))
    made["inbound_nodes"][0]["args"].reverse()
    return made


PROOFS = {
    "inverted": [from_constant("Subtract", "s", "in", 255.0)],
    "inverted by a layer": [layer("Rescaling", "r", "in", scale=-1 / 255, offset=1.0)],
    "Normalization by the mean alone": [layer("Normalization", "n", "in", mean=[123.0], variance=[1.0])],
    "clipped": [layer("Clip", "c", "in", x_min=0.0, x_max=255.0), layer("TrueDivide", "d", "c", extra=(255.0,))],
    "gray": [layer("RGBToGrayscale", "g", "in"), layer("TrueDivide", "d", "g", extra=(255.0,))],
}
NO_PROOFS = {
    "denormalized": [
        layer("Rescaling", "a", "in", scale=127.5, offset=127.5),
        layer("Rescaling", "b", "a", scale=1 / 255),
    ],
    "inverted Normalization": [layer("Normalization", "n", "in", mean=[123.0], variance=[3000.0], invert=True)],
    "divided by the image": [from_constant("TrueDivide", "d", "in", 255.0)],
    "clipped to 0..1": [layer("Clip", "c", "in", x_min=0.0, x_max=1.0), layer("TrueDivide", "d", "c", extra=(255.0,))],
}


@pytest.mark.parametrize("case", PROOFS)
def test_first_layers_prove_bytes(case: str) -> None:
    found = infer(entry(*PROOFS[case])).preprocessing
    assert (found.mean, found.std) == ((0.0,), (1.0,))


@pytest.mark.parametrize("case", NO_PROOFS)
def test_first_layers_prove_nothing(case: str) -> None:
    """A model that takes -1..1 and computes bytes from it would be fed 255 times too much."""
    with pytest.raises(BadModel, match=r"--mean 127\.5 --std 127\.5"):
        infer(entry(*NO_PROOFS[case]))


def test_normalizing_twice_is_rejected() -> None:
    with pytest.raises(BadInput, match="normalize twice"):
        infer(RESCALED, mean=(127.5,), std=(127.5,))


def test_options_take_precedence_over_card_and_card_over_layers() -> None:
    plain = chain(("InputLayer", "in"), ("Dense", "out"))
    preprocessing = Preprocessing(8, 8, resize="letterbox", fill=114, align="top_left", mean=(10.0,), std=(20.0,))
    card = ModelCard(name="m", task="classification", preprocessing=preprocessing)
    found = infer(plain, card)
    assert found.preprocessing == Preprocessing(
        128, 96, resize="letterbox", fill=114, align="top_left", mean=(10.0,), std=(20.0,)
    )
    assert found.source.count("the model card") == 2
    found = infer(plain, card, std=(5.0,), mean=(1.0,), resize="crop", crop_fraction=0.9)
    assert found.preprocessing == Preprocessing(128, 96, resize="crop", crop_fraction=0.9, mean=(1.0,), std=(5.0,))
    with pytest.raises(BadInput, match="requires --resize crop, got --resize stretch"):
        infer(plain, card, resize="stretch", crop_fraction=0.9)


def test_card_that_contradicts_the_layers_is_rejected() -> None:
    """The card of a Keras file describes the model's own input, which takes bytes if the model rescales them."""
    card = ModelCard(
        name="m", task="classification", preprocessing=Preprocessing(8, 8, resize="crop", mean=(127.5,), std=(127.5,))
    )
    with pytest.raises(
        BadModel, match=r"the model card expects .* but the model takes 0\.\.255 and has the Rescaling layer"
    ):
        infer(RESCALED, card)
    bytes_in = card.with_(preprocessing=Preprocessing(8, 8, resize="crop"))
    assert infer(RESCALED, bytes_in).preprocessing == Preprocessing(128, 96, resize="crop", mean=(127.5,), std=(127.5,))


def test_gray_and_bgr() -> None:
    gray = infer_preprocessing(RESCALED, (32, 32, 1), 2)
    assert (gray.preprocessing.channels, gray.preprocessing.order) == (1, "GRAY")
    assert infer(RESCALED, order="BGR").preprocessing.order == "BGR"


MOBILENET = [("InputLayer", "in"), ("Conv2D", "conv1"), ("DepthwiseConv2D", "conv_dw_1"), ("Conv2D", "conv_pw_13")]


def test_published_network_is_recognized_only_with_its_top() -> None:
    whole = chain(*MOBILENET, ("Activation", "predictions", {"activation": "softmax"}))
    found = infer(whole, classes=1001)
    assert found.preprocessing == Preprocessing(
        128, 96, resize="crop", crop_fraction=0.875, mean=(127.5,), std=(127.5,)
    )
    assert found.source.count("keras.applications MobileNet") == 2
    for other in (chain(*MOBILENET, ("Dense", "my_head")), whole):
        with pytest.raises(BadModel, match=r"its MobileNet backbone usually needs --mean 127\.5 --std 127\.5"):
            infer(other, classes=3)  # trained again, possibly with other preprocessing


def test_real_networks(shared: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="needs the convert extra")
    for name, family in (("mobilenet_v1_0.25", "MobileNet"), ("mobilenet_v2_1.0", "MobileNetV2")):
        with h5py.File(shared / "models" / f"{name}_224_imagenet.h5") as file:
            model = json.loads(file.attrs["model_config"])
        found = infer_preprocessing(model, (224, 224, 3), 1001)
        assert f"keras.applications {family} with its ImageNet top" in found.source
        assert found.preprocessing.describe() == "224x224 RGB, crop 0.875, (pixel - 127.5) / 127.5"
        assert final_activation(model) == "softmax"


def test_keras_2_configs_are_read() -> None:
    """They nest their lists differently."""
    config = {
        "layers": [
            {"class_name": "InputLayer", "name": "in", "config": {"name": "in"}, "inbound_nodes": []},
            {
                "class_name": "Rescaling",
                "name": "r",
                "config": {"name": "r", "scale": 1 / 255},
                "inbound_nodes": [[["in", 0, 0, {}]]],
            },
        ],
        "input_layers": [["in", 0, 0]],
        "output_layers": [["r", 0, 0]],
    }
    assert [node.name for node in head({"class_name": "Functional", "config": config})] == ["in", "r"]


@pytest.mark.parametrize(
    ("last", "outputs", "loss", "expected"),
    [
        ({"activation": "softmax"}, 3, None, ("classification", "softmax", 3)),
        ({"activation": {"class_name": "function", "config": "softmax"}}, 3, None, ("classification", "softmax", 3)),
        ({"activation": "sigmoid"}, 1, None, ("classification", "sigmoid", 2)),
        ({"activation": "sigmoid"}, 4, None, ("multilabel", "sigmoid", 4)),
        ({"activation": "linear"}, 4, None, ("classification", "logits", 4)),
        ({}, 4, {"class_name": "BinaryCrossentropy"}, ("multilabel", "sigmoid_logits", 4)),
        ({}, 1, "binary_crossentropy", ("classification", "sigmoid_logits", 2)),
    ],
)
def test_task_and_activation(last: dict[str, Any], outputs: int, loss: Any, expected: tuple[str, str, int]) -> None:
    model = chain(("InputLayer", "in"), ("Dense", "out", last), ("Reshape", "flat"), ("Dropout", "drop"))
    found = infer_task(model, outputs, {"loss": loss})
    assert (found.task, found.activation, found.classes) == expected


@pytest.mark.parametrize(
    ("last", "outputs", "message"),
    [
        ({"activation": "softmax"}, 1, "softmax over one output, which is always 1"),
        ({"activation": "linear"}, 1, "may be a regression or a binary score"),
        ({"activation": "tanh"}, 3, "unsupported final activation 'tanh'"),
    ],
)
def test_unsupported_outputs_are_rejected(last: dict[str, Any], outputs: int, message: str) -> None:
    with pytest.raises(BadModel, match=message):
        infer_task(chain(("InputLayer", "in"), ("Dense", "out", last)), outputs)


def test_reordered_channels_with_means_prove_bytes() -> None:
    """The "caffe" mode of keras.applications as a graph: split the channels, stack them blue first, subtract means."""
    mean = {"class_name": "__tensor__", "config": {"value": [-103.939, -116.779, -123.68], "dtype": "float32"}}
    parts = [layer("GetItem", f"get_{n}", "in", extra=(n,)) for n in (2, 1, 0)]
    model = functional(
        layer("InputLayer", "in"),
        *parts,
        layer("Stack", "stack", *(one["name"] for one in parts)),
        layer("Add", "add", "stack", extra=(mean,)),
        layer("Dense", "out", "add"),
    )
    found = infer(model)
    assert found.preprocessing == Preprocessing(128, 96)
    assert "the operators 'add'" in found.source
    assert found.moves
    small = [1.0, -0.5, 0.25]  # too small to prove anything
    model["config"]["layers"][-2] = layer("Add", "add", "stack", extra=tuple(small))
    with pytest.raises(BadModel, match="cannot determine how the model's images must be normalized"):
        infer(model)


def test_keras_2_functions_are_read() -> None:
    def op(function: str, name: str, before: str, y: Any) -> dict[str, Any]:
        kwargs = {"y": y, "name": None}
        return {
            "class_name": "TFOpLambda",
            "name": name,
            "config": {"name": name, "function": function},
            "inbound_nodes": [[before, 0, 0, kwargs]],
        }

    net = functional(
        layer("InputLayer", "in"),
        op("math.truediv", "div", "in", 127.5),
        op("math.subtract", "sub", "div", 1.0),
        layer("Dense", "out", "sub"),
    )
    assert "the operators 'div', 'sub'" in infer(net).source
    net["config"]["layers"][1] = op("math.truediv", "div", "in", 2.0)
    with pytest.raises(BadModel, match="cannot determine how the model's images must be normalized"):
        infer(net)
