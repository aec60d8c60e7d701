"""``counts:PATH``: a table of what crossed each line and was in each zone, by the hour or the day, for spreadsheets."""

from __future__ import annotations

import csv
import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, get_args

from edgevision.errors import CannotWrite
from edgevision.records import record
from edgevision.settings import setting

from ..system.disk_space import is_almost_full
from .kind import Kind, Needs
from .protocol import Output

if TYPE_CHECKING:
    from ..stream.events import Event
    from .config import OutputConfig
    from .item import Item
    from .protocol import Context

By = Literal["hour", "day"]
COLUMNS = ("start", "kind", "name", "forward", "backward", "entered", "left", "stay_s")
HEADER = ",".join(COLUMNS) + "\n"
SAVE_S = 60.0
"""Shortest time between two writings of a period that is not over, in seconds."""


@record(kw_only=True)
class CountsSettings:
    """Settings of ``counts:``."""

    by: By = setting("hour", "choice", "Length of a period, in local time.", choices=get_args(By))


@dataclass(slots=True)
class Tally:
    """What happened at one line or zone in a period."""

    forward: int = 0
    backward: int = 0
    entered: int = 0
    left: int = 0
    stay_s: float = 0.0
    """Sum of the times that those who left were inside, in seconds."""

    def add(self, event: Event) -> None:
        """Count an event of a track."""
        self.forward += event.direction == "forward"
        self.backward += event.direction == "backward"
        self.entered += event.kind == "zone_entered"
        self.left += event.kind == "zone_left"
        self.stay_s += event.duration_s or 0.0


Place = tuple[str, str]
"""``line`` or ``zone``, and its name."""


class CountsFile(Output):
    """One row per period, and line or zone, also if nothing happened. The rows of the current period, at the end, are rewritten."""

    takes = "events"

    def __init__(self, path: Path, by: By, context: Context) -> None:
        self._path, self._by, self._clock = path, by, context.clock
        self._counts = context.counts
        self._tallies: dict[Place, Tally] = {}
        self._start = ""
        """Start of the current period; empty before the first."""
        self._file: IO[bytes] | None = None
        self._finished = 0
        """Size of the rows of finished periods, in bytes."""
        self._changed = False
        self._saved_at = float("-inf")

    def start(self) -> None:
        """Open the file, and continue the current period. Raises CannotWrite."""
        self._close_file()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _open_regular(self._path)
            text = self._file.read()
        except OSError as error:
            raise CannotWrite(f"cannot write {self._path}: {error.strerror or error}") from None
        if text and not text.startswith(HEADER.encode()):
            raise CannotWrite(f"cannot write {self._path}: it is not a table of counts; choose another file")
        if self._start:  # after a failure: what was counted meanwhile is in memory
            self._finished = min(self._finished, len(text)) or len(HEADER)
        else:
            self._continue(text)
        self._save()

    def deliver(self, item: Item) -> None:
        """Count an event. Raises CannotWrite before it is counted, so that it is not counted twice."""
        self.idle()
        event = item.event
        if event is None or event.track is None or (event.zone is None and event.line is None):
            return
        place = ("zone", event.zone) if event.zone is not None else ("line", event.line or "")
        self._tallies.setdefault(place, Tally()).add(event)
        self._changed = True

    def idle(self) -> None:
        """Begin a new period when the last one is over, and write what is due. Raises CannotWrite."""
        start = self._period()
        if start != self._start:
            self._save()
            self._finished = self._size()
            self._begin(start)
            self._save()
        elif self._changed and self._clock.monotonic() - self._saved_at >= SAVE_S:
            self._save()

    def close(self) -> None:
        """Write what was counted, and close the file. Raises CannotWrite."""
        try:
            if self._file is not None and self._changed:
                self._save()
        finally:
            self._close_file()

    def _period(self) -> str:
        """Return the start of the period that it is now, with the offset of local time."""
        now = datetime.fromtimestamp(self._clock.wall()).astimezone()
        hour = now.hour if self._by == "hour" else 0
        return now.replace(hour=hour, minute=0, second=0, microsecond=0).isoformat()

    def _begin(self, start: str) -> None:
        self._start, self._changed = start, True
        names = {"line": self._counts.lines, "zone": self._counts.zones} if self._counts is not None else {}
        self._tallies = {(kind, name): Tally() for kind, all_names in names.items() for name in all_names}

    def _continue(self, text: bytes) -> None:
        """Take over the rows of the current period; a line that a power loss left incomplete is given up."""
        self._begin(self._period())
        self._finished = len(HEADER)
        place = len(HEADER)
        for line in text[place:].splitlines(keepends=True):
            row = _row(line)
            if row is None:
                break
            place += len(line)
            if row[0] == self._start:
                self._tallies[row[1]] = row[2]
            else:
                self._finished = place

    def _save(self) -> None:
        """Write the rows of the current period over their former ones."""
        assert self._file is not None
        rows = [[self._start, *place, *_cells(tally)] for place, tally in self._tallies.items()]
        data = "".join(",".join(map(str, row)) + "\n" for row in rows).encode()
        if self._finished <= len(HEADER):
            data, self._finished = HEADER.encode() + data, 0
        try:
            if is_almost_full(self._path.parent, len(data)):
                raise CannotWrite(f"cannot write {self._path}: the disk is almost full; free some space")
            self._file.seek(self._finished)
            self._file.write(data)
            self._file.truncate()
            os.fsync(self._file.fileno())
        except OSError as error:
            if isinstance(error, CannotWrite):
                raise
            raise CannotWrite(f"cannot write {self._path}: {error.strerror or error}") from None
        finally:
            self._finished = max(self._finished, len(HEADER))
        self._changed, self._saved_at = False, self._clock.monotonic()

    def _size(self) -> int:
        assert self._file is not None
        return os.fstat(self._file.fileno()).st_size

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _cells(tally: Tally) -> tuple[int, int, int, int, float]:
    return tally.forward, tally.backward, tally.entered, tally.left, round(tally.stay_s, 1)


def _row(line: bytes) -> tuple[str, Place, Tally] | None:
    """Return start, place and tally of a row; None if it is not one."""
    try:
        cells = next(csv.reader([line.decode()]), [])
        start, kind, name, *numbers = cells
        *whole, stay_s = numbers
        forward, backward, entered, left = map(int, whole)
        return start, (kind, name), Tally(forward, backward, entered, left, float(stay_s))
    except ValueError:
        return None


def _open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading and writing without waiting for a pipe's reader or following a link."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.fdopen(os.open(path, flags, 0o644), "rb+", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is not a regular file")
    return file


def _open(config: OutputConfig, context: Context) -> CountsFile:
    return CountsFile(Path(config.target), config.settings.by, context)


KIND = Kind(
    _open,
    settings=CountsSettings,
    needs=lambda config: Needs(writes=(config.target,)),
    target="file",
)
