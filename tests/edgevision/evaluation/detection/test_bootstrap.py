"""Confidence intervals of average precision."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision.evaluation.detection.bootstrap import (
    Interval,
    draw_images,
    interval,
    ratio_interval,
    resample,
)
from edgevision.evaluation.detection.metrics import evaluate_boxes
from edgevision.evaluation.detection.records import PredictedBoxes, TrueBoxes

LABELS = ("cat", "dog", "never")


def scattered(images: int, seed: int) -> tuple[list[PredictedBoxes], list[TrueBoxes]]:
    """Return images with objects of two classes; some are found, some badly placed, some invented. No score is twice."""
    random = np.random.default_rng(seed)
    scores = random.permutation(images * 8) / (images * 8)
    predictions, truths = [], []
    for number in range(images):
        count = int(random.integers(0, 6))
        start = random.uniform(0, 200, (count, 2))
        boxes = np.concatenate([start, start + random.uniform(20, 60, (count, 2))], axis=1)
        classes = random.integers(0, 2, count)
        truths.append(TrueBoxes(boxes, classes, random.random(count) < 0.2))
        moved = np.concatenate([boxes + random.normal(0, 5, boxes.shape), [[0.0, 0.0, 30.0, 30.0]]])
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        own = scores[number * 8 : number * 8 + count + 1]
        predictions.append(PredictedBoxes(moved, own, np.append(classes, number % 2)))
    return predictions, truths


@pytest.mark.parametrize("seed", range(4))
def test_resampled_precision_equals_that_of_the_drawn_images(seed: int) -> None:
    predictions, truths = scattered(12, seed)
    weights = draw_images(12, seed)[:20]
    found = resample(evaluate_boxes(predictions, truths, LABELS), weights)
    for row, (map50, map50_95) in zip(weights, zip(found.map50, found.map50_95, strict=True), strict=True):
        drawn = np.repeat(np.arange(12), row.astype(int))
        again = evaluate_boxes([predictions[n] for n in drawn], [truths[n] for n in drawn], LABELS)
        assert map50 == pytest.approx(again.map50, abs=1e-9)
        assert map50_95 == pytest.approx(again.map50_95, abs=1e-9)


def test_interval_covers_the_value_of_all_images_about_as_often_as_promised() -> None:
    """A small sample of a large set of images: its interval has to contain the precision of the large set."""
    predictions, truths = scattered(900, 5)
    whole = evaluate_boxes(predictions, truths, LABELS).map50
    assert whole is not None
    covered = 0
    for sample in range(30):
        part = slice(30 * sample, 30 * sample + 30)
        metrics = evaluate_boxes(predictions[part], truths[part], LABELS)
        found = interval(metrics.map50, resample(metrics, draw_images(30, sample)).map50)
        assert found.low is not None and found.value is not None and found.high is not None
        assert found.low <= found.value <= found.high
        covered += found.low <= whole <= found.high
    assert covered >= 24  # 28.5 are expected; fewer than 24 happen once in 200 times if the promise holds


def test_interval_is_unknown_without_objects() -> None:
    nothing = [PredictedBoxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))]
    metrics = evaluate_boxes(nothing, [TrueBoxes(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool))], LABELS)
    assert interval(metrics.map50, resample(metrics, draw_images(1)).map50) == Interval(None, None, None)


def test_ratio_of_sums_has_an_interval_and_is_unknown_of_nothing() -> None:
    weights = draw_images(50)
    whole = np.full(50, 2.0)
    found = ratio_interval(np.where(np.arange(50) < 25, 2.0, 0.0), whole, weights)
    assert found.value == 0.5
    assert found.low is not None and found.high is not None
    assert 0.3 < found.low < 0.45 and 0.55 < found.high < 0.7
    every = ratio_interval(whole, whole, weights)
    assert (every.value, every.high) == (1.0, 1.0) and every.low is not None and 0.9 < every.low < 0.95
    assert ratio_interval(np.zeros(50), np.zeros(50), weights) == Interval(None, None, None)
    assert Interval(0.5, None, 1.0).to_json(100.0) == {"value": 50.0, "low": None, "high": 100.0}
