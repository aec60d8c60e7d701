"""Working ahead on a few threads, in order, without piling up results: reading pictures while a model runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_order(work: Callable[[Given], Made], given: Iterable[Given], threads: int, ahead: int = 0) -> Iterator[Made]:
    """``work`` of each, in order; at most ``ahead`` (default: four a thread) results wait for the consumer.

    An error of ``work`` is raised at its place. Leaving early, by Ctrl-C too, cancels what has not begun.
    """
    limit = ahead or 4 * threads
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        for one in given:
            waiting.append(pool.submit(work, one))
            if len(waiting) >= limit:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
