"""Metrics compared with their definitions, written as plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgevision.evaluation import metrics, threshold

CLASSES = 4
some_answers = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=40)
# Few distinct scores, so that ties are common.
scored = st.lists(st.tuples(st.booleans(), st.integers(0, 8).map(lambda n: n / 8)), min_size=1, max_size=40)


def arrays(pairs: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in pairs], bool), np.array([s for _, s in pairs], np.float32)


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


@given(some_answers)
def test_per_class_measures_equal_counting(pairs: list[tuple[int, int]]) -> None:
    true, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    matrix = metrics.confusion(true, predicted, CLASSES)
    found = metrics.per_class(matrix)
    for c in range(CLASSES):
        tp = sum(t == c and p == c for t, p in pairs)
        fp = sum(t != c and p == c for t, p in pairs)
        fn = sum(t == c and p != c for t, p in pairs)
        assert all(matrix[c, k] == sum(t == c and p == k for t, p in pairs) for k in range(CLASSES))
        wanted = (ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(2 * tp, 2 * tp + fp + fn))
        assert (found.precision[c], found.recall[c], found.f1[c]) == pytest.approx(wanted, nan_ok=True)
        assert (found.support[c], found.answered[c], found.found[c]) == (tp + fn, tp + fp, tp)


@given(some_answers)
def test_averages_equal_their_definitions(pairs: list[tuple[int, int]]) -> None:
    true, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    one = metrics.per_class(metrics.confusion(true, predicted, CLASSES))
    present = [c for c in range(CLASSES) if one.support[c]]
    for name in ("precision", "recall", "f1"):
        values = [0.0 if math.isnan(getattr(one, name)[c]) else getattr(one, name)[c] for c in range(CLASSES)]
        assert getattr(metrics.macro(one), name) == pytest.approx(sum(values[c] for c in present) / len(present))
        mean = sum(values[c] * one.support[c] for c in range(CLASSES)) / len(pairs)
        assert getattr(metrics.weighted(one), name) == pytest.approx(mean)
        accuracy = sum(t == p for t, p in pairs) / len(pairs)
        assert getattr(metrics.micro(one), name) == pytest.approx(accuracy)


@given(st.lists(st.tuples(*(st.booleans() for _ in range(6))), min_size=1, max_size=20))
def test_multilabel_measures_equal_counting(rows: list[tuple[bool, ...]]) -> None:
    both = np.array(rows, bool)
    true, predicted = both[:, :3], both[:, 3:]
    matrix = metrics.multilabel_confusion(true, predicted)
    found = metrics.per_class(matrix)
    for c in range(3):
        cells = [[sum(row[c] == t and row[c + 3] == p for row in rows) for p in (False, True)] for t in (False, True)]
        assert matrix[c].tolist() == cells
        (_, fp), (fn, tp) = cells
        wanted = (ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(2 * tp, 2 * tp + fp + fn))
        assert (found.precision[c], found.recall[c], found.f1[c]) == pytest.approx(wanted, nan_ok=True)
    tp, fp, fn = (int((true & predicted).sum()), int((~true & predicted).sum()), int((true & ~predicted).sum()))
    micro = metrics.micro(found)
    wanted = (tp / (tp + fp) if tp + fp else None, tp / (tp + fn) if tp + fn else None)
    assert (micro.precision, micro.recall) == pytest.approx(wanted)


@given(scored)
def test_roc_auc_is_the_probability_that_a_positive_scores_higher(pairs: list[tuple[bool, float]]) -> None:
    positive, scores = arrays(pairs)
    yes, no = scores[positive], scores[~positive]
    found = metrics.roc_auc(positive, scores)
    if not len(yes) or not len(no):
        assert found is None
        return
    wins = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in yes for b in no)
    assert found == pytest.approx(wins / (len(yes) * len(no)))


@given(scored)
def test_average_precision_equals_its_sum(pairs: list[tuple[bool, float]]) -> None:
    positive, scores = arrays(pairs)
    if not positive.any():
        assert metrics.average_precision(positive, scores) is None
        return
    total, last = 0.0, 0.0
    for level in sorted(set(scores.tolist()), reverse=True):
        reached = scores >= level
        recall = (positive & reached).sum() / positive.sum()
        total += (recall - last) * (positive & reached).sum() / reached.sum()
        last = recall
    assert metrics.average_precision(positive, scores) == pytest.approx(total)


def test_areas_match_published_examples() -> None:
    """Worked examples of both areas from textbooks and other libraries."""
    positive, scores = np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8])
    assert metrics.roc_auc(positive, scores) == pytest.approx(0.75)
    assert metrics.average_precision(positive, scores) == pytest.approx(0.8333333)
    constant = np.full(4, 0.5)
    assert metrics.roc_auc(positive, constant) == 0.5 and metrics.average_precision(positive, constant) == 0.5


@given(scored, st.randoms())
def test_areas_are_independent_of_the_order_of_ties(pairs: list[tuple[bool, float]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for measure in (metrics.roc_auc, metrics.average_precision):
        assert measure(*arrays(pairs)) == pytest.approx(measure(*arrays(shuffled)))


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60), st.integers(1, 20))
def test_calibration_error_equals_its_sum_over_bins(pairs: list[tuple[bool, float]], bins: int) -> None:
    right, confidence = np.array([r for r, _ in pairs], bool), np.array([c for _, c in pairs])
    found, made = metrics.calibration(confidence, right, bins)
    assert len(made) == bins and sum(one.count for one in made) == len(pairs)
    if not pairs:
        assert found is None
        return
    total = 0.0
    edges = np.linspace(0, 1, bins + 1)
    for n, one in enumerate(made):
        inside = [(r, c) for r, c in pairs if (edges[n] < c <= edges[n + 1]) or (n == 0 and c == 0)]
        assert one.count == len(inside)
        if inside:
            share, mean = sum(r for r, _ in inside) / len(inside), sum(c for _, c in inside) / len(inside)
            assert (one.accuracy, one.confidence) == pytest.approx((share, mean))
            total += len(inside) * abs(share - mean) / len(pairs)
    assert found == pytest.approx(total)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.lists(st.integers(0, 4), min_size=6, max_size=6)), min_size=1, max_size=20
    ),
    st.integers(1, 6),
)
def test_top_k_and_ties_equal_sorting(rows: list[tuple[int, list[int]]], count: int) -> None:
    true, scores = np.array([t for t, _ in rows]), np.array([s for _, s in rows], np.float32)
    best = [sorted(range(6), key=lambda c: (-row[c], c))[:count] for _, row in rows]
    assert metrics.in_top(scores, true, count).tolist() == [t in b for (t, _), b in zip(rows, best, strict=True)]
    assert metrics.ties(scores) == sum(row.count(max(row)) > 1 for _, row in rows)


def test_divergence_ignores_noise_and_stays_finite() -> None:
    wanted, got = np.array([[0.5, 0.5, 0.0], [0.7, 0.2, 0.1]]), np.array([[0.25, 0.75, 0.0], [0.7, 0.2, 0.1]])
    found = metrics.divergence(wanted, got)
    assert found[0] == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3), abs=1e-3)
    assert found[1] == 0.0
    noise = np.array([[0.999, 0.0005, 0.0005]])
    assert metrics.divergence(noise, np.array([[0.999, 0.001, 0.0]]))[0] == 0.0  # both are below the noise floor
    sure_and_wrong = metrics.divergence(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert 5 < sure_and_wrong[0] < 7 and np.isfinite(sure_and_wrong).all()


@settings(max_examples=150)
@given(scored, st.lists(st.integers(0, 8).map(lambda n: n / 8), max_size=8))
def test_threshold_reaches_its_criterion(pairs: list[tuple[bool, float]], strange: list[float]) -> None:
    right, best = arrays(pairs)
    negatives = np.array(strange, np.float32)
    found = threshold.for_answers(best, right, negatives)
    assert found.suggested is not None and found.precision is not None and found.recall is not None
    answers = right[best >= found.suggested]
    wrong = (negatives >= found.suggested).sum()
    if right.any():
        assert found.precision == pytest.approx(answers.sum() / (len(answers) + wrong))
    assert found.recall == pytest.approx(answers.sum() / len(right))
    total = len(right) + len(negatives)
    target = max(threshold.PRECISION, 1 - (1 - right.sum() / total) / 2)
    levels = sorted({*best.tolist(), *strange})
    assume(right.any())

    def promise(level: float) -> tuple[float, float]:
        given_ = (best >= level).sum() + (negatives >= level).sum()
        good = (right & (best >= level)).sum()
        return good / given_, good / right.sum()

    fulfilled = [
        level
        for level in levels
        if promise(level)[0] >= target - 1e-12 and promise(level)[1] >= threshold.MIN_CORRECT_KEPT
    ]
    if fulfilled:
        assert found.criterion.startswith("lowest") and found.suggested == min(fulfilled)
    else:
        f1 = {
            level: 2 * a * b / (a + b) if a + b else 0
            for level in levels
            for a, b in [(promise(level)[0], (right & (best >= level)).sum() / len(right))]
        }
        assert found.criterion.startswith("best F1") and f1[found.suggested] == pytest.approx(max(f1.values()))


def test_threshold_if_all_predictions_are_correct_or_wrong() -> None:
    scores = np.array([0.9, 0.6, 0.7], np.float32)
    every = threshold.for_answers(scores, np.ones(3, bool), np.zeros(0, np.float32))
    assert every.suggested == pytest.approx(0.6) and (every.precision, every.recall) == (1.0, 1.0)
    none = threshold.for_answers(scores, np.zeros(3, bool), np.zeros(0, np.float32))
    assert none.recall == 0.0 and none.precision == 0.0
    assert threshold.for_answers(scores[:0], np.zeros(0, bool), scores).suggested is None


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30))
def test_threshold_for_labels_has_the_best_f1(rows: list[tuple[bool, bool, int, int]]) -> None:
    true, scores = np.array([r[:2] for r in rows], bool), np.array([r[2:] for r in rows]) / 8
    found = threshold.for_labels(scores, true)
    if not true.any():
        assert found.suggested is None
        return

    def f1(level: float) -> float:
        yes = scores >= level
        return float(2 * (yes & true).sum() / (yes.sum() + true.sum()))

    assert found.suggested is not None
    assert f1(found.suggested) == pytest.approx(max(f1(level) for level in np.unique(scores)))
