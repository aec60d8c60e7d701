"""Measures of detectors compared with pycocotools, and with cases that can be computed by hand."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.evaluation.detection.matching import MAX_DETECTIONS
from edgevision.evaluation.detection.metrics import DetectionMetrics, evaluate_boxes
from edgevision.evaluation.detection.records import PredictedBoxes, TrueBoxes

LABELS = ("cat", "dog", "bird")


def predicted(*boxes: tuple[float, float, float, float, float, int]) -> PredictedBoxes:
    """Return predictions from tuples of x0, y0, x1, y1, score, class."""
    rows = np.array(boxes, np.float32).reshape(-1, 6)
    return PredictedBoxes(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64))


def true(*boxes: tuple[float, float, float, float, int], ignored: Sequence[int] = ()) -> TrueBoxes:
    """Return true boxes from tuples of x0, y0, x1, y1, class. ``ignored``: positions of the boxes to be ignored."""
    rows = np.array(boxes, np.float32).reshape(-1, 5)
    flags = np.zeros(len(rows), bool)
    flags[list(ignored)] = True
    return TrueBoxes(rows[:, :4], rows[:, 4].astype(np.int64), flags)


def coco(predictions: Sequence[PredictedBoxes], truths: Sequence[TrueBoxes]) -> tuple[float, float, list[float]]:
    """Return mAP 50:95, mAP 50 and the AP 50:95 of each class by pycocotools; -1 without objects."""
    coco_module = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    annotations, results = [], []
    for image, (found, truth) in enumerate(zip(predictions, truths, strict=True), 1):
        for box, label, ignored in zip(truth.boxes, truth.classes, truth.ignored, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(label) + 1,
                    "bbox": as_xywh(box),
                    "area": float((box[2] - box[0]) * (box[3] - box[1])),
                    "iscrowd": int(ignored),
                }
            )
        for box, score, label in zip(found.boxes, found.scores, found.classes, strict=True):
            results.append(
                {"image_id": image, "category_id": int(label) + 1, "bbox": as_xywh(box), "score": float(score)}
            )
    with contextlib.redirect_stdout(io.StringIO()):
        reference = coco_module.COCO()
        reference.dataset = {
            "images": [{"id": n} for n in range(1, len(truths) + 1)],
            "categories": [{"id": n + 1, "name": name} for n, name in enumerate(LABELS)],
            "annotations": annotations,
        }
        reference.createIndex()
        answers = coco_module.COCO()
        answers.dataset = {
            **reference.dataset,
            "annotations": [
                {**one, "id": n, "area": one["bbox"][2] * one["bbox"][3], "iscrowd": 0}
                for n, one in enumerate(results, 1)
            ],
        }
        answers.createIndex()
        judge = evaluation.COCOeval(reference, answers, "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    precision = judge.eval["precision"][
        :, :, :, 0, 2
    ]  # thresholds, recalls, classes; all areas; at most 100 predictions
    means = [float(precision[:, :, c].mean()) for c in range(len(LABELS))]
    return float(judge.stats[0]), float(judge.stats[1]), means


def as_xywh(box: np.ndarray) -> list[float]:
    x0, y0, x1, y1 = (float(v) for v in box)
    return [x0, y0, x1 - x0, y1 - y0]


def assert_equals_coco(predictions: Sequence[PredictedBoxes], truths: Sequence[TrueBoxes]) -> None:
    ours = evaluate_boxes(predictions, truths, LABELS)
    map50_95, map50, per_class = coco(predictions, truths)
    assert or_none(ours.map50_95) == pytest.approx(map50_95, abs=1e-9)
    assert or_none(ours.map50) == pytest.approx(map50, abs=1e-9)
    assert [or_none(one.ap50_95) for one in ours.per_class] == pytest.approx(per_class, abs=1e-9)


def or_none(value: float | None) -> float:
    return -1.0 if value is None else value


# A coarse grid and few scores make equal overlaps, equal scores, and several boxes that compete for one object common.
corner = st.integers(0, 12)
side = st.integers(1, 8)
label = st.integers(0, len(LABELS) - 1)
place = st.tuples(corner, corner, side, side, label)


@st.composite
def an_image(draw: st.DrawFn) -> tuple[PredictedBoxes, TrueBoxes]:
    objects = draw(st.lists(st.tuples(place, st.booleans(), st.booleans()), max_size=6))
    truth = [(x, y, x + w, y + h, c) for (x, y, w, h, c), _, _ in objects]
    ignored = [n for n, (_, first, second) in enumerate(objects) if first and second]
    scores = st.integers(1, 6).map(lambda n: n / 8)
    found: list[tuple[float, float, float, float, float, int]] = []
    for x0, y0, x1, y1, c in truth:
        for shift in draw(st.lists(st.integers(-2, 2), max_size=3)):
            found.append((x0 + shift, y0, max(x1 + shift / 4, x0 + shift + 1), y1, draw(scores), c))
    for x, y, w, h, c in draw(st.lists(place, max_size=4)):
        found.append((x, y, x + w, y + h, draw(scores), c))
    return predicted(*found), true(*truth, ignored=ignored)


@given(st.lists(an_image(), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_average_precision_equals_pycocotools(images: list[tuple[PredictedBoxes, TrueBoxes]]) -> None:
    assert_equals_coco([found for found, _ in images], [truth for _, truth in images])


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_of_crowded_images_equals_pycocotools(seed: int) -> None:
    """More predictions per class and image than count, and far more objects than in the drawn cases."""
    random = np.random.default_rng(seed)
    predictions, truths = [], []
    for _ in range(6):
        start = random.uniform(0, 500, (60, 2))
        boxes = np.concatenate([start, start + random.uniform(8, 90, (60, 2))], axis=1).astype(np.float32)
        classes = random.integers(0, len(LABELS), 60)
        truths.append(TrueBoxes(boxes, classes, random.random(60) < 0.1))
        again = random.integers(0, 60, 3 * MAX_DETECTIONS + 50)
        moved = boxes[again] + random.normal(0, 4, (len(again), 4)).astype(np.float32)
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        predictions.append(PredictedBoxes(moved, random.random(len(again)).astype(np.float32), classes[again] * 0))
    assert_equals_coco(predictions, truths)


def test_perfect_predictions_reach_one() -> None:
    truth = true((0, 0, 10, 10, 0), (20, 20, 30, 40, 1))
    done = evaluate_boxes([predicted((0, 0, 10, 10, 0.9, 0), (20, 20, 30, 40, 0.8, 1))], [truth], LABELS)
    assert (done.map50, done.map50_95, done.objects, done.images) == (1.0, 1.0, 2, 1)
    assert [one.ap50 for one in done.per_class] == [1.0, 1.0, None]
    assert done.best is not None
    assert (done.best.threshold, done.best.precision, done.best.recall) == (pytest.approx(0.8), 1.0, 1.0)


def test_second_prediction_of_an_object_is_wrong() -> None:
    done = evaluate_boxes([predicted((0, 0, 10, 10, 0.5, 0), (0, 0, 10, 9, 0.9, 0))], [true((0, 0, 10, 10, 0))], LABELS)
    assert done.matches.correct[:, 0].tolist() == [True, False]  # best score first, although the other fits better
    assert done.map50 == 1.0
    assert done.best is not None and done.best.threshold == pytest.approx(0.9)


def test_prediction_of_an_ignored_object_counts_neither_way() -> None:
    truth = true((0, 0, 100, 100, 0), (200, 200, 210, 210, 0), ignored=[0])
    done = evaluate_boxes(
        [predicted((0, 0, 40, 40, 0.9, 0), (50, 50, 90, 90, 0.9, 0), (200, 200, 210, 210, 0.1, 0))], [truth], LABELS
    )
    assert (done.map50, done.objects) == (1.0, 1)
    assert done.matches.ignored[:, 0].tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([(predicted(), true())], None),
        ([(predicted((0, 0, 5, 5, 0.9, 0)), true())], None),
        ([(predicted(), true((0, 0, 5, 5, 0)))], 0.0),
    ],
    ids=["nothing", "only predictions", "only objects"],
)
def test_images_without_boxes_are_measured(
    images: list[tuple[PredictedBoxes, TrueBoxes]], expected: float | None
) -> None:
    done: DetectionMetrics = evaluate_boxes([found for found, _ in images], [truth for _, truth in images], LABELS)
    assert (done.map50, done.map50_95, done.best) == (expected, expected, None)


def test_best_threshold_accepts_equal_scores_together() -> None:
    """Two predictions of the same score, one correct: no threshold can keep only the correct one."""
    done = evaluate_boxes(
        [predicted((0, 0, 10, 10, 0.5, 0), (50, 50, 60, 60, 0.5, 0))], [true((0, 0, 10, 10, 0))], LABELS
    )
    assert done.best is not None
    assert (done.best.threshold, done.best.precision, done.best.recall) == (0.5, 0.5, 1.0)
    assert done.best.f1 == pytest.approx(2 / 3)


def test_wrong_arrays_are_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"expected shape \(n, 4\), got \(3,\)"):
        PredictedBoxes(np.zeros(3), np.zeros(3), np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="scores: expected numbers, got NaN"):
        PredictedBoxes(np.zeros((1, 4)), np.array([np.nan]), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="boxes: expected finite numbers"):
        TrueBoxes(np.full((1, 4), np.inf), np.zeros(1, np.int64), np.zeros(1, bool))
    with pytest.raises(ValueError, match="expected class indices from 0 to 2, got 3"):
        evaluate_boxes([predicted((0, 0, 1, 1, 0.5, 3))], [true()], LABELS)
    with pytest.raises(ValueError, match="expected predictions of 2 images, got 1"):
        evaluate_boxes([predicted()], [true(), true()], LABELS)
