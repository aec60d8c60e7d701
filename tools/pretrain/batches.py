"""Prepare batches in a thread ahead of the training step."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 4
"""Maximum number of prepared batches."""


@contextmanager
def prefetched(source: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Iterate over ``source`` in a separate thread; its errors are raised here, and leaving stops the thread."""
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(DEPTH)
    stopped = threading.Event()

    def put(item: Item | None, fault: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put((item, fault), timeout=0.2)
            except queue.Full:
                continue
            return

    def fill() -> None:
        try:
            for item in source:
                put(item, None)
                if stopped.is_set():
                    return
            put(None, None)
        except BaseException as fault:  # passed on to the reader
            put(None, fault)

    def drain() -> Iterator[Item]:
        while True:
            item, fault = ready.get()
            if fault is not None:
                raise fault
            if item is None:
                return
            yield item

    thread = threading.Thread(target=fill, name="batches", daemon=True)
    thread.start()
    try:
        yield drain()
    finally:
        stopped.set()
        thread.join()
