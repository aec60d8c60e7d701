"""The operator at the end of a detector: the file gives the boxes that the network encodes, float and int8."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locations import HELPERS, ROOT

from edgevision import open_model
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.decode import encode_png
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite import detection_op
from edgevision.tflite.graph import read_graph
from edgevision.types import Frame

pytestmark = pytest.mark.tensorflow
SIDE = 64


@pytest.fixture(scope="module")
def model() -> Any:
    """Return a random detector of one layer per level, and its cells."""
    from edgevision.convert import backend
    from edgevision.convert.keras_files.detector_cells import CellGrid
    from edgevision.convert.source_model.float_model import FloatModel

    keras = backend.keras()
    keras.utils.set_random_seed(3)
    grid = CellGrid(SIDE)
    image = keras.Input((SIDE, SIDE, 3))
    kernel = keras.initializers.RandomNormal(stddev=1.5)

    def all_levels(outputs: int) -> Any:
        maps = [keras.layers.AveragePooling2D(stride)(image) for stride in grid.strides]
        found = [keras.layers.Conv2D(outputs, 1, kernel_initializer=kernel)(one) for one in maps]
        return keras.layers.Concatenate(axis=1)([keras.layers.Reshape((-1, outputs))(one) for one in found])

    network = keras.Model(image, [all_levels(4), keras.layers.Activation("sigmoid")(all_levels(3))])
    preprocessing = Preprocessing(SIDE, SIDE, mean=(127.5,), std=(127.5,))
    return FloatModel(network, preprocessing, None, None), grid


def photos(count: int) -> list[np.ndarray]:
    """Return random images."""
    random = np.random.default_rng(7)
    coarse = random.integers(0, 255, (count, 8, 8, 3), np.uint8)
    return list(coarse.repeat(8, axis=1).repeat(8, axis=2))


def expected(model: Any, grid: Any, picture: np.ndarray) -> tuple[np.ndarray, int, float]:
    """Return the box, class and score of the best cell, decoded from the network's own outputs."""
    boxes, scores = (part.numpy()[0] for part in model.call(model.normalize(picture[np.newaxis])))
    cell, index = np.unravel_index(scores.argmax(), scores.shape)
    y, x, h, w = grid.anchors()[cell]
    ty, tx, th, tw = boxes[cell] / np.asarray(grid.scales)
    center_y, center_x, height, width = ty * h + y, tx * w + x, np.exp(th) * h, np.exp(tw) * w
    box = [center_y - height / 2, center_x - width / 2, center_y + height / 2, center_x + width / 2]
    return np.asarray(box), int(index), float(scores.max())


def results(flatbuffer: bytes, tensor: np.ndarray) -> Sequence[np.ndarray]:
    interpreter = open_interpreter(flatbuffer)
    try:
        return [np.array(output) for output in interpreter.infer(tensor)]
    finally:
        interpreter.close()


def test_float_file_gives_the_boxes_of_the_network(model: Any) -> None:
    from edgevision.convert.quantization.detection_operator import with_detection_operator
    from edgevision.convert.quantization.ptq import to_float

    source, grid = model
    flatbuffer = with_detection_operator(to_float(source), grid)
    assert detection_op.result_outputs(flatbuffer) == (0, 1, 2, 3)
    assert detection_op.class_count(flatbuffer) == 3
    for picture in photos(3):
        box, index, score = expected(source, grid, picture)
        boxes, classes, scores, count = results(flatbuffer, source.normalize(picture)[np.newaxis])
        assert boxes.shape == (1, 100, 4)
        assert 0.5 < score < 1.0
        assert np.allclose(boxes[0, 0], box, atol=1e-3)
        assert classes[0, 0] == index
        assert scores[0, 0] == pytest.approx(score, abs=1e-3)
        assert (np.diff(scores[0, : int(count[0])]) <= 0).all()


def test_int8_file_takes_bytes_and_is_int8_up_to_the_operator(model: Any) -> None:
    from edgevision.convert.quantization.detection_operator import with_detection_operator
    from edgevision.convert.quantization.ptq import to_int8

    source, grid = model
    flatbuffer = with_detection_operator(to_int8(source, lambda: photos(20)), grid)
    graph = read_graph(flatbuffer)
    assert graph.input_specs[0].dtype == "uint8"
    assert [spec.dtype for spec in graph.output_specs] == ["float32"] * 4
    names = [op.name for op in graph.operators]
    assert names[-3:] == ["DEQUANTIZE", "DEQUANTIZE", "TFLite_Detection_PostProcess"]
    assert all(graph.is_int8(n) for op in graph.operators[:-3] for n in op.outputs)
    for picture in photos(3):
        _, _, score = expected(source, grid, picture)
        _, _, scores, _ = results(flatbuffer, picture[np.newaxis])
        assert scores[0, 0] == pytest.approx(score, abs=0.1)


@pytest.mark.slow
def test_mediapipe_finds_the_same_object(model: Any, tmp_path: Path) -> None:
    """Requires `make env-mediapipe`."""
    from edgevision.convert.quantization.detection_operator import with_detection_operator
    from edgevision.convert.quantization.ptq import to_int8

    python = ROOT / ".cache" / "envs" / "mediapipe" / "bin" / "python"
    if not python.exists():
        pytest.skip("no environment with MediaPipe; create it with: make env-mediapipe")
    source, grid = model
    path, photo = tmp_path / "detector.tflite", tmp_path / "photo.png"
    card = ModelCard("drawn", "detection", source.preprocessing, ("cup", "spoon", "fork"), "sigmoid", 0.3)
    model_file.write(path, with_detection_operator(to_int8(source, lambda: photos(20)), grid), card, {})
    photo.write_bytes(encode_png(Frame(photos(1)[0], "RGB")))
    command = [str(python), str(HELPERS / "mediapipe_detector_child.py"), str(path), "0.3", str(photo)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("[")))[0]
    with open_model(path) as opened:
        ours = opened.predict(Frame(photos(1)[0], "RGB"), threshold=0.3).objects[0]
    assert theirs["name"] == ours.name
    assert theirs["score"] == pytest.approx(ours.score, abs=0.01)


def test_file_without_boxes_and_scores_is_refused(model: Any) -> None:
    from edgevision.convert.keras_files.detector_cells import CellGrid
    from edgevision.convert.quantization.detection_operator import with_detection_operator
    from edgevision.convert.quantization.ptq import to_float

    with pytest.raises(BadModel, match=r"expected the outputs boxes \(1, 336, 4\)"):
        with_detection_operator(to_float(model[0]), CellGrid(2 * SIDE))
