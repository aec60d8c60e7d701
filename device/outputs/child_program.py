"""``exec:PROGRAM``: one JSON object per line on the standard input of a program that keeps running."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import subprocess
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

from edgevision.errors import BadInput, CannotWrite
from edgevision.log import Log

from ..sinks.jsonl import dump
from .kind import Kind, Needs
from .protocol import Output

if TYPE_CHECKING:
    from .config import OutputConfig
    from .item import Item
    from .protocol import Context

log = Log("edgevision.outputs")
POLL_S = 0.2
_OURS = re.compile("EDGEVISION_.*PASSWORD")
END_S = 1.0
"""Seconds that the program has to end after its input ended."""


class ChildProgram(Output):
    """Starts the program with the first item and again after it died. No shell is involved."""

    takes = "events"

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = Event()

    def start(self) -> None:
        """Start the program. Raises CannotWrite."""
        self._end()
        try:
            # Its output goes where ours goes beside the results; a program that writes much slows only itself.
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=2, start_new_session=True, env=_environment()
            )
        except OSError as error:
            raise CannotWrite(f"cannot start {self._command[0]}: {error.strerror or error}") from None
        assert self._child.stdin is not None
        os.set_blocking(self._child.stdin.fileno(), False)
        log.info("started %s as process %d", self._command[0], self._child.pid)

    def deliver(self, item: Item) -> None:
        """Write one line to the program. Raises CannotWrite if it has ended; the line is then written to the next one."""
        assert self._child is not None and self._child.stdin is not None
        rest = memoryview(dump(item.record()).encode() + b"\n")
        descriptor = self._child.stdin.fileno()
        while rest:
            self._require_alive()
            if self._stopping.is_set():
                raise CannotWrite(f"{self._command[0]} does not read its input")
            if select.select([], [descriptor], [], POLL_S)[1]:
                try:
                    rest = rest[os.write(descriptor, rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise CannotWrite(f"{self._command[0]} closed its input") from None

    def idle(self) -> None:
        """Notice the end of the program. Raises CannotWrite."""
        self._require_alive()

    def interrupt(self) -> None:
        """Give up a program that does not read."""
        self._stopping.set()

    def close(self) -> None:
        """End the program's input, and the program if it does not end by itself."""
        self._end()

    def _require_alive(self) -> None:
        assert self._child is not None
        status = self._child.poll()
        if status is not None:
            how = f"with exit status {status}" if status >= 0 else f"by signal {-status}"
            raise CannotWrite(f"{self._command[0]} ended {how}; it is started again")

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        with suppress(OSError):
            child.stdin.close()
        for end in (None, child.terminate, child.kill):
            if end is not None:
                end()
            with suppress(subprocess.TimeoutExpired):
                child.wait(END_S)
                return


def _environment() -> dict[str, str]:
    """Return our environment without the passwords of other outputs."""
    return {name: value for name, value in os.environ.items() if not _OURS.fullmatch(name)}


def _split(text: str) -> list[str]:
    """Split a command as a shell would, without running one. Raises BadInput."""
    try:
        command = shlex.split(text)
    except ValueError as error:
        raise BadInput(f"exec: cannot read {text!r}: {error}") from None
    if not command:
        raise BadInput(f"exec: expected a program, got {text!r}")
    return command


def _found(config: OutputConfig) -> list[str]:
    """Return the command of a program that exists. Raises BadInput."""
    command = _split(config.target)
    if shutil.which(command[0]) is None:
        raise BadInput(f"exec: program not found or not executable: {command[0]}")
    return command


def _open(config: OutputConfig, _: Context) -> ChildProgram:
    return ChildProgram(_found(config))


def _check(config: OutputConfig) -> OutputConfig:
    _split(config.target)
    return config


KIND = Kind(
    _open,
    check=_check,
    needs=lambda config: Needs(programs=(_split(config.target)[0],)),
    probe=lambda config: f"{shutil.which(_found(config)[0])} can be started",
)
