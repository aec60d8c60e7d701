"""Run ``edgevision flash image`` up to a step, print "here" and wait to be killed. First argument: the step."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import edgevision.cli.main
import edgevision.cli.terminal

PATIENCE_S = 120
"""Time limit after which SIGALRM ends the process in any case (s)."""


def main() -> None:
    wanted = sys.argv[1]
    signal.alarm(PATIENCE_S)

    def here(step: str) -> None:
        if step == wanted:
            print("here", flush=True)
            # Not one long sleep, since a signal just before it would be handled only afterwards.
            while True:
                time.sleep(0.1)

    @contextmanager
    def bar(text: str, total: int | None, quiet: bool = False) -> Iterator[Callable[[int], None]]:
        here(f"{text} begins")
        yield lambda done: here(f"{text} goes on")

    settled, fsync, replace = count(1), os.fsync, Path.replace

    def slow_fsync(handle: int) -> None:
        here(f"before fsync {next(settled)}")
        fsync(handle)

    def slow_replace(path: Path, target: Path) -> Path:
        here("before it gets its name")
        return replace(path, target)

    edgevision.cli.terminal.bar = bar
    os.fsync = slow_fsync
    Path.replace = slow_replace  # type: ignore[method-assign, assignment]
    edgevision.cli.main.main(sys.argv[2:])


if __name__ == "__main__":
    main()
