"""SSD with raw boxes and scores: real networks cut before their last operator, whose results and anchors are known."""

from __future__ import annotations

import math
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from agreement import same_objects
from cut_detector import cut_detector
from raw_outputs import photo_of_whole_blocks

from edgevision import open_model
from edgevision.errors import BadModel
from edgevision.inspection import add_card
from edgevision.inspection.card_options import CardOptions
from edgevision.inspection.report import inspect
from edgevision.output_layouts.layout import OutputView
from edgevision.output_layouts.registry import open_layout, recognize
from edgevision.output_layouts.ssd_anchors import find_anchors
from edgevision.tflite import associated_files, metadata, metadata_writer
from edgevision.tflite.outputs import OutputFacts
from edgevision.types import TensorSpec

SSD = "models/coco_ssd_mobilenet_v1_1.0_quant_with_metadata.tflite"
PYRAMID = (
    "files/tensorflow+flutter-tflite/example/object_detection_ssd_mobilenet_v2/assets/"
    "custom_ssd_mobilenet_v2_fpn_lite_320x320.tflite"
)


def view(count: int, columns: int, side: int, facts: OutputFacts | None = None, labels: int = 0) -> OutputView:
    specs = (TensorSpec("boxes", (1, count, 4), "float32"), TensorSpec("scores", (1, count, columns), "float32"))
    return OutputView(specs, side, side, labels, facts or OutputFacts())


def test_anchors_of_ssd_are_those_in_a_real_file(shared: Path) -> None:
    real = cut_detector((shared / SSD).read_bytes())
    found = find_anchors(len(real.anchors), 300, 300, OutputFacts())
    assert found is not None and found.background
    assert found.scales == tuple(real.options[name] for name in ("y_scale", "x_scale", "h_scale", "w_scale"))
    np.testing.assert_allclose(found.boxes, real.anchors, atol=0.005)  # stored in 8 bits, in steps of 0.0065


def test_anchors_of_a_feature_pyramid_are_those_in_a_real_file(survey: Path) -> None:
    real = cut_detector((survey / PYRAMID).read_bytes())
    found = find_anchors(len(real.anchors), 320, 320, OutputFacts())
    assert len(real.anchors) == 12804 and found is not None
    assert found.scales == tuple(real.options[name] for name in ("y_scale", "x_scale", "h_scale", "w_scale"))
    np.testing.assert_allclose(found.boxes, real.anchors, atol=1e-5)


def test_anchors_of_efficientdet_are_made_cell_by_cell() -> None:
    """Synthetic: no file with these anchors is available here; a plain loop after the published generator."""
    expected = []
    for cells in (40, 20, 10, 5, 3):
        for row in range(cells):
            for column in range(cells):
                for octave in range(3):
                    for ratio in (1.0, 2.0, 0.5):
                        size = 3.0 * 2 ** (octave / 3) / cells
                        width, height = size * math.sqrt(ratio), size / math.sqrt(ratio)
                        expected.append(((row + 0.5) / cells, (column + 0.5) / cells, height, width))
    found = find_anchors(19206, 320, 320, OutputFacts())
    assert found is not None and not found.background
    np.testing.assert_allclose(found.boxes, expected, rtol=1e-5)


@pytest.mark.parametrize("source", ["ssd", "pyramid"])
def test_cut_network_finds_what_it_finds_with_its_operator(
    source: str, shared: Path, survey: Path, tmp_path: Path
) -> None:
    content = ((shared / SSD) if source == "ssd" else (survey / PYRAMID)).read_bytes()
    real = cut_detector(content)
    (tmp_path / "whole.tflite").write_bytes(content)
    # The anchors of SSD are stored in 8 bits, in steps of up to 3 pixels of these photos; those of the pyramid are exact.
    files = {"box_priors.txt": text_of(real.anchors.T)} if source == "ssd" else {}
    (tmp_path / "raw.tflite").write_bytes(real.model + associated_files.pack(files, len(real.model)))
    iou = real.options["nms_iou_threshold"]
    for name, overlap in (("whole", None), ("raw", iou)):
        wish = CardOptions(task="detection", resize="stretch", mean=(127.5,), std=(127.5,), iou=overlap)
        add_card.write(add_card.new_card(tmp_path / f"{name}.tflite", wish), tmp_path / f"{name}-card.tflite")
    shown = inspect(tmp_path / "raw-card.tflite")
    assert shown["card"]["detector"] == {"layout": "ssd", "iou": pytest.approx(iou)}
    seen = 0
    for photo in ("cats_and_dogs.jpg", "multi_objects.jpg", "cat_720p.jpg", "grace_hopper.bmp"):
        frame = photo_of_whole_blocks(shared / "data" / "pictures" / photo)
        with open_model(tmp_path / "whole-card.tflite", threads=1) as model:
            expected = [(one.index, one.score, one.box) for one in model.predict(frame, threshold=0.45).objects]
        with open_model(tmp_path / "raw-card.tflite", threads=1) as model:
            found = model.predict(frame, threshold=0.45).objects
        same_objects(found, expected, frame.width, frame.height)
        seen += len(found)
    assert seen > 3 or source == "pyramid"


def text_of(lines: np.ndarray) -> bytes:
    return "\n".join(" ".join(f"{value:.7f}" for value in line) for line in lines).encode()


def by_hand(
    values: np.ndarray, scores: np.ndarray, anchors: np.ndarray, scales: tuple[float, ...], side: int, limit: float
) -> list[tuple[float, int, tuple[float, ...]]]:
    found = []
    for (ty, tx, th, tw), row, (y, x, h, w) in zip(values.tolist(), scores.tolist(), anchors.tolist(), strict=True):
        best = max(range(len(row)), key=lambda n: row[n])
        if row[best] >= limit:
            cy, cx = ty / scales[0] * h + y, tx / scales[1] * w + x
            hh, hw = math.exp(th / scales[2]) * h / 2, math.exp(tw / scales[3]) * w / 2
            found.append((row[best], best, tuple(v * side for v in (cx - hw, cy - hh, cx + hw, cy + hh))))
    return found


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("raw", [False, True])
def test_scores_are_read_with_or_without_the_logistic_function(raw: bool, swapped: bool) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 3, (1917, 4)).astype(np.float32)
    logits = rng.normal(-4, 2, (1917, 6)).astype(np.float32)
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    shown = view(1917, 6, 300)
    outputs = [values[np.newaxis], (logits if raw else scores)[np.newaxis]]
    if swapped:
        shown, outputs = shown._replace(outputs=shown.outputs[::-1]), outputs[::-1]
    (layout,) = recognize(shown)
    found = layout.read(outputs, 0.4)
    anchors = find_anchors(1917, 300, 300, OutputFacts())
    assert anchors is not None
    expected = by_hand(values, scores[:, 1:], anchors.boxes, (10, 10, 5, 5), 300, 0.4)
    assert (layout.name, layout.classes) == ("ssd", 5)
    assert len(expected) > 20
    np.testing.assert_allclose(found.scores, [one[0] for one in expected], atol=1e-5)
    assert found.classes.tolist() == [one[1] for one in expected]
    np.testing.assert_allclose(found.boxes, [one[2] for one in expected], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_quantized_scores_are_told_by_their_range(dtype: str) -> None:
    rng = np.random.default_rng(2)
    levels = np.iinfo(dtype)
    span = levels.max - levels.min
    zero = (levels.max + levels.min + 1) // 2
    boxes = rng.integers(levels.min, levels.max, (1, 1917, 4)).astype(dtype)
    scores = rng.integers(levels.min, levels.max, (1, 1917, 3)).astype(dtype)
    limit = 0.98
    for scale, offset, raw in ((1 / (span + 1), levels.min, False), (12 / span, zero, True)):
        specs = (
            TensorSpec("boxes", boxes.shape, dtype, 6 / span, zero),
            TensorSpec("scores", scores.shape, dtype, scale, offset),
        )
        found = open_layout(OutputView(specs, 300, 300)).read([boxes, scores], limit)
        real = (scores[0].astype(np.float64) - offset) * scale
        best = (1 / (1 + np.exp(-real)) if raw else real)[:, 1:].max(axis=1)
        np.testing.assert_allclose(found.scores, best[best >= limit], atol=1e-4)
        assert found.scores.size


def options_of(anchors: np.ndarray, sigmoid: bool) -> bytes:
    """Return MediaPipe's options of a detector, as its metadata writer makes them."""
    b = flatbuffers.Builder(1024)
    tables = []
    for y, x, height, width in anchors.tolist():
        b.StartObject(4)
        for n, value in enumerate((x, y, width, height)):
            b.PrependFloat32Slot(n, value, 0.0)
        tables.append(b.EndObject())
    b.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        b.PrependUOffsetTRelative(table)
    every = b.EndVector()
    b.StartObject(1)
    b.PrependUOffsetTRelativeSlot(0, every, 0)
    schema = b.EndObject()
    b.StartObject(1)
    b.PrependUOffsetTRelativeSlot(0, schema, 0)
    wanted = b.EndObject()
    b.StartObject(12)
    for n in range(6, 10):
        b.PrependFloat32Slot(n, 1.0, 0.0)
    b.PrependBoolSlot(10, True, False)
    b.PrependBoolSlot(11, sigmoid, False)
    decoding = b.EndObject()
    b.StartObject(3)
    b.PrependUOffsetTRelativeSlot(1, wanted, 0)
    b.PrependUOffsetTRelativeSlot(2, decoding, 0)
    b.Finish(b.EndObject(), b"V001")
    return bytes(b.Output())


@pytest.mark.parametrize("sigmoid", [False, True])
def test_anchors_and_scales_of_mediapipes_metadata_are_used(sigmoid: bool) -> None:
    """Synthetic: the form of MediaPipe's EfficientDet-Lite0, with anchors that no generator makes."""
    rng = np.random.default_rng(3)
    anchors = rng.uniform(0.1, 0.9, (500, 4)).astype(np.float32)
    values = rng.normal(0, 0.3, (500, 4)).astype(np.float32)
    scores = rng.uniform(0, 1, (500, 3)).astype(np.float32)
    custom = metadata.CustomMetadata("DETECTOR_METADATA", options_of(anchors, sigmoid))
    facts = OutputFacts(metadata.parse(metadata_writer.build(metadata.Metadata(custom=(custom,)))))
    (layout,) = recognize(view(500, 3, 320, facts))
    given = np.log(scores / (1 - scores)) if sigmoid else scores
    found = layout.read([values[np.newaxis], given[np.newaxis]], 0.6)
    expected = by_hand(values, scores, anchors, (1, 1, 1, 1), 320, 0.6)
    assert layout.classes == 3  # MediaPipe's metadata count no background
    np.testing.assert_allclose(found.boxes, [one[2] for one in expected], rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(found.scores, [one[0] for one in expected], atol=1e-4)


@pytest.mark.parametrize("rows", [True, False])
def test_anchors_in_a_text_file_of_the_archive_are_used(rows: bool) -> None:
    anchors = np.random.default_rng(4).uniform(0.1, 0.9, (40, 4))
    text = text_of(anchors.T if rows else anchors)
    found = find_anchors(40, 320, 320, OutputFacts(None, {"box_priors.txt": text}))
    assert found is not None and found.background
    np.testing.assert_allclose(found.boxes, anchors, atol=1e-6)
    assert find_anchors(41, 320, 320, OutputFacts(None, {"box_priors.txt": text})) is None
    assert find_anchors(40, 320, 320, OutputFacts(None, {"box_priors.txt": b"1 2 x"})) is None


def test_unknown_anchors_are_refused_with_what_is_missing() -> None:
    shown = view(1000, 5, 320)
    assert recognize(shown) == []
    with pytest.raises(BadModel, match=r"the anchors of 1000 boxes are not known: neither .* 320x320 are others"):
        open_layout(shown, "ssd")


@pytest.mark.parametrize("cut", [9, 40, 100])
def test_damaged_options_are_refused(cut: int) -> None:
    whole = options_of(np.full((30, 4), 0.5), True)
    custom = metadata.CustomMetadata("DETECTOR_METADATA", whole[:cut])
    with pytest.raises(BadModel, match="detector's metadata is damaged"):
        find_anchors(30, 320, 320, OutputFacts(metadata.Metadata(custom=(custom,))))
