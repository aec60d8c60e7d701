"""Requests that wait on disk, in order, until a server took them; they survive a restart."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from edgevision.errors import CannotWrite
from edgevision.files import strict_json
from edgevision.files.atomic import write_bytes
from edgevision.log import Log

from ...system.disk_space import is_almost_full

log = Log("edgevision.outputs")
_NAME = re.compile(r"(\d{12})\.post")
_PART = re.compile(r"\.\d{12}\.post\..{8}\.part")
MAX_FOLDERS = 16
"""Outputs to one address that can run at the same time."""


class Request(NamedTuple):
    """A request as it waits."""

    id: str
    """Names it to the server, which can so recognize one that it got twice."""
    event: str
    content_type: str
    body: bytes


class Spool:
    """A folder of requests, bounded in bytes; the oldest are dropped first."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """``folder``: made by ``open``; ``max_bytes``: space for all requests."""
        self._base, self._max_bytes = folder, max_bytes
        self._folder = folder
        self._hold: int | None = None
        self._lock = Lock()
        self._waiting: deque[tuple[Path, int]] = deque()
        self._number = 1
        self.bytes = 0
        """Bytes of the waiting requests."""
        self.lost = 0
        """Number of requests dropped for lack of space, or damaged."""

    def __len__(self) -> int:
        return len(self._waiting)

    def open(self) -> None:
        """Take a folder that no other process uses, with what waits in it. Raises CannotWrite."""
        if self._hold is not None:
            return
        try:
            self._folder, self._hold = self._claimed()
            for path in self._folder.iterdir():
                if _PART.fullmatch(path.name):
                    path.unlink(missing_ok=True)
            found = sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
            self._waiting = deque((path, path.stat().st_size) for path in found)
        except OSError as error:
            raise CannotWrite(f"cannot write to {self._folder}: {error.strerror or error}") from None
        self._number = int(found[-1].stem) + 1 if found else 1
        self.bytes = sum(size for _, size in self._waiting)
        if found:
            log.info("%d requests wait since the last run", len(found))

    def add(self, request: Request) -> None:
        """Store a request after all others. Raises CannotWrite."""
        head = json.dumps({"id": request.id, "event": request.event, "type": request.content_type}).encode()
        data = head + b"\n" + request.body
        with self._lock:
            self._make_room(len(data))
            path = self._folder / f"{self._number:012d}.post"
            self._number += 1
            write_bytes(path, data, private=True)
            self._waiting.append((path, len(data)))
            self.bytes += len(data)

    def first(self) -> tuple[Path, Request] | None:
        """Return the oldest request and its file; a damaged one is dropped and counted."""
        while True:
            with self._lock:
                if not self._waiting:
                    return None
                path = self._waiting[0][0]
            try:
                head, _, body = path.read_bytes().partition(b"\n")
                value = strict_json.loads(head, "the head of a stored request")
                return path, Request(str(value["id"]), str(value["event"]), str(value["type"]), body)
            except (OSError, ValueError, KeyError, TypeError):
                if self.remove(path):
                    self.lost += 1

    def remove(self, path: Path) -> bool:
        """Remove the oldest request if its file is ``path``; it may have been dropped meanwhile."""
        with self._lock:
            if not self._waiting or self._waiting[0][0] != path:
                return False
            self._drop_oldest()
            return True

    def close(self) -> None:
        """Leave the folder to others; what waits stays."""
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None

    def _claimed(self) -> tuple[Path, int]:
        for number in range(1, MAX_FOLDERS + 1):
            folder = self._base if number == 1 else self._base.with_name(f"{self._base.name}-{number}")
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            hold = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(hold)
                continue
            return folder, hold
        raise CannotWrite(f"{self._base} is used by {MAX_FOLDERS} outputs already")

    def _make_room(self, size: int) -> None:
        if size > self._max_bytes:
            raise CannotWrite(f"a request of {size} bytes exceeds spool_size ({self._max_bytes} bytes); raise it")
        while self._waiting and self.bytes + size > self._max_bytes:
            self._drop_oldest()
            self.lost += 1
        if is_almost_full(self._folder, size):
            raise CannotWrite(f"the disk of {self._folder} is almost full; free some space")

    def _drop_oldest(self) -> None:
        path, size = self._waiting.popleft()
        self.bytes -= size
        with suppress(OSError):
            path.unlink()
