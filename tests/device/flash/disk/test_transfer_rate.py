"""Tests of the transfer rate and the remaining time, which use the last seconds and restart in each phase."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from edgevision.device.flash.disk.transfer_rate import WINDOW_S, Meter
from hypothesis import example, given
from hypothesis import strategies as st

MB = 10**6


def meter(*times: float) -> Meter:
    told: Iterator[float] = iter(times)
    return Meter(lambda: next(told))


def test_rate_is_unknown_at_the_start() -> None:
    first = meter(5.0).at("write", 0, 100 * MB)
    assert (first.rate_mb_s, first.left_s) == (None, None)


def test_rate_is_that_of_the_last_seconds() -> None:
    """An SD card that was fast at first is reported at its current speed."""
    clock = meter(0, WINDOW_S, 2 * WINDOW_S, 3 * WINDOW_S)
    clock.at("write", 0, 1000 * MB)
    assert clock.at("write", 600 * MB, 1000 * MB).rate_mb_s == pytest.approx(600 / WINDOW_S)
    clock.at("write", 630 * MB, 1000 * MB)
    last = clock.at("write", 660 * MB, 1000 * MB)
    assert last.rate_mb_s == pytest.approx(30 / WINDOW_S)
    assert last.left_s == pytest.approx(340 / 30 * WINDOW_S)
    assert clock.seconds == {"write": 3 * WINDOW_S}


def test_rate_restarts_in_each_phase() -> None:
    clock = meter(0, 10, 12, 14)
    clock.at("write", 0, 10 * MB)
    clock.at("write", 10 * MB, 10 * MB)
    assert clock.at("verify", 0, 10 * MB).rate_mb_s is None
    assert clock.at("verify", 4 * MB, 10 * MB).left_s == pytest.approx(3)
    assert clock.seconds == {"write": 10, "verify": 2}


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, MB)), max_size=30))
@example([(0.0, 0), (2e-306, 327)])
def test_rate_is_valid_for_any_progress(steps: list[tuple[float, int]]) -> None:
    now, done, total = 0.0, 0, 31 * MB
    clock = Meter(lambda: now)
    for seconds, count in steps:
        now, done = now + seconds, done + count
        told = clock.at("write", done, total)
        assert told.rate_mb_s is None or told.rate_mb_s > 0
        assert told.left_s is None or told.left_s > 0
        assert told.rate_mb_s is None or math.isfinite(told.rate_mb_s)
