"""Model files are loaded and run once in a child process with limits of time and memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tf_keras", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.keras_files.load_options import LoadOptions
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.keras_scorer import open_keras
from edgevision.convert.source_model import trial_load
from edgevision.convert.source_model.trial_load import load_safely

from edgevision.errors import BadModel, UnknownName

SIDE = 8
needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")


def saved_model(folder: Path, call: Callable[[Any], Any]) -> Path:
    """Write a SavedModel whose function is ``call``, followed by a layer of two classes."""
    tf = backend.tensorflow()

    class Program(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(tf.ones((3, 2)))

        @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32)])
        def __call__(self, image: Any) -> Any:
            return tf.nn.softmax(tf.reduce_mean(call(image), (1, 2)) @ self.weight)

    program = Program()
    with backend.quiet():
        tf.saved_model.save(program, str(folder), signatures=program.__call__)
    return folder


def _endless(image: Any) -> Any:
    """Return the image after a loop that never ends but has no part in the scores."""
    tf = backend.tensorflow()
    end = tf.while_loop(lambda n: n < 1.0, lambda n: (n * 1.0,), (tf.reduce_sum(image) * 0.0,))
    return tf.reshape(image, (1, tf.where(end[0] > 2.0, 0, SIDE), SIDE, 3))


def _memory(image: Any) -> Any:
    tf = backend.tensorflow()
    count = tf.cast(tf.reduce_sum(image) * 0.0, tf.int32) + 600_000_000
    return image + tf.reduce_sum(tf.fill([count], tf.reduce_sum(image)) * 2.0)


@needs_proc
@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(_memory, "one run of the model took more than 0.9 GB of memory; corrupt", marks=pytest.mark.slow),
        (_endless, "loop"),
    ],
)
def test_saved_model_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], Any], message: str
) -> None:
    monkeypatch.setattr(trial_load, "SECONDS", trial_load.SECONDS | {trial_load.LOOPING: 1.0})
    folder = saved_model(tmp_path / "saved", call)
    with pytest.raises(BadModel, match=message) as caught:
        load_safely(scan(folder))
    assert str(caught.value).startswith(f"{folder}: ")
    with pytest.raises(BadModel, match=message):
        open_keras(folder)


@pytest.mark.parametrize("name", ["3.keras", "3.h5", "2.keras", "2.h5"])
def test_whole_files_are_loaded_after_the_child(tmp_path: Path, name: str) -> None:
    keras = backend.tf_keras() if name.startswith("2") else backend.keras()
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(image))
    source = keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))
    source.save(tmp_path / name)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, SIDE, SIDE, 3)).astype(np.float32)
    loaded = load_safely(scan(tmp_path / name))
    assert np.array_equal(np.asarray(loaded.keras(pixels)), np.asarray(source(pixels)))


def test_file_that_passed_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = saved_model(tmp_path / "saved", lambda image: image)
    load_safely(scan(folder))
    asked: list[Path] = []
    monkeypatch.setattr(trial_load._worker, "require", lambda request, path, limits: asked.append(path))
    load_safely(scan(folder))
    assert asked == []
    load_safely(scan(folder, LoadOptions(image_size=SIDE)))
    assert asked == [folder]


def test_model_that_loads_but_cannot_run_is_refused(tmp_path: Path) -> None:
    tf = backend.tensorflow()

    def failing(image: Any) -> Any:
        return tf.gather(image, [tf.cast(tf.reduce_sum(image), tf.int32) + SIDE], axis=1)

    with pytest.raises(BadModel, match="the model loads but cannot run: ") as caught:
        load_safely(scan(saved_model(tmp_path / "saved", failing)))
    assert "\n" not in str(caught.value)


def test_error_of_the_options_keeps_its_class(tmp_path: Path) -> None:
    keras = backend.keras()
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(UnknownName, match="unknown architecture 'mobile'"):
        load_safely(scan(tmp_path / "m.weights.h5", LoadOptions(architecture="mobile", classes=2)))
