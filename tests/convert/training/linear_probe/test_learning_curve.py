"""Learning curves: what is measured, what is extrapolated, and when nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from edgevision.convert.training.linear_probe.cross_validation import Probe, one_thread
from edgevision.convert.training.linear_probe.learning_curve import learning_curve
from edgevision.convert.training.linear_probe.linear_head import fit_head
from edgevision.convert.training.network.head import goal_of

TWO = goal_of(("a", "b"), False)


def probe(count: int, seed: int, distance: float = 2.5, width: int = 30) -> Probe:
    """Return ``count`` images of each of two overlapping classes."""
    random = np.random.default_rng(seed)
    labels = np.tile([0, 1], count)
    features = random.standard_normal((2 * count, width)).astype(np.float32)
    features[:, 0] += distance * labels
    targets = TWO.targets([(TWO.classes[one],) for one in labels])
    return Probe(TWO, features, targets, np.ones(2 * count, np.float32), np.arange(2 * count))


def accuracy(count: int, test: Probe) -> float:
    """Return the mean accuracy on other images of heads that learned from ``count`` images of each class."""
    found = []
    for seed in range(5):
        given = probe(count, 100 + seed)
        with one_thread():
            head = fit_head(TWO, given.features, given.targets, given.weights, 1.0)
        found.append(TWO.measure(test.targets, head.logits(test.features))[1].mean())
    return float(np.mean(found))


def test_prediction_from_few_images_covers_what_many_reach() -> None:
    test = probe(2000, 99)
    curve = learning_curve(probe(30, 1), 1.0, 0)
    assert curve is not None and curve.photos == 60
    for point, count in zip(curve.predicted, (60, 120), strict=True):
        assert point.photos == 2 * count
        assert point.low <= accuracy(count, test) <= point.high
        assert point.high - point.low < 0.25
    assert curve.measured[0].accuracy < curve.measured[-1].accuracy


def test_set_without_mistakes_does_not_promise_perfection() -> None:
    curve = learning_curve(probe(10, 2, distance=40.0), 1.0, 0)
    assert curve is not None
    assert curve.predicted[0].low < 0.95 and curve.predicted[0].accuracy > 0.9


def test_no_curve_from_a_handful_of_images() -> None:
    assert learning_curve(probe(3, 0), 1.0, 0) is None
    copies = probe(20, 0)
    same = Probe(TWO, copies.features, copies.targets, copies.weights, copies.classes)
    assert learning_curve(same, 1.0, 0) is None


def test_sentence_and_json_say_what_it_was_measured_on() -> None:
    curve = learning_curve(probe(20, 3), 1.0, 0)
    assert curve is not None
    assert f"with {curve.measured[-1].photos} of your 40 photos" in curve.describe()
    assert "with twice the photos, extrapolated: " in curve.describe()
    document = curve.to_json()
    assert [point["photos"] for point in document["predicted"]] == [80, 160]
