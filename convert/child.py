"""A model file tried in a child process first: a library that crashes on it becomes one line.

The child is this Python running a module of ours with the path as its argument; nothing goes through a shell.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from edgevision.errors import BadModel, EdgeVisionError

TIMEOUT_S = 300.0
"""A large network on a busy machine loads in a minute."""
REFUSED = 3
"""Exit status of a child that says why in its last line."""
MAX_MEMORY = 16 << 30
"""Bytes of address space a child may take; TensorFlow reserves several, and a file that claims more is damaged."""


class Child:
    """A child process that tries a file."""

    def __init__(self, process: subprocess.Popen[bytes], said: IO[bytes], path: Path) -> None:
        self._process, self._said, self._path = process, said, path

    def require(self, timeout_s: float = TIMEOUT_S) -> None:
        """Waits for the child. Raises BadModel unless it ended well."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise BadModel(
                f"{self._path}: it was not read within {timeout_s:g} s: damaged, or made to do harm"
            ) from None
        if status == 0:
            return
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        if status == REFUSED and lines:
            raise BadModel(lines[-1])
        raise BadModel(
            f"{self._path}: it crashed the library that reads it ({how(status)}); damaged, or made to do harm"
        )


@contextmanager
def started(module: str, path: Path) -> Iterator[Child]:
    """Starts ``python -m module path``, to be waited for when its answer is needed; ended on leaving."""
    # -P: nothing is imported from the current folder.
    command = [sys.executable, "-P", "-m", module, str(path)]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        try:
            yield Child(process, said, path)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def run(work: Callable[[str], None], path: str) -> None:
    """In the child: does the work within bounds and leaves, saying why in one line where it is refused."""
    within_bounds()
    message = None
    try:
        work(path)
    except EdgeVisionError as error:
        message = str(error)
    except Exception as error:
        lines = str(error).strip().splitlines()
        message = f"{path}: it cannot be read: {lines[0][:300] if lines else type(error).__name__}"
    if message is not None:
        print(message, file=sys.stderr, flush=True)
    os._exit(0 if message is None else REFUSED)  # a damaged file may have left threads that never end


def within_bounds() -> None:
    """Limits this process's memory; no core is dumped."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def how(status: int) -> str:
    """What ended a child, in words."""
    try:
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"
    except ValueError:
        return f"signal {-status}"
