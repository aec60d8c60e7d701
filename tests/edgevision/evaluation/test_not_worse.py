"""Two models on the same images: exact test, correction for several classes, verdicts."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.evaluation.measures import ClassificationMetrics, classification_metrics
from edgevision.evaluation.not_worse import chance_of_loss, compare_pairs, corrected
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing


def _measured(labels: tuple[str, ...], true: list[int], answers: list[int]) -> ClassificationMetrics:
    card = ModelCard("m", "classification", Preprocessing(8, 8), labels, "softmax")
    scores = np.eye(len(labels), dtype=np.float32)[answers]
    flags = np.eye(len(labels), dtype=bool)[true]
    return classification_metrics(card, labels, scores, flags, np.zeros((0, len(labels)), np.float32))


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (1, 0), (0, 3), (3, 1), (5, 0), (4, 4)])
def test_chance_of_loss_counts_the_outcomes_of_fair_coins(lost: int, gained: int) -> None:
    outcomes = list(product((0, 1), repeat=lost + gained))
    assert chance_of_loss(lost, gained) == pytest.approx(sum(sum(o) >= lost for o in outcomes) / len(outcomes))


def test_chance_of_loss_takes_thousands_of_images() -> None:
    assert 0 < chance_of_loss(5200, 4800) < 0.0001 < chance_of_loss(5000, 5000)


def test_correction_is_that_of_the_published_example() -> None:
    """Holm's step-down: 3 x 0.01, then 2 x 0.02 and 0.04, never falling."""
    assert corrected([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_correction_keeps_the_order_and_never_lowers(chances: list[float]) -> None:
    found = corrected(chances)
    assert all(p <= q <= 1 for p, q in zip(chances, found, strict=True))
    order = sorted(range(len(chances)), key=chances.__getitem__)
    assert [found[at] for at in order] == sorted(found)


@pytest.mark.parametrize(
    ("images", "lost", "gained", "verdict"),
    [
        (100, 0, 0, "not_worse"),
        (100, 0, 12, "better"),
        (100, 2, 2, "not_worse"),
        (100, 1, 0, "not_worse"),  # another seed does as much
        (100, 3, 1, "unclear"),
        (100, 7, 0, "worse"),
        (9, 0, 0, "unclear"),  # too few images
        (9, 6, 0, "worse"),
        (1000, 60, 58, "not_worse"),
        (1000, 60, 30, "worse"),
    ],
)
def test_verdict(images: int, lost: int, gained: int, verdict: str) -> None:
    """Losses and gains are spread over four classes."""
    true = [at % 4 for at in range(images)]
    first, second = list(true), list(true)
    for at in range(lost):
        second[at] = (true[at] + 1) % 4
    for at in range(lost, lost + gained):
        first[at] = (true[at] + 1) % 4
    result = compare_pairs(_measured(tuple("abcd"), true, first), _measured(tuple("abcd"), true, second))
    assert (result.pairs.lost, result.pairs.gained) == (lost, gained)
    assert result.verdict == verdict


def test_forgotten_class_is_named_although_the_accuracy_rose() -> None:
    """And a class that only the second model has takes no part."""
    true = [0] * 40 + [1] * 10
    first = [1] * 12 + [0] * 28 + [1] * 10
    second = [0] * 40 + [2] * 4 + [1] * 6
    result = compare_pairs(_measured(("a", "b"), true, first), _measured(("a", "b", "new"), true, second))
    assert result.change.value > 0
    assert [one.describe() for one in result.forgotten] == ["b (10 of 10 before, 6 now)"]
    assert result.verdict == "worse"
    assert [one["name"] for one in result.to_json()["per_class"]] == ["a", "b"]
