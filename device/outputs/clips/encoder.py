"""Turns recordings into files, one after the other, on a thread of its own."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread, Timer
from threading import Event as Flag
from typing import TYPE_CHECKING

from edgevision import children
from edgevision.errors import CannotWrite
from edgevision.log import Log

from ..backoff import Backoff
from ..clip_list import ClipList
from . import ivf, webm
from .encode_child import LENGTH

if TYPE_CHECKING:
    from ..media_folder import MediaFolder
    from .recording import Recording

log = Log("edgevision.outputs")
SUFFIX = ".webm"
CHILD = "edgevision.device.outputs.clips.encode_child"
CHILD_S, FRAME_S = 60.0, 2.0
"""Longest duration of an encoding, and what each frame adds to it (seconds)."""
_LEFT = re.compile(r"\.clip-[a-z0-9_]{8}\.ivf")
"""Names of the encoder's own files; a killed process leaves such a file behind."""


class Encoder:
    """Encodes what it is given if there is memory for it."""

    def __init__(
        self,
        folder: MediaFolder,
        width: int,
        fps: float,
        max_bytes: int,
        backoff: Backoff | None = None,
        clips: ClipList | None = None,
    ) -> None:
        """``max_bytes``: memory for recordings that wait, including the one that is encoded."""
        self._folder, self._width, self._fps, self._max_bytes = folder, width, fps, max_bytes
        self._backoff = backoff or Backoff()
        self._clips = ClipList() if clips is None else clips
        self._waiting: deque[Recording] = deque()
        self._changed = Condition()
        self._ending, self._stopping = Flag(), Flag()
        self._child: subprocess.Popen[bytes] | None = None
        self.bytes = 0
        """Bytes of the recordings that wait."""
        self.written = 0
        """Number of clips written."""
        self.lost = 0
        """Number of clips lost."""
        self.failures = 0
        """Number of attempts that failed."""
        self.problem: str | None = None
        """What keeps clips from being written now."""
        self.last_problem: str | None = None
        """The last such problem, also after it was solved."""
        self._thread = Thread(target=self._work, name="clip encoder", daemon=True)
        self._thread.start()

    def add(self, recording: Recording) -> None:
        """Encode a recording when those before it are done; without memory for it, it is lost."""
        with self._changed:
            if self._waiting and self.bytes + recording.bytes > self._max_bytes:
                self.lost += 1
                log.warning("clip of %s lost: the encoder is too slow", recording.label.name)
                return
            self._waiting.append(recording)
            self.bytes += recording.bytes
            self._changed.notify_all()

    def finish(self, timeout_s: float) -> None:
        """Write what waits for up to ``timeout_s`` seconds; the rest is lost."""
        self._ending.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout_s)
        self.stop()
        self._thread.join(1.0)
        with self._changed:
            self.lost += len(self._waiting)
            self._waiting.clear()
            self.bytes = 0

    def stop(self) -> None:
        """End at once."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        child = self._child
        if child is not None:
            with suppress(OSError):
                child.kill()

    def _work(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                if not self._waiting:
                    if self._ending.is_set():
                        return
                    self._changed.wait(1.0)
                    continue
                recording = self._waiting[0]
            written = self._make(recording)
            with self._changed:
                if self._stopping.is_set() and not written:
                    return  # counted by finish
                if self._waiting:
                    self._waiting.popleft()
                    self.bytes -= recording.bytes
                self.written += written
                self.lost += not written

    def _make(self, recording: Recording) -> bool:
        """Encode and write one clip; return whether it exists. A full disk is tried again, a failed encoding once."""
        data = self._encoded(recording) or self._encoded(recording)
        while data is not None and not self._stopping.is_set():
            try:
                label = recording.label
                (path,) = self._folder.add(label.name, label.score, recording.event_wall_s, {SUFFIX: data})
            except (CannotWrite, OSError) as error:
                self._failed(str(error))
                if self._ending.is_set():
                    return False
                self._stopping.wait(self._backoff.failed())
            else:
                self.problem = None
                self._backoff.succeeded()
                first, last = recording.frames[0], recording.frames[-1]
                seconds = last.at_s - first.at_s
                self._clips.add(path, label.name, label.score, first.wall_s, seconds, len(data), recording.events)
                return True
        return False

    def _encoded(self, recording: Recording) -> bytes | None:
        """Return the WebM file of a recording; None if it failed."""
        if self._stopping.is_set():
            return None
        try:
            self._folder.folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(".ivf", ".clip-", self._folder.folder)
            os.close(descriptor)
        except OSError as error:
            self._failed(f"cannot write to {self._folder.folder}: {error.strerror or error}")
            return None
        try:
            self._run(recording, name)
            times = [frame.at_s for frame in recording.frames]
            label = recording.label
            title = f"{label.name[: webm.MAX_TITLE - 10]} {label.score:.2f}"
            return webm.write(ivf.read(Path(name).read_bytes()), times, recording.frames[0].wall_s, title)
        except (OSError, ValueError) as error:
            if not self._stopping.is_set():
                self._failed(f"a clip was not encoded: {error}")
            return None
        finally:
            Path(name).unlink(missing_ok=True)

    def _run(self, recording: Recording, name: str) -> None:
        """Encode into a file. Raises OSError."""
        command = children.module(CHILD, name, str(self._width), f"{self._fps:g}")
        child = self._child = children.start(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert child.stdin is not None and child.stderr is not None
        limit = Timer(CHILD_S + FRAME_S * len(recording.frames), child.kill)
        limit.daemon = True
        limit.start()
        try:
            with suppress(BrokenPipeError):
                for frame in recording.frames:
                    child.stdin.write(LENGTH.pack(len(frame.jpeg)) + frame.jpeg)
                child.stdin.close()
            text = child.stderr.read(2000).decode("utf-8", "replace").strip()
            if child.wait():
                raise OSError(text.splitlines()[-1] if text else f"the encoder ended with {child.returncode}")
        finally:
            limit.cancel()
            self._child = None
            with suppress(OSError):
                children.end(child)

    def _failed(self, problem: str) -> None:
        self.failures += 1
        self.problem = self.last_problem = problem
        log.debug("%s", problem)


def remove_leftovers(folder: Path) -> None:
    """Delete what killed encoders left in a folder."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _LEFT.fullmatch(path.name):
                path.unlink(missing_ok=True)
