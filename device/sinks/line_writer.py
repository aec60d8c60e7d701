"""Writes lines to a file descriptor that may block: a pipe, a terminal, a socket."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

from ..stream.events import OutputClosed

POLL_S = 0.1
CLOSE_S = 1.0
"""Seconds to wait for the rest of a line at the end of a live source, or after a signal."""
_PIECE = 4096
"""PIPE_BUF: this many bytes never block once the descriptor is writable."""


class LineWriter:
    """Writes each line at once, checking first whether that would block.

    For files nothing is lost: a slow reader slows the loop. For live sources, a line that would block is dropped and
    counted. Uses no thread: on a small board waking one costs more than the write.
    """

    def __init__(self, descriptor: int, lossless: bool, stopping: Callable[[], bool]) -> None:
        """``stopping``: polled while waiting; once it returns True, waiting ends."""
        self._descriptor = descriptor
        self._lossless = lossless
        self._stopping = stopping
        self._rest = b""
        """Rest of a line that was written in part."""
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self.dropped = 0

    def __call__(self, line: str) -> None:
        """Write one line, without its line feed. Raises OutputClosed, OSError."""
        if self._rest and not self._flush(self._patience()):
            self.dropped += 1
            return
        self._rest = line.encode() + b"\n"
        self._flush(self._patience())

    def close(self) -> None:
        """Wait for the rest: without limit for files, otherwise at most CLOSE_S."""
        if not self._flush(self._patience()):
            self._flush(CLOSE_S)

    def _patience(self) -> float | None:
        """Return the seconds to wait; None: until stopped."""
        return None if self._lossless else 0.0

    def _flush(self, wait_s: float | None) -> bool:
        """Return whether everything is written."""
        deadline = None if wait_s is None else time.monotonic() + wait_s
        while self._rest:
            late = self._stopping() if deadline is None else time.monotonic() >= deadline
            if self._poll.poll(0 if late else POLL_S * 1e3):
                self._write_piece()
            elif late:
                return False
        return True

    def _write_piece(self) -> None:
        try:
            written = os.write(self._descriptor, self._rest[:_PIECE])
        except BlockingIOError:
            return  # a descriptor set non-blocking elsewhere: poll again
        except BrokenPipeError:
            self._rest = b""
            raise OutputClosed from None
        except OSError:
            self._rest = b""
            raise
        self._rest = self._rest[written:]
