"""Linear heads: the optimum, the choice of the strength, and cross-validation that keeps copies together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("sklearn")

from edgevision.convert.training.linear_probe.cross_validation import Probe, cross_validate, folds
from edgevision.convert.training.linear_probe.linear_head import ABSENT, Scale, fit_head
from edgevision.convert.training.network.head import Head, goal_of

if TYPE_CHECKING:
    import numpy.typing as npt

ONE, TWO, THREE = goal_of(("a", "b"), True), goal_of(("a", "b"), False), goal_of(("a", "b", "c"), False)


def probe(goal: Head, count: int, distance: float = 2.0, width: int = 40, seed: int = 0) -> Probe:
    """Return normally distributed features of ``count`` images per class, whose middles are ``distance`` apart."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(goal.classes)), count)
    features = random.standard_normal((len(labels), width)).astype(np.float32) + 7
    features[np.arange(len(labels)), labels] += distance
    targets = goal.targets([(goal.classes[one],) for one in labels])
    return Probe(goal, features, targets, np.ones(len(labels), np.float32), np.arange(len(labels)))


def loss(given: Probe, weights: npt.NDArray[np.float32], bias: npt.NDArray[np.float32], strength: float) -> float:
    """Return the objective of the fit."""
    logits = (given.features @ weights + bias).astype(np.float32)
    losses = given.goal.measure(given.targets, logits)[0]
    return strength * float(losses.sum()) + 0.5 * float(np.square(weights).sum())


@pytest.mark.parametrize("goal", [TWO, THREE])
def test_fitted_head_is_the_optimum(goal: Head) -> None:
    given = probe(goal, 20)
    found = fit_head(goal, given.features, given.targets, given.weights, 0.3)
    best, random = loss(given, found.weights, found.bias, 0.3), np.random.default_rng(1)
    for _ in range(20):
        step = 0.02 * random.standard_normal(found.weights.shape).astype(np.float32)
        assert loss(given, found.weights + step, found.bias, 0.3) > best


@pytest.mark.parametrize("goal", [ONE, TWO, THREE])
def test_scaled_head_gives_the_same_logits_on_plain_features(goal: Head) -> None:
    given = probe(goal, 10)
    scale = Scale.of(given.features)
    head = fit_head(goal, scale.apply(given.features), given.targets, given.weights, 100.0)
    plain = scale.undo(head).logits(given.features)
    np.testing.assert_allclose(plain, head.logits(scale.apply(given.features)), atol=2e-3)
    assert goal.measure(given.targets, plain)[1].mean() > 0.9


def test_soft_target_is_a_share_of_both_answers() -> None:
    features = np.array([[-1.0], [1.0], [5.0]], np.float32)
    soft = np.array([[0.0], [1.0], [0.5]], np.float32)
    found = fit_head(TWO, features, soft, np.ones(3, np.float32), 1e4)
    hard = fit_head(TWO, features, np.array([[0.0], [1.0], [1.0]], np.float32), np.ones(3, np.float32), 1e4)
    assert abs(found.logits(features)[2, 0]) < abs(hard.logits(features)[2, 0]) / 2


def test_class_without_images_is_never_predicted() -> None:
    given = probe(THREE, 10)
    some = given.only(np.flatnonzero(given.classes != 1))
    found = fit_head(THREE, some.features, some.targets, some.weights, 10.0)
    assert found.bias[1] == ABSENT
    assert THREE.measure(some.targets, found.logits(some.features))[1].all()
    only = given.only(np.flatnonzero(given.classes == 1))
    lonely = fit_head(THREE, only.features, only.targets, only.weights, 10.0)
    assert (lonely.logits(given.features).argmax(axis=1) == 1).all()


def test_cross_validation_finds_no_skill_in_noise_and_skill_where_there_is_some() -> None:
    for distance, low, high in ((0.0, 0.2, 0.8), (6.0, 0.9, 1.0)):
        given = probe(TWO, 20, distance)
        found = cross_validate(given, 0)
        assert found is not None and found.folds == 10
        assert low <= given.goal.measure(given.targets, found.logits)[1].mean() <= high


def test_rotation_keeps_the_answers() -> None:
    given = probe(THREE, 8, width=300)
    turned = given.rotated()
    assert turned.features.shape == (24, 24)
    for one in (given, turned):
        scale = Scale.of(one.features)
        head = fit_head(THREE, scale.apply(one.features), one.targets, one.weights, 30.0)
        answers = head.logits(scale.apply(one.features))
        if one is given:
            expected = answers
    np.testing.assert_allclose(answers, expected, atol=0.05)


def test_copies_stay_in_one_fold_and_classes_in_all() -> None:
    given = probe(TWO, 12)
    copies = Probe(TWO, given.features, given.targets, given.weights, np.arange(24) // 2)
    for train, held in folds(copies, True, 3):
        assert not set(copies.groups[train]) & set(copies.groups[held])
        assert set(copies.classes[train]) == set(copies.classes[held]) == {0, 1}


def test_class_of_copies_only_cannot_be_cross_validated() -> None:
    given = probe(TWO, 4)
    groups = np.array([0, 0, 0, 0, 1, 2, 3, 4])
    assert cross_validate(Probe(TWO, given.features, given.targets, given.weights, groups), 0) is None
