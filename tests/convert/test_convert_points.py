"""Conversion of a detector of points: the file, the comparison with float, the repair, and models of other tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from documents import valid

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from brightness_points import LABEL, network, save, write_photos
from edgevision.convert import ConvertOptions, DetectorConvertReport, convert
from edgevision.convert.report import summary

from edgevision import PointEvaluation, evaluate, open_model
from edgevision.errors import BadModel


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), 40)


@pytest.fixture(scope="module")
def report(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> DetectorConvertReport:
    folder = tmp_path_factory.mktemp("points")
    model = save(folder / "model.keras")
    options = ConvertOptions(
        model, photos, calibration_count=20, output=folder / "spots.tflite", effort="low", max_drop=1.0
    )
    made = convert(options)
    assert isinstance(made, DetectorConvertReport)
    valid(made.to_json(), "convert")
    return made


def test_file_is_int8_throughout_and_small(report: DetectorConvertReport) -> None:
    assert report.graph.all_int8
    assert [spec.shape for spec in report.graph.output_specs] == [(1, 8, 8, 2)]
    assert report.file_bytes < 20_000


def test_file_finds_every_spot(report: DetectorConvertReport, photos: Path) -> None:
    with open_model(report.path) as opened:
        assert (opened.card.task, opened.card.labels) == ("points", (LABEL,))
        for number in range(5):
            assert len(opened.predict(photos / f"photo{number:03d}.png").points) == number
    found = evaluate(report.path, photos)
    assert isinstance(found, PointEvaluation)
    assert (found.measures.f1.value, found.measures.count_error.value) == (1.0, 0.0)


def test_float_and_int8_are_compared_by_points(report: DetectorConvertReport) -> None:
    record = report.to_json()
    assert record["agreement"]["value"] == 1.0 and record["agreement"]["total"] > 0
    assert (record["float"]["f1"]["value"], record["int8"]["f1"]["value"], record["drop_points"]["value"]) == (1, 1, 0)
    assert record["float"]["map50"] is None and record["drop_50_95_points"] is None
    assert record["gate"]["measure"] == "f1" and record["gate"]["met"]
    assert {step["measure"] for step in record["repair"]["steps"]} == {"points"}
    held, chosen = set(record["heldout"]["file_sha256"]), record["calibration"]["file_sha256"]
    assert held.isdisjoint(chosen) and held.isdisjoint(record["selection"]["file_sha256"])


def test_summary_and_page_name_points(report: DetectorConvertReport) -> None:
    rows = dict(summary.rows(report))
    assert "points of float and int8 have a partner" in rows["same points"]
    assert rows["F1"].startswith("float 100.0 %") and "count off by 0.00" in rows["counting"]
    assert "points before" in rows["repair"] and "DETECTION" not in rows["operators"].upper()
    assert not any("self-test" in note for note in report.notes) and rows["self-test"].startswith("none")
    assert report.page_path is not None
    text = report.page_path.read_text(encoding="utf-8")
    assert "% same points" in text and "mAP50" not in text
    assert json.loads(report.report_path.read_text())["task"] == "points"


def test_cells_without_a_model_card_are_refused(photos: Path, tmp_path: Path) -> None:
    network().save(tmp_path / "plain.keras")
    with pytest.raises(BadModel, match=r"has the output shape \(None, 8, 8, 2\), expected scores"):
        convert(ConvertOptions(tmp_path / "plain.keras", photos, output=tmp_path / "o.tflite"))
