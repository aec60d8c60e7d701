"""SavedModels with integer inputs, rounding, random numbers, and functions that nothing calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert.keras_files import saved_model
from edgevision.convert.source_model.saved_function import SavedFunction

from edgevision.errors import BadModel

SIDE = 8
BYTES = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.float32)
KERNEL = tf.constant(np.random.default_rng(1).normal(size=(3, 2)), tf.float32)


class Program(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(KERNEL)
        self.count = tf.Variable(0, dtype=tf.int64)


def saved(body: Any, folder: Path, dtype: Any = tf.float32) -> Path:
    program = Program()

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), dtype)])
    def serve(image: Any) -> Any:
        return tf.nn.softmax(tf.matmul(tf.reduce_mean(body(program, image), [1, 2]), program.kernel))

    tf.saved_model.save(program, str(folder), signatures=serve)
    return folder


def opened(folder: Path) -> SavedFunction:
    saved_model.check_folder(folder)
    return SavedFunction(folder)


def wanted(image: np.ndarray) -> np.ndarray:
    return tf.nn.softmax(tf.matmul(tf.reduce_mean(image, [1, 2]), KERNEL)).numpy()


def counting(program: Program, image: Any) -> Any:
    program.count.assign_add(1)
    return image / 255.0


def test_uint8_input_becomes_float_and_its_normalization_is_read(tmp_path: Path) -> None:
    function = opened(saved(lambda _, image: tf.cast(image, tf.float32) / 255.0, tmp_path / "m", tf.uint8))
    assert np.asarray(function(BYTES)) == pytest.approx(wanted(BYTES / 255), abs=1e-6)
    kinds = [layer["class_name"] for layer in function.config(SIDE, SIDE)["config"]["layers"]]
    assert kinds == ["InputLayer", "TrueDivide", "SavedModel", "Activation"]
    nodes, _ = function._frozen(SIDE, SIDE)
    assert not any(node.op == "Cast" for node in nodes.values())
    assert [node.op for node in nodes.values()].count("Placeholder") == 1  # the variables are constants


def test_assignments_are_left_out(tmp_path: Path) -> None:
    function = opened(saved(counting, tmp_path / "m"))
    assert np.asarray(function(BYTES)) == pytest.approx(wanted(BYTES / 255), abs=1e-6)
    assert function.config(SIDE, SIDE)["config"]["layers"][1]["class_name"] == "TrueDivide"


def test_rounding_of_quantization_aware_training_is_left_out(tmp_path: Path) -> None:
    def rounded(_: Any, image: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_vars(image / 255.0, 0.0, 1.0, num_bits=2)

    function = opened(saved(rounded, tmp_path / "m"))
    assert np.asarray(function(BYTES)) == pytest.approx(wanted(BYTES / 255), abs=1e-6)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda _, image: image + tf.random.uniform(tf.shape(image)), "draws random numbers"),
        (
            lambda _, image: tf.while_loop(lambda x: tf.reduce_sum(x) < 0, lambda x: (x + 1,), (image,))[0],
            "has a loop",
        ),
    ],
)
def test_random_numbers_and_loops_are_refused(body: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=message):
        opened(saved(body, tmp_path / "m")).config(SIDE, SIDE)


def test_function_that_nothing_calls_may_read_a_data_set(tmp_path: Path) -> None:
    keras = pytest.importorskip("tf_keras")
    normalization = keras.layers.Normalization()
    normalization.adapt(BYTES)
    model = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), normalization, keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    model.save(tmp_path / "m", save_format="tf")
    assert np.asarray(opened(tmp_path / "m")(BYTES)) == pytest.approx(np.asarray(model(BYTES)), abs=1e-4)
