"""The encoder's process: takes JPEGs as they come, and returns them as VP8 part by part."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic

from edgevision import children
from edgevision.input_file import read_file

from ..clips import ivf
from ..clips.encode_child import LENGTH

CHILD = "edgevision.device.outputs.video.encode_child"
LONGEST_S = 60.0
"""Longest time for a frame to be taken, and for a part to be finished (seconds)."""
NICENESS = 5
"""Priority of an encoder behind the loop: low, but a loop that takes all the time there is leaves it a fourth of a core."""
LOOK_S = 1.0
"""Seconds between looks at how long a call has lasted."""
MAX_NAME, MAX_PART_BYTES = 100, 500_000_000


class PartEncoder:
    """One child process with a folder of its own. After an error it must be closed."""

    def __init__(self, max_width: int, fps: float, behind: bool) -> None:
        """``fps``: frame rate that the encoder shares its bits by; ``behind``: whether the loop goes before it.

        Raises OSError.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="edgevision-video-", ignore_cleanup_errors=True)
        niceness = str(NICENESS if behind else 0)
        command = children.module(CHILD, self._folder.name, str(max_width), f"{fps:g}", niceness)
        pipe = subprocess.PIPE
        try:
            self._child = children.start(command, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError:
            self._folder.cleanup()
            raise
        self._called_at: float | None = None
        self._closing = Flag()
        Thread(target=self._watch, name="video encoder watch", daemon=True).start()

    def add(self, jpeg: bytes) -> None:
        """Give it a frame, waiting until it takes it. Raises OSError."""
        self._send(LENGTH.pack(len(jpeg)) + jpeg)

    def finish(self) -> ivf.Video:
        """End a part of at least one frame; return its frames, numbered from 0. Raises OSError, ValueError."""
        self._send(LENGTH.pack(0))
        assert self._child.stdout is not None
        with self._call():
            name = self._child.stdout.readline(MAX_NAME).decode().strip()
        if not name:
            raise OSError(self._problem())
        path = Path(self._folder.name) / name
        try:
            return ivf.read(read_file(path, "part of a video", MAX_PART_BYTES))
        finally:
            path.unlink(missing_ok=True)

    def kill(self) -> None:
        """End a blocked call; may be called from another thread."""
        with suppress(OSError):
            self._child.kill()

    def close(self) -> None:
        """End the process and remove its files."""
        self._closing.set()
        with suppress(OSError):
            children.end(self._child)
        self._folder.cleanup()

    def _send(self, data: bytes) -> None:
        assert self._child.stdin is not None
        try:
            with self._call():
                self._child.stdin.write(data)
                self._child.stdin.flush()
        except BrokenPipeError:
            raise OSError(self._problem()) from None

    @contextmanager
    def _call(self) -> Iterator[None]:
        self._called_at = monotonic()
        try:
            yield
        finally:
            self._called_at = None

    def _watch(self) -> None:
        """End an encoder that hangs."""
        while not self._closing.wait(LOOK_S):
            began = self._called_at
            if began is not None and monotonic() - began > LONGEST_S:
                self.kill()

    def _problem(self) -> str:
        """Return why the process ended."""
        assert self._child.stderr is not None
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(1.0)
        if self._child.returncode is None:
            return "the encoder does not answer"
        said = self._child.stderr.read(2000).decode("utf-8", "replace").strip().splitlines()
        return said[-1] if said else f"the encoder ended with {self._child.returncode}"
