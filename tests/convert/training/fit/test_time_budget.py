"""Time budget: how many epochs fit, with an injected clock."""

from __future__ import annotations

import pytest
from edgevision.convert.training.fit.time_budget import MIN_EPOCHS, RESERVE, Length, TimeBudget

STEP_S = 0.5


def _budget(seconds: float, now: float = 0.0) -> TimeBudget:
    return TimeBudget(seconds / (1.0 - RESERVE), 0.0, lambda: now)


def test_everything_that_is_wanted_fits() -> None:
    assert _budget(600.0).planned(Length(12, 50), STEP_S, 5.0) == Length(12, 50)


def test_fewer_epochs_fit() -> None:
    assert _budget(245.0, now=1.0).planned(Length(12, 50), STEP_S, 5.0) == Length(8, 50)
    assert _budget(245.0).planned(Length(12, 50), STEP_S, 5.0, before_s=61.0) == Length(6, 50)


@pytest.mark.parametrize("seconds", [-10.0, 1.0, 40.0, 149.0])
def test_epochs_are_shorter_if_few_fit(seconds: float) -> None:
    found = _budget(1000.0, now=1000.0 - seconds).planned(Length(12, 50), STEP_S, 5.0)
    assert found.epochs == MIN_EPOCHS
    assert 1 <= found.steps < 50
    assert found.epochs * (found.steps * STEP_S + 5.0) <= max(seconds, MIN_EPOCHS * (STEP_S + 5.0))


def test_shorter_phase_is_not_stretched() -> None:
    assert _budget(30.0).planned(Length(2, 50), STEP_S, 5.0) == Length(2, 20)


def test_slow_epochs_leave_fewer_but_always_one() -> None:
    assert _budget(100.0, now=40.0).remaining(5, 20.0) == 3
    assert _budget(100.0, now=40.0).remaining(2, 20.0) == 2
    assert _budget(100.0, now=150.0).remaining(5, 20.0) == 1


def test_plan_that_is_longer_than_the_limit_is_called_so() -> None:
    budget = TimeBudget(30.0, 0.0, lambda: 10.0)
    assert budget.describe(17.0) == "at most 30 s (--time)"
    assert budget.describe(18.0) == "that is the least, but longer than --time allows (30 s in all)"
