"""Repair of int8 models: what it gains, what it must not change, and that it undoes steps that do not help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pytest
from unbalanced_network import SIZE, drawn, unbalanced

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.options import ActivationRange
from edgevision.convert.quantization.correction import RepairResult, repair
from edgevision.convert.quantization.correction.channel_equalization import equalize
from edgevision.convert.quantization.correction.distance import ClassificationJudge, Score
from edgevision.convert.quantization.correction.gptq_rounding import rounded, rounded_with_scales
from edgevision.convert.quantization.correction.kernel_runner import tap
from edgevision.convert.quantization.correction.layer_pairs import Pair, layer_names
from edgevision.convert.quantization.correction.layerwise import walk
from edgevision.convert.quantization.correction.patches import sample
from edgevision.convert.quantization.ptq import to_float, to_int8
from edgevision.convert.quantization.verify import verify
from edgevision.convert.source_model.float_model import FloatModel

from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadInput
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.graph import read_graph

RULE = Preprocessing(SIZE, SIZE, mean=(127.5,), std=(127.5,))


CALIBRATION, CHOOSING, OTHERS = drawn(40, 1), drawn(16, 2), drawn(120, 3)


@dataclass(frozen=True)
class Made:
    """A network as float and plain int8 flatbuffers."""

    model: FloatModel
    reference: bytes
    plain: bytes

    def repaired(
        self, effort: Any = "normal", calibration: Any = CALIBRATION, activation_range: Any = "auto"
    ) -> RepairResult:
        names = [layer.name for layer in self.model.keras.layers]
        return repair(
            self.plain,
            self.reference,
            self.model.normalize,
            calibration,
            CHOOSING,
            effort,
            activation_range,
            names=names,
        )


def made(keras_model: Any, preprocessing: Preprocessing = RULE, calibration: Any = CALIBRATION) -> Made:
    model = FloatModel(keras_model, preprocessing, None, None)
    return Made(model, to_float(model), to_int8(model, lambda: calibration))


@pytest.fixture(scope="module")
def network() -> Made:
    return made(unbalanced())


@pytest.fixture(scope="module")
def result(network: Made) -> RepairResult:
    return network.repaired()


def answers(flatbuffer: bytes, pictures: Any) -> Any:
    """Return the raw outputs on uint8 images: (n, classes) uint8."""
    interpreter = open_interpreter(flatbuffer)
    found = np.stack([interpreter.infer(picture[np.newaxis])[0][0] for picture in pictures])
    interpreter.close()
    return found


def agreement(network: Made, flatbuffer: bytes) -> float:
    wanted = network.model.outputs(np.stack(OTHERS)).argmax(1)
    return float((answers(flatbuffer, OTHERS).argmax(1) == wanted).mean())


def test_repair_regains_the_loss_of_plain_quantization(network: Made, result: RepairResult) -> None:
    """Measured on images that the repair did not use."""
    before, after = agreement(network, network.plain), agreement(network, result.flatbuffer)
    assert before < 0.8
    assert after > before + 0.1
    assert after > 0.85
    assert result.before is not None and result.after is not None
    assert result.after.value < 0.5 * result.before.value
    assert result.after.same >= result.before.same
    assert result.note is None


def test_repair_with_more_effort_is_not_worse_on_the_selection_set(network: Made, result: RepairResult) -> None:
    low, high = network.repaired("low"), network.repaired("high")
    assert [step.name for step in low.steps] == [step.name for step in result.steps[:2]]
    assert low.after is not None and result.after is not None and high.after is not None
    assert high.after.value <= result.after.value <= low.after.value


def test_repair_changes_only_numbers(network: Made, result: RepairResult) -> None:
    """Operators, tensors, shapes, types and the input stay the same; the model stays full int8 with an exact input."""
    before, after = read_graph(network.plain), verify(result.flatbuffer, RULE)
    assert [(o.name, o.version, o.inputs, o.outputs) for o in after.operators] == [
        (o.name, o.version, o.inputs, o.outputs) for o in before.operators
    ]
    assert [(t.spec.name, t.spec.shape, t.spec.dtype) for t in after.tensors] == [
        (t.spec.name, t.spec.shape, t.spec.dtype) for t in before.tensors
    ]
    assert after.input_specs == before.input_specs
    assert after.output_specs == before.output_specs
    model = FlatModel(result.flatbuffer)
    for tensor in range(len(after.tensors)):
        if model.is_constant(tensor) and len(raw := model.constant(tensor).tobytes()) >= 32:
            assert result.flatbuffer.index(raw) % 16 == 0, "the schema requires aligned constants"


def test_repair_is_deterministic(network: Made, result: RepairResult) -> None:
    assert network.repaired().flatbuffer == result.flatbuffer


def test_repair_undoes_steps_that_do_not_help(network: Made) -> None:
    """White images tell nothing about the others: every step fitted to them hurts, so the model stays unchanged."""
    white = [np.full((SIZE, SIZE, 3), 255, np.uint8)] * 12
    exact = network.repaired("high")
    kept = repair(exact.flatbuffer, network.reference, network.model.normalize, white, CHOOSING, "high", "auto")
    assert not any(step.kept for step in kept.steps)
    assert all(step.after > step.before for step in kept.steps[1:])
    assert np.array_equal(answers(kept.flatbuffer, OTHERS[:20]), answers(exact.flatbuffer, OTHERS[:20]))
    assert {layer.action for layer in kept.layers} == {"none"}
    assert kept.before == kept.after
    assert kept.activation_range == "minmax"


def test_result_lists_each_layer_with_its_error(network: Made, result: RepairResult) -> None:
    names = [layer.name for layer in network.model.keras.layers if layer.get_weights()]
    assert [layer.name for layer in result.layers] == names
    assert [layer.op for layer in result.layers][-1] == "FULLY_CONNECTED"
    assert result.layers[-1].snr_db_after > result.layers[-1].snr_db_before + 5
    worst = result.worst_layers
    assert len(worst) == 3
    assert worst[0].snr_db_after == min(layer.snr_db_after for layer in result.layers)
    assert all("bias corrected" in layer.action for layer in worst)
    fields = result.to_json()
    assert [step["name"] for step in fields["steps"]] == [step.name for step in result.steps]
    assert set(result.layers_json()[0]) == {"name", "op", "snr_db_before", "snr_db_after", "action"}


@pytest.mark.parametrize("method", get_args(ActivationRange)[1:])
def test_activation_range_can_be_forced(network: Made, method: str) -> None:
    found = network.repaired("low", activation_range=method)
    assert found.activation_range == method
    assert ("biases",) == tuple(step.name for step in found.steps if not step.name.startswith("ranges"))
    model, plain = FlatModel(found.flatbuffer), FlatModel(network.plain)
    scales = [model.scales(op.outputs[0])[0] / plain.scales(op.outputs[0])[0] for op in plain.operators]
    assert max(scales) <= 1.0 + 1e-6
    assert (min(scales) < 0.999) == (method != "minmax")


def test_auto_range_chooses_a_percentile_with_outliers() -> None:
    """Pale images, one of them with a bright pixel: a percentile ignores it, and auto finds that this is better."""
    keras = backend.keras()
    keras.utils.set_random_seed(2)
    layers = keras.layers
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), layers.Conv2D(8, 1), layers.ReLU(), layers.Conv2D(8, 1)])
    model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dense(6))
    pale = [picture // 8 + 112 for picture in (*CALIBRATION, *CHOOSING)]
    pale[0][0, 0] = (255, 0, 255)
    calibration, choosing = pale[: len(CALIBRATION)], pale[len(CALIBRATION) :]
    one = made(model, calibration=calibration)
    found = repair(one.plain, one.reference, one.model.normalize, calibration, choosing, "normal", "auto")
    assert found.steps[0].name == f"ranges {found.activation_range}"
    assert found.activation_range != "minmax" and found.steps[0].kept


def test_repair_without_images_or_with_a_different_float_model(network: Made) -> None:
    with pytest.raises(
        BadInput, match="needs calibration and selection images, got 0 and 16; give it at least one of each"
    ):
        network.repaired(calibration=[])
    keras = backend.keras()
    other = keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()])
    found = repair(
        network.plain, made(other).reference, network.model.normalize, CALIBRATION, CHOOSING, "normal", "auto"
    )
    assert found.flatbuffer == network.plain
    assert found.note is not None and "do not match" in found.note
    assert found.steps == ()


def strange() -> Any:
    """Return a model with dilation, depth multiplier, branches, both kinds of pooling, a shared layer and odd sizes."""
    keras = backend.keras()
    layers = keras.layers
    keras.utils.set_random_seed(5)
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(8, 3, dilation_rate=2, activation="relu")(image)
    x = layers.SeparableConv2D(12, 3, depth_multiplier=2, activation="relu", padding="same")(x)
    x = layers.MaxPool2D(3, strides=2, padding="same")(x)
    y = layers.Conv2D(12, 5, strides=2, padding="same")(x)
    x = layers.Concatenate()([y, layers.AveragePooling2D(2)(x)])
    twice = layers.Conv2D(24, 3, padding="same", activation="swish")
    x = layers.Add()([twice(x), twice(twice(x))])
    x = layers.ReLU()(layers.Conv2D(16, 3, groups=2)(x))
    model = keras.Model(image, layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))
    chance = np.random.default_rng(1)
    for layer in model.layers:
        *weights, bias = layer.get_weights() or [None]
        if weights:
            layer.set_weights([*weights, chance.normal(0, 0.3, bias.shape)])
    return model


def test_repair_of_a_network_with_many_operators() -> None:
    one = made(strange())
    found = one.repaired("high")
    assert found.note is None
    assert found.before is not None and found.after is not None and found.after.value <= found.before.value
    verify(found.flatbuffer, RULE)
    # A layer that is called twice has one set of weights for two inputs: it must stay unchanged.
    assert len(found.layers) >= 5
    assert [o.name for o in read_graph(found.flatbuffer).operators] == [o.name for o in read_graph(one.plain).operators]


def test_repair_with_gray_images_and_raw_scores() -> None:
    """Without a softmax at the end, the distance is the relative error."""
    keras = backend.keras()
    layers = keras.layers
    keras.utils.set_random_seed(6)
    model = keras.Sequential([keras.Input((24, 24, 1)), layers.Conv2D(6, 3, activation="relu"), layers.Flatten()])
    model.add(layers.Dense(4))
    pictures = drawn(30, 8, 24, 1)
    one = made(model, Preprocessing(24, 24, order="GRAY", channels=1, mean=(0.0,), std=(255.0,)), pictures)
    found = repair(one.plain, one.reference, one.model.normalize, pictures[:20], pictures[20:], "normal", "auto")
    assert {step.measure for step in found.steps} == {"relative_error"}
    assert found.before is not None and found.after is not None and found.after.value <= found.before.value


def test_patches_reproduce_the_layer_outputs() -> None:
    """Weights times patches give the layer's own outputs, for any stride, padding and dilation."""
    one = made(strange())
    pair = Pair(one.plain, one.reference)
    checked = []

    def visit(layer: Any, ours: Any, theirs: Any) -> None:
        patches = sample(pair, layer, ours, theirs)
        weights = pair.weights(layer)
        grouped = weights[:, np.newaxis] if layer.depthwise else weights[np.newaxis]
        found = np.einsum("gnk,gok->ngo", patches.float, grouped).reshape(patches.float.shape[1], -1) + pair.bias(layer)
        if layer.ceiling is not None:
            found = np.clip(found, 0, layer.ceiling)
        run = tap(pair.reference, [layer.reference.outputs[0]])
        every = [run(one.model.normalize(p)[np.newaxis])[0].reshape(-1, found.shape[-1]) for p in CALIBRATION[:3]]
        # The outputs of each patch are found at one position of the layer's output, image by image.
        for rows, outputs in zip(np.split(found, 3), every, strict=True):
            nearest = np.abs(rows[:, np.newaxis] - outputs[np.newaxis]).max(-1).min(1)
            assert nearest.max() < 1e-3 * max(1.0, np.abs(outputs).max())
        checked.append(layer.int8.name)

    walk(pair, CALIBRATION[:3], one.model.normalize, visit)
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"} == set(checked)


def test_equalization_keeps_the_float_model_outputs(network: Made) -> None:
    """On the images used for it; a larger value of another image may reach the limit of ReLU6."""
    pair = Pair(network.plain, network.reference)
    names = equalize(pair, CALIBRATION, network.model.normalize)
    assert names
    before, after = (
        tap(model, model.outputs) for model in (FlatModel(network.reference), FlatModel(pair.reference.pack()))
    )
    for picture in CALIBRATION[:10]:
        real = network.model.normalize(picture)[np.newaxis]
        assert after(real)[0] == pytest.approx(before(real)[0], abs=1e-4)


def test_rounding_minimizes_output_error_not_weight_error() -> None:
    chance = np.random.default_rng(3)
    mixing = chance.normal(size=(12, 12))
    inputs = chance.normal(size=(4000, 12)) @ mixing + 0.5
    inputs -= inputs.mean(0)
    moments = (inputs.T @ inputs / len(inputs))[np.newaxis] + 1e-6 * np.eye(12)
    weights = chance.normal(size=(1, 9, 12))
    scales = np.full((1, 9), 0.3)

    def error(stored: Any, scales: Any) -> float:
        change = stored * scales[..., np.newaxis] - weights
        return float(((inputs @ change[0].T) ** 2).mean())

    stored = rounded(weights, moments, scales)
    assert np.array_equal(stored, np.round(stored)) and np.abs(stored).max() <= 127
    assert error(stored, scales) < 0.7 * error(np.round(weights / scales[..., np.newaxis]), scales)
    best, chosen = rounded_with_scales(weights, moments, np.linspace(1.0, 0.5, 9))
    full, known = rounded_with_scales(weights, moments, np.ones(1))
    assert error(best, chosen) <= error(full, known)
    assert (chosen <= known).all()


def test_score_is_better_only_beyond_the_standard_error() -> None:
    before = Score(np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4, int), np.ones(4, int))
    same = np.ones(4, bool)
    assert Score(before.each - 0.1, same, same).better_than(before, errors=1.0)
    mixed = Score(before.each - np.array([0.5, -0.4, 0.4, -0.4]), same, same)
    assert mixed.better_than(before) and not mixed.better_than(before, errors=1.0)
    assert not Score(before.each * np.nan, same, same).better_than(before)
    assert not before.better_than(before)


def test_judge_measures_before_the_softmax(network: Made) -> None:
    """The divergence of the plain model's logits is recomputed here from both models' tensors."""
    judge = ClassificationJudge(network.reference, CHOOSING, network.model.normalize)
    assert judge.measure == "kl"
    score = judge.score(FlatModel(network.plain))
    wanted = network.model.outputs(np.stack(CHOOSING)).astype(np.float64)
    model = FlatModel(network.plain)
    softmax = next(op for op in model.operators if op.name == "SOFTMAX")
    run = tap(model, [softmax.inputs[0]])
    logits = np.stack([model.real(softmax.inputs[0], run(p[np.newaxis])[0])[0] for p in CHOOSING]).astype(np.float64)
    found = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert score.each == pytest.approx((wanted * np.log(wanted / found)).sum(1), abs=1e-4)
    assert score.same.astype(bool).tolist() == (wanted.argmax(1) == found.argmax(1)).tolist()


@pytest.mark.parametrize(
    ("weights", "known", "names"),
    [
        # Keras 3 numbers each call of a layer; conv2d_1 is also the name of another layer.
        (["m_1/conv2d_1/convolution", "m_1/conv2d_1_2/convolution"], {"conv2d", "conv2d_1"}, ["conv2d", "conv2d_1"]),
        # Keras 2 does not, and puts the folded operations first.
        (
            ["m/c_relu/Relu6;m/c_bn/FusedBatchNormV3;m/c_1/Conv2D", "m/d/MatMul"],
            {"c_1", "c", "d", "c_relu"},
            ["c_1", "d"],
        ),
        (["m_1/conv_dw_1_1/depthwise"], set(), ["conv_dw_1_1"]),
        (["m_1/sep_1/separable_conv2d/depthwise", "m_1/sep_1/separable_conv2d"], {"sep"}, ["sep", "sep"]),
        (["arith.constant"], {"c"}, ["arith.constant"]),
    ],
)
def test_layer_names_match_the_keras_model(weights: list[str], known: set[str], names: list[str]) -> None:
    assert layer_names(weights, known) == names


def test_repair_skips_a_failing_step(network: Made, result: RepairResult, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("no such kernel\nand more")

    monkeypatch.setattr("edgevision.convert.quantization.correction.correct.equalize", fails)
    found = network.repaired("high")
    assert found.note == "equalization failed: no such kernel"
    assert found.flatbuffer == result.flatbuffer
    assert found.steps[-1].name == "rounding"
