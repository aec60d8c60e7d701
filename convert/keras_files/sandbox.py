"""Child process that tries to load a model file first, so that a crashing library becomes a one-line error.

The child is this Python running one of our modules with the path as its argument; no shell is involved.
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

from edgevision import children
from edgevision.errors import BadModel, EdgeVisionError
from edgevision.log import Log

log = Log("edgevision.convert")
TIMEOUT_S = 300.0
"""Time limit in seconds; a large network on a busy machine loads in a minute."""
REFUSED = 3
"""Exit status of a child whose last stderr line states the reason."""
MAX_MEMORY = 16 << 30
"""Limit of the child's address space in bytes; TensorFlow reserves several GiB, and a file that needs more is corrupt."""


class Child:
    """A child process that tries to load a file."""

    def __init__(self, process: subprocess.Popen[bytes], said: IO[bytes], path: Path) -> None:
        self._process, self._said, self._path = process, said, path

    def require(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait for the child to exit. Raises BadModel unless it succeeded."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise BadModel(
                f"{self._path}: loading took longer than {timeout_s:g} s; corrupt or malicious file"
            ) from None
        if status == 0:
            return
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        if status == REFUSED and lines:
            raise BadModel(lines[-1])
        raise BadModel(f"{self._path}: the library that loads it crashed ({how(status)}); corrupt or malicious file")


@contextmanager
def started(module: str, path: Path) -> Iterator[Child]:
    """Start ``python -m module path`` and yield it; wait for it with ``require``. It is killed on exit if still running."""
    log.debug("loading %s in a child process first", path)
    nothing = subprocess.DEVNULL
    with (
        tempfile.TemporaryFile() as said,
        children.started(children.module(module, str(path)), stdin=nothing, stdout=nothing, stderr=said) as process,
    ):
        yield Child(process, said, path)


def run(work: Callable[[str], None], path: str) -> None:
    """Do the work in the child under resource limits, then exit; a failure is reported in one line on stderr."""
    children.die_with_parent()
    within_bounds()
    message = None
    try:
        work(path)
    except EdgeVisionError as error:
        message = str(error)
    except Exception as error:
        lines = str(error).strip().splitlines()
        message = f"{path}: cannot load the file: {lines[0][:300] if lines else type(error).__name__}"
    if message is not None:
        print(message, file=sys.stderr, flush=True)
    os._exit(0 if message is None else REFUSED)  # a corrupt file may leave threads that never end


def within_bounds() -> None:
    """Limit the memory of this process and disable core dumps."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def how(status: int) -> str:
    """Describe how a child ended: signal name or exit status."""
    try:
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"
    except ValueError:
        return f"signal {-status}"
