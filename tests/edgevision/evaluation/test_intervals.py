"""Confidence intervals: their coverage is about 95 %, and they match published values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.evaluation.intervals import paired_difference, proportion, wilson


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_matches_published_values(count: int, total: int, low: float, high: float) -> None:
    """Examples of Newcombe, 1998, Statistics in Medicine 17, 857-872, table I, method 3."""
    assert wilson(count, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_contains_the_proportion_and_stays_within_0_and_1(pair: tuple[int, int]) -> None:
    count, total = pair
    low, high = wilson(count, total)
    assert 0.0 <= low <= count / total <= high <= 1.0
    mirrored = wilson(total - count, total)
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_proportion_of_nothing_is_none() -> None:
    assert proportion(0, 0) is None
    with pytest.raises(ValueError, match="5 of 3"):
        wilson(5, 3)


@given(st.tuples(*[st.integers(0, 300)] * 4).filter(lambda t: sum(t) > 0))
def test_paired_difference_is_antisymmetric(table: tuple[int, int, int, int]) -> None:
    both, first, second, neither = table
    there, back = paired_difference(both, first, second, neither), paired_difference(both, second, first, neither)
    assert there.value == pytest.approx((second - first) / sum(table))
    assert -1.0 <= there.low <= there.value <= there.high <= 1.0
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))


def test_agreeing_pairs_give_a_narrower_interval() -> None:
    """Two models of 90 % accuracy: the interval is narrower if both are correct on the same images."""
    same = paired_difference(both=180, first_only=0, second_only=0, neither=20)
    mixed = paired_difference(both=162, first_only=18, second_only=18, neither=2)
    assert same.high - same.low < 0.5 * (mixed.high - mixed.low)


@pytest.mark.parametrize("cells", [(0.80, 0.08, 0.03, 0.09), (0.5, 0.2, 0.1, 0.2), (0.93, 0.01, 0.02, 0.04)])
def test_paired_interval_has_a_coverage_of_95_percent(cells: tuple[float, float, float, float]) -> None:
    drawn = np.random.default_rng(1).multinomial(200, cells, size=4000)
    truth = cells[2] - cells[1]
    intervals = [paired_difference(*(int(n) for n in row)) for row in drawn]
    held = np.mean([one.low <= truth <= one.high for one in intervals])
    assert 0.935 <= held <= 0.98
