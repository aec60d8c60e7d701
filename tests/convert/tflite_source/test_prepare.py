"""The float network that is made of a .tflite computes the same, and quantizes to a model that takes bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from float_tflites import HEIGHT, WIDTH, channels_first, classifier, noise, to_tflite
from hypothesis import given, settings
from hypothesis import strategies as st
from weights_behind import weights_behind

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.quantization.ptq import to_int8
from edgevision.convert.quantization.verify import verify
from edgevision.convert.source_model.flatbuffer_model import FlatbufferModel
from edgevision.convert.tflite_source.prepare import prepare as prepare_file

from edgevision.engines.interpreter import open_interpreter
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.graph import read_graph

IMAGES = noise(4)
MEANS, STDS = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def preprocessing(**changes: Any) -> Preprocessing:
    return Preprocessing(WIDTH, HEIGHT, **changes)


def prepare(flatbuffer: bytes, given: Preprocessing) -> FlatbufferModel:
    return prepare_file(flatbuffer, given).model


def scores(flatbuffer: bytes, batch: np.ndarray) -> np.ndarray:
    """Return the real outputs of a flatbuffer for its own inputs."""
    interpreter = open_interpreter(flatbuffer)
    spec = interpreter.outputs[0]
    raw = np.concatenate([interpreter.infer(one[np.newaxis])[0] for one in batch]).astype(np.float32)
    interpreter.close()
    return raw if not spec.quantized else (raw - spec.zero_point) * np.float32(spec.scale)


def operators(model: FlatbufferModel) -> set[str]:
    return {op.name for op in read_graph(model.flatbuffer).operators}


def require_same(model: FlatbufferModel) -> None:
    """Check the prepared network and its int8 form against the file."""
    wanted = model.outputs(IMAGES)
    assert scores(model.flatbuffer, model.normalize(IMAGES)) == pytest.approx(wanted, abs=1e-5)
    int8 = to_int8(model, lambda: IMAGES)
    verify(int8, model.preprocessing)
    assert scores(int8, IMAGES) == pytest.approx(wanted, abs=0.04)


def rescaling(scale: float, offset: float = 0.0) -> Any:
    return backend.keras().layers.Rescaling(scale, offset)


def test_rescaling_becomes_the_scale_of_the_input_and_the_batch_one() -> None:
    model = prepare(to_tflite(classifier((rescaling(1 / 127.5, -1.0),))), preprocessing())
    assert (model.preprocessing.mean, model.preprocessing.std) == ((127.5,), (127.5,))
    assert not {"MUL", "ADD", "SUB", "SHAPE", "PACK", "STRIDED_SLICE"} & operators(model)
    assert read_graph(model.flatbuffer).input_specs[0].shape == (1, HEIGHT, WIDTH, 3)
    require_same(model)


def test_half_precision_weights_become_float32() -> None:
    flatbuffer = to_tflite(classifier(), half=True)
    assert any(tensor.spec.dtype == "float16" for tensor in read_graph(flatbuffer).tensors)
    model = prepare(flatbuffer, preprocessing(mean=(0.0,), std=(255.0,)))
    assert "DEQUANTIZE" not in operators(model)
    require_same(model)


def test_weights_behind_the_flatbuffer_are_read() -> None:
    flatbuffer = to_tflite(classifier())
    model = prepare(weights_behind(flatbuffer), preprocessing(mean=(0.0,), std=(255.0,)))
    assert model.flatbuffer == prepare(flatbuffer, preprocessing(mean=(0.0,), std=(255.0,))).flatbuffer
    require_same(model)


def test_transposition_of_an_image_with_channels_first_is_left_out() -> None:
    model = prepare(to_tflite(channels_first(classifier())), preprocessing(mean=(127.5,), std=(127.5,)))
    assert "TRANSPOSE" not in operators(model)
    require_same(model)


def test_normalization_before_the_transposition_becomes_a_convolution() -> None:
    def normalized(image: Any) -> Any:
        mean, std = (np.reshape(one, (1, 3, 1, 1)).astype(np.float32) for one in (MEANS, STDS))
        return (image - mean) / std

    model = prepare(to_tflite(channels_first(classifier(), normalized)), preprocessing())
    assert not {"TRANSPOSE", "SUB", "MUL", "DIV"} & operators(model)
    assert (model.preprocessing.mean, model.preprocessing.std) == ((0.0,), (1.0,))
    require_same(model)


def test_channels_first_that_other_operators_read_are_transposed() -> None:
    model = prepare(
        to_tflite(channels_first(classifier(), backend.keras().ops.relu)), preprocessing(mean=(0.0,), std=(255.0,))
    )
    assert "TRANSPOSE" in operators(model)
    require_same(model)


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_normalization_per_channel_and_bgr_become_a_convolution(order: Any) -> None:
    model = prepare(to_tflite(classifier()), preprocessing(mean=MEANS, std=STDS, order=order))
    assert (model.preprocessing.order, model.preprocessing.mean, model.preprocessing.std) == ("RGB", (0.0,), (1.0,))
    require_same(model)


@pytest.fixture(scope="module")
def slicing() -> bytes:
    """A network that begins by taking its image apart, as the Focus layer of YOLOv5 does."""
    keras = backend.keras()
    image = keras.Input((HEIGHT, WIDTH, 3), batch_size=1)
    parts = [image[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(keras.ops.concatenate(parts, -1)))
    return to_tflite(keras.Model(image, keras.layers.Dense(2, activation="softmax")(x)))


def test_image_that_is_taken_apart_first_keeps_its_own_scale(slicing: bytes) -> None:
    require_same(prepare(slicing, preprocessing(mean=(0.0,), std=(255.0,))))


LINES: dict[str, Callable[[Any, Any], Any]] = {
    "multiply": lambda x, value: x * value,
    "divide": lambda x, value: x / value,
    "add": lambda x, value: x + value,
    "subtract": lambda x, value: x - value,
}
NUMBER = st.floats(0.25, 4.0).map(lambda value: round(value, 3))
STEP = st.tuples(st.sampled_from(sorted(LINES)), st.one_of(NUMBER, st.lists(NUMBER, min_size=3, max_size=3)))


@settings(max_examples=8, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=4), st.sampled_from([(0.0, 1.0), (127.5, 127.5), (20.0, 60.0)]))
def test_any_scaling_at_the_input_is_computed_as_before(
    steps: list[tuple[str, Any]], given_by: tuple[float, float]
) -> None:
    """What is moved into the preprocessing, and what stays, gives the same values together."""
    keras = backend.keras()
    image = keras.Input((HEIGHT, WIDTH, 3), batch_size=1)
    x = image
    for name, value in steps:
        x = LINES[name](x, np.asarray(value, np.float32))
    mean, std = given_by
    model = prepare(to_tflite(keras.Model(image, keras.ops.mean(x, (1, 2)))), preprocessing(mean=(mean,), std=(std,)))
    wanted = model.outputs(IMAGES)
    assert scores(model.flatbuffer, model.normalize(IMAGES)) == pytest.approx(wanted, rel=1e-4, abs=1e-3)
