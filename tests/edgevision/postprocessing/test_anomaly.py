"""Models for anomalies: the decoder, what is printed and drawn, and how they are measured."""

from __future__ import annotations

import numpy as np
import pytest
from documents import check_rules, valid
from edgevision.device.loop.temporal_filter import filter_for
from edgevision.device.sinks.jsonl import frame_record
from edgevision.device.sinks.text_lines import describe

from edgevision.errors import BadInput, BadModel
from edgevision.evaluation.anomaly import ScoredImage, measured
from edgevision.model_file.card import AnomalyReference, ModelCard
from edgevision.postprocessing.annotate import annotate
from edgevision.postprocessing.anomaly import CORE_SET, AnomalyDecoder
from edgevision.postprocessing.core_set import CoreSet
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.outputs import OutputFacts
from edgevision.types import Frame, Prediction, TensorSpec

SPEC = TensorSpec("patches", (1, 7, 7, 4), "uint8", 0.1, 128)
GOOD = np.array([[128, 128, 128, 128], [138, 128, 128, 128]], np.uint8)
CARD = ModelCard(
    "parts", "anomaly", Preprocessing(56, 56), ("anomaly",), "none", 0.5, anomaly=AnomalyReference(2, 1.0, 9, 0.1)
)
SIZE = (640, 480)


@pytest.fixture
def decoder() -> AnomalyDecoder:
    return AnomalyDecoder(CARD, [SPEC], OutputFacts(None, {CORE_SET: GOOD.tobytes()}))


def patches(*defects: tuple[int, int, int]) -> np.ndarray:  # type: ignore[type-arg]
    """Return patches like the core set, but for some (row, column, steps from good)."""
    found = np.broadcast_to(GOOD[0], SPEC.shape).copy()
    for row, column, steps in defects:
        found[0, row, column, 3] = 128 + steps
    return found


def test_distance_is_that_to_the_nearest_good_patch(decoder: AnomalyDecoder) -> None:
    output = patches((2, 3, 30))
    output[0, 0, 0] = GOOD[1]
    found = decoder.distances([output])
    assert found[2, 3] == pytest.approx(3.0, abs=1e-5)
    assert np.delete(found.reshape(-1), 2 * 7 + 3) == pytest.approx(0.0, abs=1e-3)


def test_score_is_a_half_at_the_limit_and_the_box_surrounds_the_defect(decoder: AnomalyDecoder) -> None:
    assert decoder.decode([patches((2, 3, 10))], SIZE, 5, None).anomaly.score == pytest.approx(0.5)  # type: ignore[union-attr]
    found = decoder.decode([patches((2, 3, 30), (2, 4, 20), (6, 0, 11))], SIZE, 5, None)
    assert found.anomaly is not None
    assert (found.anomaly.is_anomalous, found.anomaly.score) == (True, pytest.approx(0.75))
    width, height = SIZE[0] / 7, SIZE[1] / 7
    assert found.anomaly.box == pytest.approx((3 * width, 2 * height, 5 * width, 3 * height), abs=0.01)
    assert [label.name for label in found.labels] == ["anomaly"]


def test_good_image_has_no_label_and_no_box(decoder: AnomalyDecoder) -> None:
    found = decoder.decode([patches((1, 1, 5))], SIZE, 5, None)
    assert (found.labels, found.anomaly and found.anomaly.box) == ((), None)
    assert describe(found) == "good (0.33)"


@pytest.mark.parametrize("files", [{}, {CORE_SET: b"123"}, {CORE_SET: GOOD.tobytes() * 2}])
def test_core_set_that_does_not_fit_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(BadModel):
        AnomalyDecoder(CARD, [SPEC], OutputFacts(None, files))


def test_threshold_of_the_loop_decides(decoder: AnomalyDecoder) -> None:
    filter_ = filter_for(CARD, smooth=1, threshold=0.8, top=5)
    frame = Frame(np.zeros((480, 640, 3), np.uint8), index=0, captured_at=1.0)
    asked = decoder.decode([patches((2, 3, 30))], SIZE, filter_.ask_top, filter_.ask_threshold)
    shown = filter_.show(frame, asked)
    assert shown.anomaly is not None
    assert (shown.anomaly.is_anomalous, shown.anomaly.threshold, shown.labels) == (False, 0.8, ())
    assert shown.anomaly.box is None
    filter_.set_threshold(0.6)
    assert filter_.show(frame, asked).anomaly.is_anomalous  # type: ignore[union-attr]


def test_smoothed_score_and_label_agree(decoder: AnomalyDecoder) -> None:
    filter_ = filter_for(CARD, smooth=3, threshold=None, top=5)
    for index, steps in enumerate((0, 0, 90)):
        frame = Frame(np.zeros((480, 640, 3), np.uint8), index=index, captured_at=float(index))
        shown = filter_.show(
            frame, decoder.decode([patches((0, 0, steps))], SIZE, filter_.ask_top, filter_.ask_threshold)
        )
    assert shown.anomaly is not None
    assert shown.anomaly.score == pytest.approx(0.3, abs=0.01), "the mean of 0, 0 and 0.9"
    assert (shown.anomaly.is_anomalous, shown.labels) == (False, ())


def test_json_has_score_box_and_on_request_the_heat_map(decoder: AnomalyDecoder) -> None:
    frame = Frame(np.zeros((480, 640, 3), np.uint8), source="x")
    found = decoder.decode([patches((2, 3, 30))], SIZE, 5, None)
    record = valid(frame_record(frame, found, 0), "run_line")
    assert record["anomaly"]["is_anomalous"]
    assert "heat" not in record["anomaly"]
    heat = valid(frame_record(frame, found, 0, masks=True), "run_line")["anomaly"]["heat"]
    assert (heat["width"], heat["height"], max(heat["scores"])) == (7, 7, 0.75)


def test_heat_map_is_drawn_where_the_defect_is(decoder: AnomalyDecoder) -> None:
    frame = Frame(np.full((480, 640, 3), 120, np.uint8))
    drawn = annotate(frame, decoder.decode([patches((3, 3, 60))], SIZE, 5, None)).pixels
    assert drawn[240, 320, 0] > 180 > 100 > drawn[240, 320, 1]
    assert (drawn[460, 600] == 120).all()


def scored(**kinds: list[float]) -> list[ScoredImage]:
    return [
        ScoredImage(f"{kind}/{n}.png", kind, score) for kind, found in kinds.items() for n, score in enumerate(found)
    ]


def test_measures_of_known_scores() -> None:
    found = measured(
        scored(good=[0.1, 0.2, 0.3, 0.6], hole=[0.9, 0.8], dirt=[0.25, 0.7]),
        0.5,
        {"path": "m", "sha256": "0" * 64},
        "p",
    )
    check_rules(valid(found.to_json()))
    assert found.auc.value == pytest.approx(14 / 16)
    assert found.auc.low < found.auc.value <= found.auc.high
    assert (found.false_alarms.count, found.found.count) == (1, 3)
    assert {kind.name: kind.auc.value for kind in found.kinds} == {"dirt": 0.75, "hole": 1.0}
    assert ([one.path for one in found.missed], [one.path for one in found.alarmed]) == (["dirt/0.png"], ["good/3.png"])
    with pytest.raises(BadInput):
        measured(scored(good=[0.1]), 0.5, {}, "p")


def test_prediction_of_other_tasks_has_no_anomaly() -> None:
    assert Prediction("classification").anomaly is None


@pytest.mark.parametrize("patches", [1, 511, 512, 513, 1500])
def test_nearest_patch_is_found_in_every_block_of_the_core_set(patches: int) -> None:
    random = np.random.default_rng(patches)
    core, image = (random.normal(size=(count, 9)).astype(np.float32) for count in (patches, 12))
    expected = np.linalg.norm(image[:, np.newaxis] - core, axis=2).min(axis=1)
    known = CoreSet(core, 12)
    for _ in range(2):  # the memory of the first image is used again
        np.testing.assert_allclose(known.distances(image), expected, atol=1e-4)
    image[3] = core[-1]
    assert known.distances(image)[3] == pytest.approx(0.0, abs=2e-3)
