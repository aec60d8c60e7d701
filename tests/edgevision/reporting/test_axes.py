"""Axes of plots: they contain their values, and their ticks are round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.reporting.axes import Axis, LogAxis


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=5))
def test_logarithmic_axis_contains_its_values_and_ends_at_ticks(values: list[float]) -> None:
    axis = LogAxis.around(values)
    assert axis.low <= min(values) * 1.001 and axis.high >= max(values) * 0.999 and axis.high > axis.low
    assert len(axis.ticks) >= 2
    assert axis.place(axis.ticks[0]) == pytest.approx(0, abs=0.1) and axis.place(axis.ticks[-1]) == pytest.approx(
        100, abs=0.1
    )
    places = [axis.place(value) for value in sorted(values)]
    assert places == sorted(places) and 0 <= places[0] <= places[-1] <= 100


def test_logarithmic_axis_survives_values_it_cannot_show() -> None:
    axis = LogAxis.around([0.0, -3.0, float("nan"), float("inf")])
    assert axis.place(float("nan")) == axis.place(0.0) == 0 and axis.place(1e30) == 100


def test_axis_without_zero_keeps_to_its_values() -> None:
    assert Axis.around([52.0, 58.0], with_zero=False).low >= 50
    assert Axis.around([52.0, 58.0]).low == 0
    assert Axis.around([], with_zero=False).ticks == Axis.around([]).ticks
