"""Prefetching in order with a bounded number of results."""

from __future__ import annotations

import threading

from edgevision.datasets.prefetch import in_order


def test_results_come_in_order() -> None:
    assert list(in_order(lambda n: n * n, range(50), threads=4)) == [n * n for n in range(50)]


def test_few_large_results_stop_the_reading_ahead() -> None:
    made: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            made.append(number)
        return 100

    results = in_order(work, range(100), threads=1, ahead=50, is_full=lambda waiting: sum(waiting) >= 200)
    for count, _ in enumerate(results, 1):
        with lock:
            assert len(made) <= count + 50
    ended = list(in_order(work, range(8), threads=1, ahead=8, is_full=lambda waiting: bool(waiting)))
    assert ended == [100] * 8
