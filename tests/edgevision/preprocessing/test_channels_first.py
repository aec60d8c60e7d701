"""Inputs with the channels first get the same values as those with the channels last."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision.preprocessing.image_input import ImageInput, image_input
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import Preparation, prepare
from edgevision.types import Frame, TensorSpec

FRAME = Frame(np.random.default_rng(1).integers(0, 256, (37, 53, 3), np.uint8), "RGB")
TYPES = [("float32", 0.0, 0), ("uint8", 1 / 255, 0), ("int8", 1 / 255, -128), ("uint8", 1 / 100, 3)]


@pytest.mark.parametrize(("dtype", "scale", "zero_point"), TYPES)
@pytest.mark.parametrize("mean", [(0.0,), (120.0, 110.0, 100.0)])
@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_channels_first_is_the_transpose(
    dtype: str, scale: float, zero_point: int, mean: tuple[float, ...], resize: str
) -> None:
    rule = Preprocessing(20, 16, resize=resize, mean=mean, std=(255.0,), fill=114)  # type: ignore[arg-type]
    last = prepare(FRAME, rule, TensorSpec("in", (1, 16, 20, 3), dtype, scale, zero_point))
    spec = TensorSpec("in", (1, 3, 16, 20), dtype, scale, zero_point)
    first = prepare(FRAME, rule, spec)
    assert (first.dtype, first.flags["C_CONTIGUOUS"]) == (last.dtype, True)
    np.testing.assert_array_equal(first, last.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(Preparation(rule, spec).prepare(FRAME), first)
    memory = np.zeros_like(first)
    Preparation(rule, spec).write(FRAME, lambda: memory)
    np.testing.assert_array_equal(memory, first)


def test_gray_input_with_channels_first() -> None:
    rule = Preprocessing(8, 8, channels=1, order="GRAY", mean=(0.0,), std=(255.0,))
    last = prepare(FRAME, rule, TensorSpec("in", (1, 8, 8, 1), "float32"))
    first = prepare(FRAME, rule, TensorSpec("in", (1, 1, 8, 8), "float32"))
    assert first.shape == (1, 1, 8, 8)
    np.testing.assert_array_equal(first[0, 0], last[0, :, :, 0])


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 784), (-1, 28, 28)])
@pytest.mark.parametrize(("dtype", "scale", "zero_point"), TYPES)
def test_gray_input_without_a_channel_dimension(
    shape: tuple[int, ...], dtype: str, scale: float, zero_point: int
) -> None:
    rule = Preprocessing(28, 28, channels=1, order="GRAY", mean=(0.0,), std=(255.0,))
    spec = TensorSpec("in", shape, dtype, scale, zero_point)
    usual = prepare(FRAME, rule, TensorSpec("in", (1, 28, 28, 1), dtype, scale, zero_point))
    made = prepare(FRAME, rule, spec)
    assert made.shape == (1, *shape[1:])
    np.testing.assert_array_equal(made.reshape(usual.shape), usual)
    np.testing.assert_array_equal(Preparation(rule, spec).prepare(FRAME), made)
    memory = np.zeros_like(made)
    Preparation(rule, spec).write(FRAME, lambda: memory)
    np.testing.assert_array_equal(memory, made)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 16, 20, 3), ImageInput(20, 16, 3, False)),
        ((-1, 3, 16, 20), ImageInput(20, 16, 3, True)),
        ((1, 1, 28, 28), ImageInput(28, 28, 1, True)),
        ((1, 3, 3, 3), ImageInput(3, 3, 3, False)),
        ((2, 16, 20, 3), None),
        ((1, 16, 20, 4), None),
        ((1, -1, -1, 3), None),
        ((1, 28, 28), ImageInput(28, 28, 1, False)),
        ((-1, 784), ImageInput(28, 28, 1, False)),
        ((1, 96, 64), None),
        ((1, 1960), None),
        ((1, -1), None),
        ((1, 4), None),
    ],
)
def test_axes_of_an_input(shape: tuple[int, ...], expected: ImageInput | None) -> None:
    assert image_input(TensorSpec("in", shape, "float32")) == expected
