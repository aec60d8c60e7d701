"""Prefetching on a few threads, in order and with a bounded number of results, such as reading images while a model runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_order(
    work: Callable[[Given], Made],
    given: Iterable[Given],
    threads: int,
    ahead: int = 0,
    is_full: Callable[[list[Made]], bool] = lambda results: False,
) -> Iterator[Made]:
    """Yield ``work`` of each item in order. At most ``ahead`` results (default: four per thread) wait for the consumer.

    ``is_full`` tells of the waiting results whether they are already too many, such as a few very large images.

    An exception of ``work`` is raised at its position. Leaving early, also by Ctrl-C, cancels work that has not started.
    """
    limit = ahead or 4 * threads
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        for one in given:
            waiting.append(pool.submit(work, one))
            while len(waiting) >= limit or (waiting and is_full(_results(waiting))):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _results(waiting: Iterable[Future[Made]]) -> list[Made]:
    return [one.result() for one in waiting if one.done() and one.exception() is None]
