"""Conversion of a detector: the file, what it finds, the comparison with float, the repair, and refused input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from documents import parse, valid

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from brightness_detector import LABEL, SIDE, SQUARE, THRESHOLD, photo, save, write_photos
from edgevision.convert import ConvertOptions, convert
from edgevision.convert.comparison.accuracy_limit import judge_detector
from edgevision.convert.report import summary
from edgevision.convert.report.detector_record import DetectorConvertReport
from edgevision.convert.report.html import detector_page

from edgevision import open_model, selftest
from edgevision.datasets.training_images import card_entry
from edgevision.errors import BadModel, UsageError
from edgevision.model_file import model_file
from edgevision.model_file.detector_selftest import DetectorSelfTest
from edgevision.preprocessing.decode import decode
from edgevision.tflite.flatbuffer import root
from edgevision.tflite.schema import IDENTIFIER, Buffer, Model


def converted(model: Path, photos: Path, output: Path, **options: object) -> DetectorConvertReport:
    given = {"calibration_count": 20, "output": output, **options}
    report = convert(ConvertOptions(model, photos, **given))  # type: ignore[arg-type]
    assert isinstance(report, DetectorConvertReport)
    valid(report.to_json(), "convert")
    return report


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("trained") / "model.keras")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), 40)


@pytest.fixture(scope="module")
def report(model: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> DetectorConvertReport:
    return converted(model, photos, tmp_path_factory.mktemp("out") / "squares.tflite")


def test_file_finds_the_objects_at_their_places(report: DetectorConvertReport) -> None:
    with open_model(report.path) as opened:
        found = opened.predict(decode(photo([(20, 12)], 99), "x.png")).objects
    assert [(one.name, one.index) for one in found] == [(LABEL, 0)]
    expected = [2.0 * v for v in (20, 12, 20 + SQUARE, 12 + SQUARE)]  # photos are twice the size of the input
    assert found[0].box == pytest.approx(expected, abs=1.5)
    assert found[0].score > THRESHOLD


def test_file_ends_in_the_operator_that_other_tools_expect(report: DetectorConvertReport) -> None:
    graph = report.graph
    assert graph.operators[-1].name == "TFLite_Detection_PostProcess"
    assert [spec.shape for spec in graph.output_specs] == [(1, 100, 4), (1, 100), (1, 100), (1,)]
    assert graph.input_specs[0].dtype == "uint8" and graph.input_specs[0].shape == (1, SIDE, SIDE, 3)
    others = [op for op in graph.operators if op.name not in ("TFLite_Detection_PostProcess", "DEQUANTIZE")]
    assert all(graph.is_int8(tensor) for op in others for tensor in op.inputs + op.outputs)
    assert report.compatibility.mediapipe.ok


def test_float_and_int8_are_compared_on_images_that_made_neither(report: DetectorConvertReport) -> None:
    record = report.to_json()
    held, chosen = set(record["heldout"]["file_sha256"]), record["calibration"]["file_sha256"]
    assert held.isdisjoint(chosen) and held.isdisjoint(record["selection"]["file_sha256"])
    assert (record["heldout"]["pictures"], record["heldout"]["independent"]) == (20, True)
    assert record["float"]["map50"]["value"] == record["int8"]["map50"]["value"] == 1.0
    assert record["agreement"]["value"] == 1.0 and record["agreement"]["low"] < 1.0
    assert record["drop_points"]["value"] == 0.0
    assert record["float"]["accuracy"] is None


def test_file_has_a_self_test_that_damaged_weights_fail(report: DetectorConvertReport, tmp_path: Path) -> None:
    whole = model_file.read(report.path)
    assert whole.card is not None and isinstance(whole.card.selftest, DetectorSelfTest)
    record = report.to_json()["selftest"]
    objects = [one for case in whole.card.selftest.cases for one in case.objects]
    assert (record["inputs"], record["objects"]) == (len(whole.card.selftest.cases), len(objects)) and objects
    assert all(one.score >= whole.card.selftest.min_score for one in objects)
    assert "synthetic image" in dict(summary.rows(report))["self-test"]
    with open_model(report.path) as opened:
        assert selftest.check(opened).ok

    weights = first_weights(whole.flatbuffer)
    damaged = tmp_path / "damaged.tflite"
    flatbuffer = whole.flatbuffer.replace(weights, bytes(len(weights)))
    model_file.write(damaged, flatbuffer, whole.card, {k: v for k, v in whole.files.items() if k.endswith(".png")})
    with open_model(damaged) as opened:
        found = selftest.check(opened)
    assert not found.ok and all(case.same_tensor for case in found.cases)


def first_weights(flatbuffer: bytes) -> bytes:
    """Return the weights of the first convolution."""
    model = root(flatbuffer, IDENTIFIER, "the model")
    found = [bytes(buffer.raw(Buffer.DATA)) for buffer in model.tables(Model.BUFFERS)]
    gray = [data for data in found if len(data) == 3 * 3 * 3 * 8]
    assert len(gray) == 1 and flatbuffer.count(gray[0]) == 1
    return gray[0]


def test_repair_is_measured_in_boxes_on_the_selection_set(report: DetectorConvertReport) -> None:
    repair = report.repair
    assert repair is not None and repair.note is None and repair.steps
    assert {step.measure for step in repair.steps} == {"detection"}
    assert repair.before is not None and repair.after is not None
    assert repair.after.boxes is not None and repair.after.same == repair.after.boxes > 0
    assert repair.after.value <= repair.before.value
    assert {layer.name for layer in repair.layers} >= {"gray", "smooth", "class_8"}


def test_card_records_the_measurements(report: DetectorConvertReport) -> None:
    card = model_file.read(report.path).card
    assert card is not None and card.quantization is not None
    assert (card.task, card.labels, card.threshold) == ("detection", (LABEL,), THRESHOLD)
    assert card.quantization["int8"]["map50"]["value"] == 1.0
    assert card.quantization["agreement"]["value"] == 1.0
    parse(card.dumps(), "card")


def test_summary_and_page_speak_of_boxes(report: DetectorConvertReport) -> None:
    rows = dict(summary.rows(report))
    assert "have a partner" in rows["same boxes"] and "20 images" in rows["same boxes"]
    assert rows["mAP50"].startswith("float 100.0 %") and "top-1" not in rows
    assert "boxes before" in rows["repair"]
    assert report.page_path is not None
    text = report.page_path.read_text(encoding="utf-8")
    for title in ("Float and int8", "Classes", "Precision and recall", "Layers", "Compatibility", "How it was made"):
        assert f"<h2>{title}</h2>" in text
    assert json.loads(report.report_path.read_text()) == json.loads(json.dumps(report.to_json())) | {
        "peak_rss_mb": json.loads(report.report_path.read_text())["peak_rss_mb"]
    }


def test_images_without_boxes_measure_the_agreement_only(model: Path, tmp_path: Path) -> None:
    plain = write_photos(tmp_path / "plain", 24, seed=3, labeled=False)
    found = converted(model, plain, tmp_path / "o.tflite", effort="none", max_drop=50.0)
    record = found.to_json()
    assert record["agreement"]["total"] > 0 and record["float"]["map50"] is None and record["drop_points"] is None
    assert record["heldout"]["labelled"] == 0
    assert record["gate"]["measure"] == "changed_boxes" and record["gate"]["met"]
    assert "unknown" in dict(summary.rows(found))["mAP50"]


def test_labeled_images_are_given_apart(model: Path, photos: Path, tmp_path: Path) -> None:
    apart = write_photos(tmp_path / "apart", 12, seed=8)
    found = converted(model, photos, tmp_path / "o.tflite", effort="none", eval_data=apart, max_drop=1.0)
    assert found.comparison.pictures == 12
    assert found.gate is not None and found.gate.met and found.gate.measure == "map50"


def test_images_of_the_training_are_counted_apart(photos: Path, tmp_path: Path) -> None:
    known: Sequence[Path] = sorted((photos / "images").iterdir())[:30]
    images = card_entry([hashlib.sha256(path.read_bytes()).hexdigest() for path in known], [])
    own = save(tmp_path / "own" / "model.keras", {"data": {"images": images}})
    found = converted(own, photos, tmp_path / "o.tflite", effort="none")
    record = found.to_json()
    assert record["heldout"]["trained_on"]["counted_apart"] and record["heldout"]["training_known"]
    assert record["heldout"]["pictures"] == 10  # calibrated on 20 of the 30 images of the training
    assert "none of them used in training" in dict(summary.rows(found))["same boxes"]


def test_loss_above_the_limit_is_not_met(report: DetectorConvertReport, photos: Path) -> None:
    """The same conversion, if the int8 detector had found nothing."""
    done = report.comparison.evaluation
    assert done is not None and done.other_measures is not None and done.comparison is not None
    change = replace(done.comparison.map50_change, value=-0.4, low=-0.5, high=-0.3)
    worse = replace(
        report.comparison, evaluation=replace(done, comparison=replace(done.comparison, map50_change=change))
    )
    gate = judge_detector(worse, report.calibration, ConvertOptions(report.path, photos, max_drop=1.0))
    assert gate is not None and not gate.met
    assert gate.message().startswith(
        "40.0 points of mAP50 lost (95 %: 30.0 to 50.0, 20 images), but --max-drop allows 1;"
    )


def test_options_of_classifiers_are_refused(model: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="--with-embedding is for classifiers, and the model is a detector; leave it out"
    ):
        converted(model, photos, tmp_path / "o.tflite", with_embedding=True)
    assert not (tmp_path / "o.tflite").exists()


@pytest.mark.parametrize("mode", ["int8-io", "float16"])
def test_other_modes_find_the_same_objects(model: Path, photos: Path, tmp_path: Path, mode: str) -> None:
    effort = {"effort": "low"} if mode == "int8-io" else {}
    report = converted(model, photos, tmp_path / "squares.tflite", mode=mode, **effort)
    with open_model(report.path) as opened:
        assert opened.inputs[0].dtype == {"int8-io": "int8", "float16": "float32"}[mode]
        found = opened.predict(decode(photo([(20, 12)], 99), "x.png")).objects
        assert [(one.name, one.index) for one in found] == [(LABEL, 0)]
        assert selftest.check(opened).ok
    text = "\n".join(f"{name} {value}" for name, value in summary.rows(report)) + detector_page(report)
    assert f"float and {mode}" in text and "int8 detector" not in text


def test_int16x8_without_a_valid_model_is_refused(model: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(
        BadModel, match=r"no valid int16x8 model of this network: tensor .* has the quantization scale 0; use"
    ):
        converted(model, photos, tmp_path / "squares.tflite", mode="int16x8")
    assert not list(tmp_path.iterdir())
