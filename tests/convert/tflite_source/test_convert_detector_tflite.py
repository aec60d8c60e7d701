"""Conversion of float detectors: one that ends in the detection operator, and one with the output of YOLO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import valid

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from brightness_detector import LABEL, SIDE, SQUARE, photo, save, write_photos
from edgevision.convert import ConvertOptions, DetectorConvertReport, PreprocessingOptions, backend, convert
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.quantization.detection_operator import with_detection_operator
from edgevision.convert.quantization.ptq import to_float
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions as Given
from edgevision.convert.source_model.source_model import open_network
from float_tflites import to_tflite

from edgevision import open_model, selftest
from edgevision.model_file import model_file
from edgevision.preprocessing.decode import decode
from edgevision.tflite.detection_op import DETECTION_OPERATOR


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), 40)


def converted(model: Path, photos: Path, **options: Any) -> DetectorConvertReport:
    report = convert(ConvertOptions(model, photos, 20, output=model.with_name("int8.tflite"), **options))
    assert isinstance(report, DetectorConvertReport)
    valid(report.to_json(), "convert")
    return report


@pytest.fixture(scope="module")
def operator(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> DetectorConvertReport:
    """The conversion of a float detector of ours, as SSD models of other makers end in the same operator."""
    folder = tmp_path_factory.mktemp("operator")
    network = open_network(scan(save(folder / "model.keras")), "squares", Given(), None)
    assert network.grid is not None
    whole = with_detection_operator(to_float(network.model), network.grid)
    model_file.write(folder / "float.tflite", whole, network.card, {})
    return converted(folder / "float.tflite", photos)


def test_operator_is_put_back_behind_an_int8_network(operator: DetectorConvertReport) -> None:
    assert operator.graph.operators[-1].name == DETECTION_OPERATOR
    inner = [op for op in operator.graph.operators if op.name not in (DETECTION_OPERATOR, "DEQUANTIZE")]
    assert all(operator.graph.is_int8(tensor) for op in inner for tensor in op.inputs + op.outputs)
    assert operator.compatibility.mediapipe.ok
    assert operator.source.format == "tflite"


def test_detector_finds_what_the_float_file_finds(operator: DetectorConvertReport) -> None:
    with open_model(operator.path) as opened:
        found = opened.predict(decode(photo([(20, 12)], 99), "x.png")).objects
        assert selftest.check(opened).ok
    assert [one.name for one in found] == [LABEL]
    expected = [2.0 * v for v in (20, 12, 20 + SQUARE, 12 + SQUARE)]  # photos are twice the size of the input
    assert found[0].box == pytest.approx(expected, abs=1.5)
    agreement = operator.comparison.agreement
    assert agreement is not None and agreement.value is not None and agreement.value > 0.9
    assert operator.repair is not None and operator.repair.note is None
    assert operator.repair.after is not None and operator.repair.before is not None
    assert operator.repair.after.value <= operator.repair.before.value


def yolo() -> Any:
    """A network of [1, 4 + classes, boxes]: each cell of three grids is a box that is as bright as its score."""
    keras = backend.keras()
    ops = keras.ops
    image = keras.Input((SIDE, SIDE, 3), batch_size=1)
    gray = keras.layers.Conv2D(1, 1, name="gray")(image)
    levels = []
    for stride in (8, 16, 32):
        count = SIDE // stride
        logits = keras.layers.Conv2D(2, 1, name=f"scores_{stride}")(ops.average_pool(gray, stride, stride))
        centers = (np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1) + 0.5) / count
        boxes = np.concatenate([centers, np.full_like(centers, 1 / count)], -1).astype(np.float32)
        boxes = ops.add(0.0 * logits[..., :1], boxes)
        rows = ops.concatenate([boxes, ops.sigmoid(logits)], -1)
        levels.append(ops.reshape(rows, (1, count * count, 6)))
    model = keras.Model(image, ops.transpose(ops.concatenate(levels, 1), (0, 2, 1)))
    model.get_layer("gray").set_weights([np.full((1, 1, 3, 1), 1 / 3), np.zeros(1)])
    for stride in (8, 16, 32):
        weights = np.asarray([[12.0, -12.0]]).reshape(1, 1, 1, 2)
        model.get_layer(f"scores_{stride}").set_weights([weights, np.asarray([-6.0, -6.0])])
    return model


def test_output_of_yolo_is_read_by_its_layout(photos: Path, tmp_path: Path) -> None:
    """The boxes of the photos are of another class, so that only float and int8 are compared."""
    path, names = tmp_path / "yolo.tflite", tmp_path / "names.txt"
    path.write_bytes(to_tflite(yolo()))
    names.write_text("bright\ndark\n", encoding="utf-8")
    given = PreprocessingOptions(mean=(0.0,), std=(255.0,), resize="stretch")
    report = converted(path, photos, labels=names, preprocessing=given)
    assert report.card.detector is not None and report.card.detector.layout == "yolo"
    agreement = report.comparison.agreement
    assert agreement is not None and agreement.value is not None and agreement.value > 0.9
    assert report.graph.all_int8
    assert not report.heldout.labeled
