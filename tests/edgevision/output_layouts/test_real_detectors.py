"""Real detectors of several makers, against a decoding of their outputs that shares no code with ours.

The files are public, but not part of the project. Set EDGEVISION_DETECTORS to a folder with OWNER+NAME/.../FILE.tflite of the
repositories below; tests of absent files are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgevision import Model, open_model
from edgevision.inspection.add_card import new_card, write
from edgevision.inspection.card_options import CardOptions
from edgevision.preprocessing import decode
from edgevision.types import Detection, Frame

pytestmark = pytest.mark.slow
FOLDER = os.environ.get("EDGEVISION_DETECTORS")
MIN_IOU, MAX_SCORE_DIFFERENCE, NMS_IOU = 0.95, 0.02, 0.45

Outputs = list[np.ndarray]


class Table(NamedTuple):
    """Decoded boxes of one image before overlapping ones are removed."""

    boxes: np.ndarray
    """Left, top, right, bottom in pixels of the input, (n, 4)."""
    scores: np.ndarray
    """(n, classes)."""
    extra: np.ndarray | None = None
    """Key points or mask coefficients, (n, ...)."""


class Real(NamedTuple):
    """A public file, how it is described to us, and how to decode its outputs."""

    repository: str
    name: str
    layout: str
    decode: Callable[[Outputs, int, int], Table]
    photo: str = "data/pictures/multi_objects.jpg"
    threshold: float = 0.25
    card: dict[str, Any] = {}  # noqa: RUF012 -- read only


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values.astype(np.float64)))


def xywh(values: np.ndarray) -> np.ndarray:
    x, y, w, h = values.T
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)


def scaled(values: np.ndarray, width: int, height: int, pixels: bool) -> np.ndarray:
    return values if pixels else values * np.array([width, height, width, height])


def ultralytics(classes: int, pixels: bool = False, extra: int = 0) -> Callable[[Outputs, int, int], Table]:
    """[1, 4 + classes + extra, boxes]."""

    def read(outputs: Outputs, width: int, height: int) -> Table:
        (output,) = (one for one in outputs if one.ndim == 3)
        rows = output[0].T
        boxes = scaled(xywh(rows[:, :4]), width, height, pixels)
        more = rows[:, 4 + classes :]
        assert more.shape[1] == extra
        return Table(boxes, rows[:, 4 : 4 + classes], more)

    return read


def yolov5(outputs: Outputs, width: int, height: int) -> Table:
    """[1, boxes, 5 + classes]."""
    rows = outputs[0][0]
    return Table(scaled(xywh(rows[:, :4]), width, height, pixels=False), rows[:, 5:] * rows[:, 4:5])


def grid(width: int, height: int, strides: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells = [(x, y, s) for s in strides for y in range(-(-height // s)) for x in range(-(-width // s))]
    x, y, s = np.array(cells, float).T
    return x, y, s


def yolox(outputs: Outputs, width: int, height: int) -> Table:
    """[1, boxes, 85], exported with --decode_in_inference."""
    rows = outputs[0][0]
    return Table(xywh(rows[:, :4]), rows[:, 5:] * rows[:, 4:5])


def distances(logits: np.ndarray, width: int, height: int, strides: tuple[int, ...], middle: float) -> np.ndarray:
    x, y, s = grid(width, height, strides)
    parts = logits.astype(np.float64).reshape(logits.shape[0], 4, -1)
    shares = np.exp(parts) / np.exp(parts).sum(axis=2, keepdims=True)
    left, top, right, bottom = ((shares * np.arange(parts.shape[2])).sum(axis=2) * s[:, np.newaxis]).T
    x, y = (x + middle) * s, (y + middle) * s
    return np.stack([x - left, y - top, x + right, y + bottom], axis=1)


def nanodet(outputs: Outputs, width: int, height: int) -> Table:
    """[1, boxes, 80 + 32]."""
    rows = outputs[0][0]
    return Table(distances(rows[:, 80:], width, height, (8, 16, 32), 0.5), rows[:, :80])


def split(outputs: Outputs, width: int, height: int) -> Table:
    """[1, 4, boxes], [1, 80, boxes], [1, 32, boxes]."""
    by_channels = {one.shape[1]: one[0].T for one in outputs if one.ndim == 3}
    boxes = scaled(xywh(by_channels[4]), width, height, pixels=False)
    return Table(boxes, by_channels[80], by_channels[32])


def heads(outputs: Outputs, width: int, height: int) -> Table:
    """[1, h, w, 64], [1, h, w, 80] and [1, h, w, 32] for each grid."""
    found: dict[int, list[np.ndarray]] = {64: [], 80: [], 32: []}
    for stride in (8, 16, 32):
        for one in outputs:
            if one.shape[1:3] == (height // stride, width // stride):
                found[one.shape[3]].append(one.reshape(-1, one.shape[3]))
    boxes, scores, extra = (np.concatenate(found[n]) for n in (64, 80, 32))
    return Table(distances(boxes, width, height, (8, 16, 32), 0.5), sigmoid(scores), extra)


def end_to_end(points: int = 0, pixels: bool = False) -> Callable[[Outputs, int, int], Table]:
    """[1, 300, 6 + 3 * points], already without overlapping boxes."""

    def read(outputs: Outputs, width: int, height: int) -> Table:
        rows = outputs[0][0]
        scores = np.zeros((rows.shape[0], 80))
        for row, (score, index) in enumerate(rows[:, 4:6]):
            scores[row, round(index)] = score
        return Table(scaled(rows[:, :4], width, height, pixels), scores, rows[:, 6:] if points else None)

    return read


YOLO26_POSE = "nazmos-sakib+TfLite-Yolo26-pose-analyzer"
VIVEK = "vivekGitLearn+YOLOv11-Instance-segmentation-Android-Tflite"
POSE = "12boopathi+yolo11n-pose-tflite-convert---inference"
NXP = "eronariodito+NXP-IMX8MPlus-Object-Detection"
EDGEFIRST = "EdgeFirstAI+tflite-rs"
ANDROID = "MyMLOpsProjects+CV_YOLOv8_Android_Project"
CELLS = "data/detection/bccd"
PEOPLE = "data/pictures/grace_hopper.bmp"
REAL = (
    Real(NXP, "yolov8n_int8.tflite", "yolo", ultralytics(80)),
    Real(NXP, "yolov8n_full_integer_quant.tflite", "yolo", ultralytics(80)),
    Real(NXP, "yolov8n_full_integer_quant_416.tflite", "yolo", ultralytics(80)),
    Real(NXP, "yolo11n_full_integer_quant.tflite", "yolo", ultralytics(80)),
    Real(NXP, "yolo11n_full_integer_quant_224.tflite", "yolo", ultralytics(80), PEOPLE),
    Real("Humamdaa+SmartStudio", "yolo11n_int8.tflite", "yolo", ultralytics(80)),
    Real(ANDROID, "yolov8n_int8.tflite", "yolo", ultralytics(80)),
    Real("pine-book+MyYolov5", "yolov5n-int8.tflite", "yolo-objectness", yolov5),
    Real("pine-book+MyYolov5", "yolov5n-fp16.tflite", "yolo-objectness", yolov5),
    Real(POSE, "yolo11n-pose_full_integer_quant.tflite", "yolo-pose", ultralytics(1, extra=51), PEOPLE),
    Real(POSE, "yolo11n-pose_integer_quant.tflite", "yolo-pose", ultralytics(1, extra=51), PEOPLE),
    Real(
        "ee292d+labs",
        "yolov8n-pose_int8.tflite",
        "yolo-pose",
        ultralytics(1, extra=51),
        PEOPLE,
        card={"layout": "yolo-pose"},
    ),
    Real(ANDROID, "yolov8n-seg_int8.tflite", "yolo-segmentation", ultralytics(80, extra=32)),
    Real(VIVEK, "best_full_integer_quant.tflite", "yolo-segmentation", ultralytics(3, extra=32), CELLS),
    Real(VIVEK, "best_integer_quant.tflite", "yolo-segmentation", ultralytics(3, extra=32), CELLS),
    Real(EDGEFIRST, "yolov8n-int8.tflite", "yolo", ultralytics(80)),
    Real(EDGEFIRST, "yolov8n-seg-combined-int8.tflite", "yolo-segmentation", ultralytics(80, extra=32)),
    Real(EDGEFIRST, "yolov8n-seg-int8.tflite", "yolo-segmentation", split),
    Real(EDGEFIRST, "yolov8n-seg-smart-int8.tflite", "yolo-segmentation", heads),
    Real(YOLO26_POSE, "yolo26n-pose_integer_quant.tflite", "end-to-end", end_to_end(17), PEOPLE),
    Real(YOLO26_POSE, "yolo26n-pose_full_integer_quant.tflite", "end-to-end", end_to_end(17), PEOPLE),
    Real("Karim8506+optimised_yolo_models", "yolo26n_int8.tflite", "end-to-end", end_to_end()),
    Real(
        "SyedFarhan110+tflite-models",
        "yolox_nano.tflite",
        "yolox",
        yolox,
        card={"mean": (0.0,), "std": (1.0,), "order": "BGR", "align": "top_left", "layout": "yolox"},
    ),
    Real(
        "FWYsimon+tflite-nanodet",
        "nanodet_320.tflite",
        "nanodet",
        nanodet,
        card={
            "mean": (103.53, 116.28, 123.675),
            "std": (57.375, 57.12, 58.395),
            "order": "BGR",
            "fill": 0,
            "layout": "nanodet",
        },
    ),
)


def file_of(real: Real) -> Path:
    folder = Path(FOLDER or "absent") / real.repository
    found = sorted(path for path in folder.rglob("*.tflite") if path.name.endswith(real.name))
    if not found:
        pytest.skip("no such file; see the docstring of the module")
    return found[0]


def photo_of(real: Real, shared: Path) -> Frame:
    path = shared / real.photo
    if path.is_dir():
        path = min(path.rglob("*.jp*g"))
    if not path.exists():
        pytest.skip(f"no {path}")
    return decode.read(path)


def raw_outputs(path: Path, model: Model, frame: Frame) -> Outputs:
    """Return the real values of all outputs."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], model.prepare(frame))
    interpreter.invoke()
    found = []
    for about in interpreter.get_output_details():
        scale, zero_point = about["quantization"]
        values = interpreter.get_tensor(about["index"]).astype(np.float64)
        found.append((values - zero_point) * scale if scale else values)
    return found


def iou(a: np.ndarray, b: np.ndarray) -> float:
    w, h = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = max(w, 0) * max(h, 0)
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared + 1e-9))


def survivors(table: Table, threshold: float) -> list[tuple[int, int]]:
    """Return row and class of the boxes that remain, best first."""
    best = table.scores.max(axis=1)
    found: list[tuple[int, int]] = []
    for row in np.argsort(-best, kind="stable"):
        index = int(table.scores[row].argmax())
        if best[row] < threshold:
            break
        if all(index != other or iou(table.boxes[row], table.boxes[kept]) <= NMS_IOU for kept, other in found):
            found.append((int(row), index))
    return found


def input_frame(model: Model, frame: Frame) -> tuple[float, float, float]:
    """Return scale and offset of the frame in a letterbox."""
    width, height = model.preprocessing.width, model.preprocessing.height
    scale = min(width / frame.width, height / frame.height)
    if model.preprocessing.align == "top_left":
        return scale, 0.0, 0.0
    return scale, (width - round(frame.width * scale)) // 2, (height - round(frame.height * scale)) // 2


@pytest.mark.parametrize("real", REAL, ids=lambda real: f"{real.repository.partition('+')[2][:12]}-{real.name}")
def test_objects_are_those_of_an_independent_decoding(real: Real, shared: Path, tmp_path: Path) -> None:
    path, frame = file_of(real), photo_of(real, shared)
    options = {"task": "detection", "resize": "letterbox", "fill": 114, "mean": (0.0,), "std": (255.0,)} | real.card
    given = new_card(path, CardOptions(**options))
    write(given, tmp_path / "m.tflite")
    assert given.card.detector is not None
    assert given.card.detector.layout == real.layout
    with open_model(tmp_path / "m.tflite", threads=2) as model:
        found = list(model.predict(frame, threshold=real.threshold).objects)
        width, height = model.preprocessing.width, model.preprocessing.height
        outputs = raw_outputs(path, model, frame)
        scale, x, y = input_frame(model, frame)
    table = real.decode(outputs, width, height)
    expected = survivors(table, real.threshold)
    print(
        f"{real.name}: {len(found)} objects, {len(expected)} expected: {[(o.name, round(o.score, 2)) for o in found[:6]]}"
    )
    assert expected, "nothing to compare: choose another photo or threshold"
    clear = [row for row in expected if table.scores[row[0], row[1]] > real.threshold + MAX_SCORE_DIFFERENCE]
    assert len(clear) <= len(found) <= len(survivors(table, real.threshold - MAX_SCORE_DIFFERENCE))
    limits = np.array([frame.width, frame.height, frame.width, frame.height])
    for row, index in clear:
        box = np.clip((table.boxes[row] - [x, y, x, y]) / scale, 0, limits)
        same = [one for one in found if one.index == index]
        overlaps = [iou(box, np.array(one.box)) for one in same]
        assert overlaps, (index, box)
        match = same[int(np.argmax(overlaps))]
        assert max(overlaps) >= MIN_IOU, (box, match)
        assert abs(match.score - table.scores[row, index]) <= MAX_SCORE_DIFFERENCE
        extra = None if table.extra is None else table.extra[row]
        check_extra(real.layout, match, extra, outputs, table.boxes[row], (width, height, scale, x, y))


def check_extra(
    layout: str,
    match: Detection,
    extra: np.ndarray | None,
    outputs: Outputs,
    box: np.ndarray,
    geometry: tuple[int, int, float, float, float],
) -> None:
    """Compare key points within a pixel, and masks by their overlap."""
    width, height, scale, x, y = geometry
    if layout == "yolo-pose" or (layout == "end-to-end" and extra is not None):
        assert extra is not None
        points = extra.reshape(-1, 3)
        if points[:, :2].max() <= 2:  # older exports have points in pixels beside boxes from 0 to 1
            points = points * [width, height, 1]
        ours = np.array([(p.x, p.y, p.score) for p in match.keypoints])
        np.testing.assert_allclose(ours[:, 0], (points[:, 0] - x) / scale, atol=1.0 / scale)
        np.testing.assert_allclose(ours[:, 1], (points[:, 1] - y) / scale, atol=1.0 / scale)
        np.testing.assert_allclose(ours[:, 2], np.clip(points[:, 2], 0, 1), atol=1e-3)
        assert match.keypoints[0].name == "nose"
    if layout == "yolo-segmentation":
        assert extra is not None
        assert match.mask is not None
        (shared,) = (one[0] for one in outputs if one.ndim == 4 and height // 4 in (one.shape[1], one.shape[2]))
        masks = shared if shared.shape[2] == extra.size else np.moveaxis(shared, 0, 2)
        whole = (masks @ extra) > 0
        rows, columns = whole.shape
        for row in range(rows):
            for column in range(columns):
                cx, cy = (column + 0.5) * width / columns, (row + 0.5) * height / rows
                whole[row, column] &= bool(box[0] <= cx < box[2] and box[1] <= cy < box[3])
        top, left = round(y * rows / height), round(x * columns / width)
        part = whole[top : top + match.mask.shape[0], left : left + match.mask.shape[1]]
        shared_pixels = np.count_nonzero(part & (match.mask == 1))
        assert shared_pixels >= MIN_IOU * np.count_nonzero(part | (match.mask == 1))
