"""Peers that ``peers.py`` times: calls in this process, and programs in separate environments."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np


def timed(call: Callable[[np.ndarray], object], every: np.ndarray) -> Callable[[int], list[float]]:
    """Return a function that calls ``call`` on one frame after the other and returns the seconds of each call."""
    number = 0

    def visit(count: int) -> list[float]:
        nonlocal number
        taken = []
        for _ in range(count):
            pixels = every[number % len(every)]
            number += 1
            start = perf_counter()
            call(pixels)
            taken.append(perf_counter() - start)
        return taken

    return visit


class Child:
    """A script in this folder that runs in its own environment and is controlled by a pipe, which is not timed."""

    def __init__(self, python: Path, script: str, model: Path, saved: Path) -> None:
        command = [str(python), "-P", str(Path(__file__).with_name(script)), str(model), str(saved)]
        self.child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.answer = self._line()
        """The child's first line: ``ready``, or an error."""

    def __call__(self, count: int) -> list[float]:
        assert self.child.stdin is not None
        self.child.stdin.write(f"{count}\n")
        self.child.stdin.flush()
        found: list[float] = json.loads(self._line())
        return found

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the child's input, which ends it."""
        assert self.child.stdin is not None
        self.child.stdin.close()
        self.child.wait(timeout=30)

    def _line(self) -> str:
        assert self.child.stdout is not None
        return self.child.stdout.readline().strip()
