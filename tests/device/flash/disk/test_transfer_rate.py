"""Rate and time left of a card that is written: of the last seconds, anew in each phase."""

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


def test_nothing_is_known_at_the_start() -> None:
    first = meter(5.0).at("write", 0, 100 * MB)
    assert (first.rate_mb_s, first.left_s) == (None, None)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    """A card that was quick at first is as slow as it is now."""
    clock = meter(0, WINDOW_S, 2 * WINDOW_S, 3 * WINDOW_S)
    clock.at("write", 0, 1000 * MB)
    assert clock.at("write", 600 * MB, 1000 * MB).rate_mb_s == pytest.approx(600 / WINDOW_S)
    clock.at("write", 630 * MB, 1000 * MB)
    last = clock.at("write", 660 * MB, 1000 * MB)
    assert last.rate_mb_s == pytest.approx(30 / WINDOW_S)
    assert last.left_s == pytest.approx(340 / 30 * WINDOW_S)
    assert clock.seconds == {"write": 3 * WINDOW_S}


def test_each_phase_begins_anew() -> None:
    clock = meter(0, 10, 12, 14)
    clock.at("write", 0, 10 * MB)
    clock.at("write", 10 * MB, 10 * MB)
    assert clock.at("verify", 0, 10 * MB).rate_mb_s is None
    assert clock.at("verify", 4 * MB, 10 * MB).left_s == pytest.approx(3)
    assert clock.seconds == {"write": 10, "verify": 2}


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, MB)), max_size=30))
@example([(0.0, 0), (2e-306, 327)])
def test_any_pace_gives_sane_figures(steps: list[tuple[float, int]]) -> None:
    now, done, total = 0.0, 0, 31 * MB
    clock = Meter(lambda: now)
    for seconds, count in steps:
        now, done = now + seconds, done + count
        told = clock.at("write", done, total)
        assert told.rate_mb_s is None or told.rate_mb_s > 0
        assert told.left_s is None or told.left_s > 0
        assert told.rate_mb_s is None or math.isfinite(told.rate_mb_s)
