"""Child processes that end with this one: by an error, a signal or a kill.

Each child leads a process group of its own. Ctrl-C therefore reaches only this process, which ends the whole group: a
child of the child, such as those of pip, does not stay behind. One of our own modules also calls ``die_with_parent``,
which covers a parent that is killed and cleans up nothing.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from . import cleanup

PARENT = "EDGEVISION_PARENT"
"""Variable that tells a child the process number of its parent."""
PR_SET_PDEATHSIG = 1
"""Option of prctl(2)."""
_undo: dict[int, object] = {}
"""Keys of ``cleanup`` by process number."""
_open: dict[int, subprocess.Popen[Any]] = {}
"""Children that ``end`` has not ended, by process number."""


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our modules; -P: it imports nothing from the current folder."""
    return [sys.executable, "-P", "-m", name, *arguments]


def start(command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[Any]:
    """Start a child; end it with ``end``. It also ends with this process.

    ``options``: as for Popen. Linux ends what ``die_with_parent`` asks for with the *thread* that started it, so a child
    that another thread starts is only ended by ``end``.
    """
    return _start(command, options, tied=threading.current_thread() is threading.main_thread())


@contextmanager
def started(command: Sequence[str | os.PathLike[str]], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a child and yield it; at the end of the block it is ended if it is still running."""
    child = _start(command, options, tied=True)
    try:
        yield child
    finally:
        end(child)


def run(
    command: Sequence[str | os.PathLike[str]], timeout_s: float, given: bytes | str | None = None, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a command to its end and return its result with its output. Raises TimeoutExpired, OSError.

    ``given``: its standard input; empty without. ``options``: as for Popen, such as ``text=True``.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    options["stdin"] = subprocess.DEVNULL if given is None else subprocess.PIPE
    with started(command, **options) as child:
        out, err = child.communicate(given, timeout_s)
    return subprocess.CompletedProcess(command, child.returncode, out, err)


def end(child: subprocess.Popen[Any], wait_s: float = 2.0) -> None:
    """Kill a child and its children, and wait for it; one that is stuck in the kernel is left behind."""
    cleanup.remove(_undo.pop(child.pid, None))
    _open.pop(child.pid, None)
    if child.poll() is None:
        _kill(child)
        with suppress(subprocess.TimeoutExpired):
            child.wait(wait_s)
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


@atexit.register
def _end_open() -> None:
    """End the children that are left when this process ends, and wait for them: none stays behind, not even as a zombie."""
    for child in list(_open.values()):
        end(child)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends; called first by each child that is our own module."""
    parent = os.environ.pop(PARENT, "")
    if not parent or sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != int(parent):  # it ended before the line above
        os._exit(1)


def _start(command: Sequence[str | os.PathLike[str]], options: dict[str, Any], tied: bool) -> subprocess.Popen[Any]:
    variables = dict(options.pop("env", None) or os.environ)
    variables.pop(PARENT, None)
    if tied:
        variables[PARENT] = str(os.getpid())
    child = subprocess.Popen(command, env=variables, process_group=0, **options)
    _open[child.pid] = child
    _undo[child.pid] = cleanup.add(lambda _: _kill(child))
    return child


def _kill(child: subprocess.Popen[Any]) -> None:
    """Kill the process group of a child that was not waited for, so that its number is still its own."""
    with suppress(OSError):
        if child.returncode is not None:
            return
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
