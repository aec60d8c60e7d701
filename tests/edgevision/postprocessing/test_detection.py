"""The detection decoder: both orders of the outputs, every resize, score calibration, labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import edgevision
from documents import parse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgevision import open_model
from edgevision.errors import BadInput, BadModel
from edgevision.inspection import add_card
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing import score_calibration
from edgevision.postprocessing.decoder import open_decoder
from edgevision.preprocessing import decode as pictures
from edgevision.preprocessing.geometry import plan
from edgevision.preprocessing.spec import Preprocessing, Resize
from edgevision.tflite import associated_files, metadata_buffer, metadata_writer
from edgevision.tflite.detection_op import class_count, result_outputs
from edgevision.tflite.detection_outputs import DetectionOutputs, corners, find_outputs
from edgevision.tflite.metadata import AssociatedFile, Box, Metadata, ProcessUnit, TensorMetadata
from edgevision.tflite.outputs import OutputFacts
from edgevision.types import Detection, Frame, TensorSpec

RED = (255, 0, 0)
LABELS = ("red", "green", "blue")
ORDERS = ("detector", "detector_other_order")
"""Files in tests/data: outputs as boxes, classes, scores, count; and as scores, boxes, count, classes."""
SSD = "coco_ssd_mobilenet_v1_1.0_quant_with_metadata.tflite"
FOUR = ("boxes", (1, 10, 4)), ("classes", (1, 10)), ("scores", (1, 10)), ("count", (1,))


def has_card(source: Path, folder: Path, resize: Resize = "stretch", labels: str = "red\ngreen\nblue\n") -> Path:
    """Write a copy with a model card; return its path."""
    names, path = folder / "names.txt", folder / f"{source.stem}_{resize}.tflite"
    names.write_text(labels, encoding="utf-8")
    add_card.write(add_card.new_card(source, add_card.CardOptions(labels=names, resize=resize)), path)
    return path


def picture(width: int, height: int, *blocks: tuple[tuple[int, int, int, int], tuple[int, int, int]]) -> np.ndarray:
    """Return a black image with colored blocks at x0, y0, x1, y1."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for (x0, y0, x1, y1), colour in blocks:
        pixels[y0:y1, x0:x1] = colour
    return pixels


def decode(
    boxes: Any,
    classes: Any,
    scores: Any,
    count: float,
    preprocessing: Preprocessing,
    size: tuple[int, int],
    threshold: float | None = 0.0,
) -> tuple[Detection, ...]:
    """Decode outputs in the usual order, without a model."""
    outputs = [np.array(v, np.float32)[np.newaxis] for v in (boxes, classes, scores)] + [np.array([count], np.float32)]
    specs = [TensorSpec(name, shape, "float32") for name, shape in FOUR]
    card = ModelCard("test", "detection", preprocessing, LABELS, "none")
    return (
        open_decoder(card, specs, OutputFacts(operator_outputs=(0, 1, 2, 3)))
        .decode(outputs, size, 5, threshold)
        .objects
    )


# Complete predictions with small graphs whose results are known: a colored pixel of the input is an object.


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize(
    ("resize", "block"),
    [("stretch", (32, 16, 48, 24)), ("crop", (40, 8, 48, 16)), ("letterbox", (32, 16, 48, 32))],
)
def test_boxes_are_in_pixels_of_the_frame(
    data: Path, tmp_path: Path, name: str, resize: Resize, block: tuple[int, int, int, int]
) -> None:
    # One pixel of the 8x8 input corresponds to 16x8, 8x8 (of the middle) or 16x16 pixels of this frame.
    with open_model(has_card(data / f"{name}.tflite", tmp_path, resize), threads=1) as model:
        found = model.predict(picture(128, 64, (block, RED)))
    assert found.task == "detection"
    assert [(o.index, o.name, o.score) for o in found.objects] == [(0, "red", 1.0)]
    assert found.objects[0].box == pytest.approx(block, abs=0.01)
    assert set(found.stages_ms) == {"prepare", "infer", "decode"}


@pytest.mark.parametrize("name", ORDERS)
def test_objects_above_threshold_are_sorted_and_not_limited_by_top(data: Path, tmp_path: Path, name: str) -> None:
    blocks = [((16 * n, 8 * n, 16 * n + 16, 8 * n + 8), (0, 40 * n, 0)) for n in range(1, 7)]
    with open_model(has_card(data / f"{name}.tflite", tmp_path), threads=1) as model:
        frame = picture(128, 64, *blocks)
        every = model.predict(frame, top=1, threshold=0.1).objects
        assert [round(o.score * 255) for o in every] == [240, 200, 160, 120, 80, 40]
        assert {o.name for o in every} == {"green"}
        # Neither the user nor the card sets a threshold, so the detector's default of 0.5 applies.
        assert [round(o.score * 255) for o in model.predict(frame).objects] == [240, 200, 160]
        assert model.predict(frame, threshold=1.0).objects == ()


def test_bgr_frame_gives_same_objects(data: Path, tmp_path: Path) -> None:
    pixels = picture(128, 64, ((32, 16, 48, 24), (0, 0, 255)))
    with open_model(has_card(data / "detector.tflite", tmp_path), threads=1) as model:
        swapped = Frame(np.ascontiguousarray(pixels[..., ::-1]), "BGR")
        assert model.predict(swapped).objects == model.predict(pixels).objects
        assert model.predict(pixels).objects[0].name == "blue"


def test_scores_of_a_detector_are_refused(data: Path, tmp_path: Path) -> None:
    with (
        open_model(has_card(data / "detector.tflite", tmp_path), threads=1) as model,
        pytest.raises(BadInput, match="is a detection model; only classifiers"),
    ):
        model.scores(Frame(picture(8, 8)))


# Which output holds what.


@pytest.mark.parametrize(("name", "where"), [(ORDERS[0], (0, 1, 2, 3)), (ORDERS[1], (1, 3, 0, 2))])
def test_operator_gives_order_and_number_of_classes(data: Path, name: str, where: tuple[int, ...]) -> None:
    flatbuffer = (data / f"{name}.tflite").read_bytes()
    assert result_outputs(flatbuffer) == where
    assert class_count(flatbuffer) == 3
    assert result_outputs((data / "tiny.tflite").read_bytes()) == ()
    assert class_count((data / "tiny.tflite").read_bytes()) is None


@pytest.mark.parametrize(
    ("names", "where"),
    [
        (("TFLite_Detection_PostProcess", *(f"TFLite_Detection_PostProcess:{n}" for n in (1, 2, 3))), (0, 1, 2, 3)),
        (tuple(f"StatefulPartitionedCall:{n}" for n in (1, 3, 0, 2)), (1, 3, 0, 2)),
        (("detection_boxes", "detection_classes", "detection_scores", "num_detections"), (0, 1, 2, 3)),
        (("scores", "number of detected boxes", "location", "category"), (2, 3, 0, 1)),
        (("boxes", "scores", "labels"), (0, 2, 1, None)),
    ],
)
def test_order_is_found_by_tensor_names(names: tuple[str, ...], where: tuple[int, int, int, int | None]) -> None:
    shapes = {where[0]: (1, 10, 4), where[3]: (1,)}
    specs = [TensorSpec(name, shapes.get(n, (1, 10)), "float32") for n, name in enumerate(names)]
    assert find_outputs(specs, OutputFacts()) == DetectionOutputs(*where)


def test_order_and_box_layout_are_found_by_metadata() -> None:
    box = Box(index=(0, 1, 2, 3), type="center", pixels=True)
    described = (
        TensorMetadata("confidence"),
        TensorMetadata("things", files=(AssociatedFile("l.txt", "value_labels"),)),
        TensorMetadata("places", content="box", box=box),
        TensorMetadata("count"),
    )
    # With a name that fits no role, only the other metadata counts, which gives just two roles here.
    assert _found(described) is None
    described = (
        TensorMetadata("score"),
        TensorMetadata("category"),
        TensorMetadata("location", content="box", box=box),
    )
    assert _found(described) == DetectionOutputs(2, 1, 0, None, box)


@pytest.mark.parametrize("index", [(0, 1, 2, 4), (0, 0, 1, 2), (0, 1)])
def test_invalid_box_layout_is_refused(index: tuple[int, ...]) -> None:
    places = TensorMetadata("location", content="box", box=Box(index=index))
    specs = [TensorSpec(f"out{n}", (1, 10), "float32") for n in range(3)]
    described = Metadata(outputs=(places, TensorMetadata("category"), TensorMetadata("score")))
    with pytest.raises(BadModel, match="order of 0, 1, 2 and 3 for the box values"):
        find_outputs(specs, OutputFacts(described))


def _found(described: tuple[TensorMetadata, ...]) -> DetectionOutputs | None:
    specs = [TensorSpec(f"out{n}", (1, 10), "float32") for n in range(len(described))]
    try:
        return find_outputs(specs, OutputFacts(Metadata(outputs=described)))
    except BadModel:
        return None


@pytest.mark.parametrize("names", [("a", "b", "c", "d"), ("boxes", "boxes2", "scores", "classes"), ("scores",)])
def test_unidentified_outputs_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(BadModel, match="cannot tell which outputs hold boxes, classes and scores"):
        find_outputs([TensorSpec(name, (1, 10), "float32") for name in names], OutputFacts())


def test_classifier_is_refused_as_detector(data: Path) -> None:
    wish = add_card.CardOptions(task="detection", resize="stretch")
    with pytest.raises(BadModel, match=r"tiny\.tflite: the outputs .* do not have the form of a detector"):
        add_card.new_card(data / "tiny.tflite", wish)


@pytest.mark.parametrize(
    ("box", "values"),
    [
        (Box(index=(1, 0, 3, 2)), (0.2, 0.1, 0.6, 0.3)),
        (Box(), (0.1, 0.2, 0.3, 0.6)),
        (Box(type="upper_left"), (0.1, 0.2, 0.2, 0.4)),
        (Box(type="center"), (0.2, 0.4, 0.2, 0.4)),
        (Box(index=(1, 0, 3, 2), type="center", pixels=True), (20.0, 20.0, 20.0, 20.0)),
    ],
)
def test_every_box_layout_is_converted(box: Box, values: tuple[float, ...]) -> None:
    found = corners(np.array([values], np.float32), box, 100, 50)
    assert found[0] == pytest.approx((10.0, 10.0, 30.0, 30.0))


# For any values, the objects are in the frame, sorted, and valid JSON.

RULES = st.builds(
    Preprocessing,
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    resize=st.sampled_from(["stretch", "crop", "letterbox"]),
    align=st.sampled_from(["center", "top_left"]),
)
SIZES = st.tuples(st.integers(1, 2000), st.integers(1, 2000))


@given(RULES, SIZES, arrays(np.float32, (10, 6)), st.floats(width=32))
def test_any_values_give_objects_in_the_frame(
    preprocessing: Preprocessing, size: tuple[int, int], values: np.ndarray, count: float
) -> None:
    found = decode(values[:, :4], values[:, 4], values[:, 5], count, preprocessing, size)
    assert [o.score for o in found] == sorted((o.score for o in found), reverse=True)
    for o in found:
        x0, y0, x1, y1 = o.box
        assert 0 <= x0 < x1 <= size[0]
        assert 0 <= y0 < y1 <= size[1]
        assert 0.0 <= o.score <= 1.0
        assert o.index >= 0
        json.dumps(o.box, allow_nan=False)


@given(RULES, SIZES, st.tuples(*[st.floats(0, 1)] * 4))
def test_box_survives_mapping_to_the_input_and_back(
    preprocessing: Preprocessing, size: tuple[int, int], part: tuple[float, float, float, float]
) -> None:
    geometry = plan(*size, preprocessing)
    (sx, sy, sw, sh), (tx, ty, tw, th) = geometry.source, geometry.target
    (u0, u1), (v0, v1) = sorted(part[:2]), sorted(part[2:])
    box = (sx + u0 * sw, sy + v0 * sh, sx + u1 * sw, sy + v1 * sh)
    # In the operator's layout: top, left, bottom, right as proportions of the input.
    written = (
        (ty + v0 * th) / preprocessing.height,
        (tx + u0 * tw) / preprocessing.width,
        (ty + v1 * th) / preprocessing.height,
    )
    found = decode([[*written, (tx + u1 * tw) / preprocessing.width]], [1], [0.9], 1, preprocessing, size)
    tolerance = 0.002 + 1e-5 * max(size)
    if min(box[2] - box[0], box[3] - box[1]) > 2 * tolerance:
        assert found[0].box == pytest.approx(box, abs=tolerance)


def test_boxes_beyond_the_count_or_outside_the_frame_are_ignored() -> None:
    preprocessing = Preprocessing(100, 100, resize="letterbox")
    boxes = [[0.4, 0.1, 0.6, 0.2], [0.0, 0.1, 0.2, 0.2], [0.4, 0.5, 0.6, 0.6]]
    # The frame fills the middle half of the input; the second box is in the border above it.
    found = decode(boxes, [0, 1, 2], [0.5, 0.9, 0.8], 2, preprocessing, (200, 100))
    assert [(o.name, o.box) for o in found] == [("red", pytest.approx((20, 30, 40, 70)))]
    assert decode(boxes, [0, 1, 2], [0.5, 0.9, 0.8], float("nan"), preprocessing, (200, 100)) == ()


def test_class_beyond_labels_is_named_by_number() -> None:
    assert decode([[0, 0, 1, 1]], [7], [0.9], 1, Preprocessing(8, 8), (8, 8))[0].name == "7"


def test_outputs_of_different_lengths_are_refused() -> None:
    with pytest.raises(BadModel, match="do not fit together"):
        decode([[0, 0, 1, 1]], [7, 8], [0.9, 0.8], 2, Preprocessing(8, 8), (8, 8))


# Labels.


@pytest.mark.parametrize("first", ["???", "background"])
def test_leading_placeholder_label_is_dropped(data: Path, tmp_path: Path, first: str) -> None:
    path = has_card(data / "detector.tflite", tmp_path, labels=f"{first}\nred\ngreen\nblue\n")
    assert model_file.read(path).labels == LABELS


def test_placeholders_between_labels_are_kept(data: Path, tmp_path: Path) -> None:
    path = has_card(data / "detector.tflite", tmp_path, labels="???\n???\nblue\n")
    assert model_file.read(path).labels == ("???", "???", "blue")


@pytest.mark.parametrize("labels", ["red\ngreen\n", "red\ngreen\nblue\nwhite\n"])
def test_labels_of_another_detector_are_refused(data: Path, tmp_path: Path, labels: str) -> None:
    with pytest.raises(BadInput, match=r"labels, but the model has 3 classes"):
        has_card(data / "detector.tflite", tmp_path, labels=labels)


# Score calibration as defined by the standard metadata.


def calibrated(source: Path, folder: Path, output: int, lines: str, transformation: str = "identity") -> Path:
    """Write a copy with a score calibration of one output in its standard metadata; return its path."""
    unit = ProcessUnit("score_calibration", transformation=transformation, default_score=-1.0)
    count = len(model_file.read(source).outputs)
    outputs = [TensorMetadata() for _ in range(count)]
    outputs[output] = TensorMetadata(units=(unit,), files=(AssociatedFile("calibration.csv", "score_calibration"),))
    described = metadata_writer.build(Metadata(outputs=tuple(outputs)))
    flatbuffer = metadata_buffer.with_metadata(source.read_bytes(), described)
    path = folder / "calibrated.tflite"
    path.write_bytes(flatbuffer + associated_files.pack({"calibration.csv": lines.encode()}, len(flatbuffer)))
    return path


@pytest.mark.parametrize(
    ("transformation", "transformed"),
    [
        ("identity", lambda x: x),
        ("log", np.log),
        ("inverse_logistic", lambda x: np.log(x / (1 - x))),
    ],
)
def test_detector_scores_are_calibrated(
    data: Path, tmp_path: Path, transformation: str, transformed: Callable[[float], float]
) -> None:
    # Red is calibrated, green only from 0.9, blue not at all: a negative default score means "never".
    source = calibrated(data / "detector.tflite", tmp_path, 2, "0.8,2.0,0.5\n1,1,0,0.9\n\n", transformation)
    blocks = [((0, 0, 16, 8), (204, 0, 0)), ((32, 16, 48, 24), (0, 204, 0)), ((64, 32, 80, 40), (0, 0, 204))]
    with open_model(has_card(source, tmp_path), threads=1) as model:
        (found,) = model.predict(picture(128, 64, *blocks), threshold=0.0).objects
    assert found.name == "red"
    assert found.score == pytest.approx(0.8 / (1 + np.exp(-(2.0 * transformed(0.8) + 0.5))), abs=1e-4)


def test_classifier_scores_are_calibrated(data: Path, tmp_path: Path) -> None:
    source = calibrated(data / "tiny.tflite", tmp_path, 0, "0.5,0,0\n1,0,0\n")
    with open_model(has_card(source, tmp_path), threads=1) as model:
        found = model.predict(picture(16, 16, ((0, 0, 16, 16), RED)))
        assert [(label.name, label.score) for label in found.labels] == [("green", 0.5), ("red", 0.25)]
        assert model.scores(Frame(picture(16, 16))).tolist() == [0.25, 0.5, 0.0]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("1,2\n", "line 1: expected scale"),
        ("1,2,3\n1,x,3\n", "line 2: .* got '1,x,3'"),
        ("-1,2,3\n", "scale \\(at least 0\\)"),
        ("1,2,nan\n", "line 1"),
        ("1,2,3,4,5\n", "line 1"),
    ],
)
def test_damaged_calibration_is_a_one_line_error(data: Path, tmp_path: Path, lines: str, said: str) -> None:
    with pytest.raises(BadModel, match=f"calibrated.tflite: calibration.csv, {said}" if said[0] == "l" else said):
        has_card(calibrated(data / "detector.tflite", tmp_path, 2, lines), tmp_path)


def test_missing_calibration_is_refused() -> None:
    unit, file = ProcessUnit("score_calibration"), AssociatedFile("gone.csv", "score_calibration")
    described = Metadata(outputs=(TensorMetadata(units=(unit,), files=(file,)),))
    with pytest.raises(BadModel, match=r"'gone\.csv' named in its metadata is missing"):
        score_calibration.find(described, {})


@given(st.binary(max_size=60))
def test_random_bytes_are_a_calibration_or_refused(content: bytes) -> None:
    try:
        sigmoids = score_calibration.parse(content, "x.csv")
    except BadModel:
        return
    assert sigmoids.shape[1] == 4
    scores = np.linspace(0, 1, 5, dtype=np.float32)
    for transformation in ("identity", "log", "inverse_logistic"):
        found = score_calibration.Calibration(sigmoids, transformation, 0.0).apply(scores, np.zeros(5, int))
        assert np.isfinite(found).all()


# The real detector.


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Return the intersection over union of two boxes."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, across) * max(0.0, down)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)


def other_order(source: Path, target: Path) -> Path:
    """Write the model with outputs ordered and named as by newer exporters, but with its old metadata."""
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    file = model_file.read(source)
    model = schema.ModelT.InitFromPackedBuf(file.flatbuffer, 0)
    graph = model.subgraphs[0]
    graph.outputs = [graph.outputs[n] for n in (2, 0, 3, 1)]
    for number, tensor in zip((1, 3, 0, 2), graph.outputs, strict=True):
        graph.tensors[tensor].name = f"StatefulPartitionedCall:{number}"
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    flatbuffer = bytes(builder.Output())
    target.write_bytes(flatbuffer + associated_files.pack(file.files, len(flatbuffer)))
    return target


def test_run_finds_the_cat_with_a_real_detector(shared: Path) -> None:
    source, model = shared / "data" / "pictures" / "cat.bmp", shared / "models" / SSD
    done = edgevision("run", model, "--source", source, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    record = parse(done.stdout, "run_line")
    assert (record["task"], record["width"], record["height"]) == ("detection", 512, 341)
    best = record["objects"][0]
    assert (best["index"], best["name"]) == (16, "cat")
    assert best["score"] > 0.6
    assert overlap(best["box"], (29, 39, 377, 347)) >= 0.8


def test_real_detector_gives_same_objects_in_other_order(shared: Path, tmp_path: Path) -> None:
    frame = pictures.read(shared / "data" / "pictures" / "cat.bmp")
    source = other_order(shared / "models" / SSD, tmp_path / "other.tflite")
    labels = (shared / "models" / "coco_labels.txt").read_text(encoding="utf-8")
    found = []
    for path in (shared / "models" / SSD, source, has_card(source, tmp_path, labels=labels)):
        with open_model(path, threads=1) as model:
            found.append(model.predict(frame, threshold=0.2).objects)
    assert len(found[0]) > 3
    assert found[0] == found[1] == found[2]
    # The metadata written with the card describes the actual outputs, unlike the old metadata.
    described = model_file.read(tmp_path / "other_stretch.tflite").metadata
    assert described is not None
    assert [t.name for t in described.outputs] == ["score", "location", "number of detections", "category"]
    assert [t.content for t in described.outputs] == ["feature", "box", "feature", "feature"]
    assert [bool(t.files) for t in described.outputs] == [False, False, False, True]
