"""What lines counted and what is in zones now, for all outputs; totals of lines survive a restart.

The totals are in a file of the state folder. It is written on a thread of its own, atomically and at most every SAVE_S
seconds: at most that much is lost with the power, and an SD card is not worn out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag
from threading import Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

from edgevision.errors import BadInput, CannotWrite, MissingFile
from edgevision.files import strict_json
from edgevision.files.atomic import write_text
from edgevision.input_file import read_file
from edgevision.log import Log

from ..stream.protocols import Sink
from ..system.clock import SYSTEM, Clock

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

    from ..stream.events import Event
    from ..tracking.shapes import Shapes

log = Log("edgevision.outputs")
SCHEMA = "edgevision.counts/1"
SAVE_S = 30.0
CLOSE_S = 2.0
"""Longest wait for the last writing, in seconds."""
DIRECTIONS = ("forward", "backward")
MAX_TOTAL = 10**15
MAX_BYTES = 1_000_000


class Passed(NamedTuple):
    """How often a line was crossed in each direction."""

    forward: int = 0
    backward: int = 0


class Counts(Sink):
    """A sink of the loop that the outputs read; put it before them."""

    spec = "counts"

    def __init__(self, path: Path | None, shapes: Callable[[], Shapes], clock: Clock = SYSTEM) -> None:
        """
        Args:
            path: The file of the totals; None: they begin at 0 and are not kept.
            shapes: Returns the lines and zones, which may change.
            clock: Clock for the intervals.
        """
        self._shapes = shapes
        self._path, self._clock = path, clock
        self._lock = Lock()
        self._totals = {} if path is None else load(path)
        self._inside: dict[str, set[int]] = {}
        """Zone -> tracks in it."""
        self._changed = False
        self._stopping = Flag()
        self._problem: str | None = None
        self._failures = self._saved = 0
        self._thread = None if path is None else Thread(target=self._work, name="counts", daemon=True)
        if self._thread is not None:
            self._thread.start()

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines."""
        return tuple(line.name for line in self._shapes().lines)

    @property
    def zones(self) -> tuple[str, ...]:
        """Names of the zones."""
        return tuple(zone.name for zone in self._shapes().zones)

    @property
    def written(self) -> int:
        """Number of times that the totals were saved."""
        return self._saved

    @property
    def problem(self) -> str | None:
        """Why the totals cannot be saved."""
        return self._problem

    @property
    def failures(self) -> int:
        """Number of times that the totals could not be saved."""
        return self._failures

    @property
    def totals(self) -> dict[str, Passed]:
        """Crossings of each line, including those of earlier runs."""
        with self._lock:
            return {name: self._totals.get(name, Passed()) for name in self.lines}

    @property
    def occupancy(self) -> dict[str, int]:
        """Number of objects in each zone now."""
        with self._lock:
            return {name: len(self._inside.get(name, ())) for name in self.zones}

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Do nothing: events say all."""

    def event(self, event: Event) -> None:
        """Count a crossing, and note who is in a zone."""
        if event.track is None:
            return
        with self._lock:
            if event.line is not None:
                before = self._totals.get(event.line, Passed())
                forward = event.direction == "forward"
                self._totals[event.line] = Passed(before.forward + forward, before.backward + (not forward))
                self._changed = True
            if event.zone is not None:
                inside = self._inside.setdefault(event.zone, set())
                inside.add(event.track) if event.kind == "zone_entered" else inside.discard(event.track)

    def close(self) -> None:
        """Save the totals."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _work(self) -> None:
        while not self._clock.wait(self._stopping, SAVE_S):
            self._save()
        self._save()

    def _save(self) -> None:
        assert self._path is not None
        with self._lock:
            changed, self._changed = self._changed, False
            lines = {name: one._asdict() for name, one in self._totals.items()}
        if not changed:
            return
        try:
            write_text(self._path, json.dumps({"schema": SCHEMA, "lines": lines}, ensure_ascii=False, indent=1) + "\n")
            self._problem = None
            self._saved += 1
        except CannotWrite as error:
            self._changed = True
            self._problem = str(error)
            self._failures += 1


def totals_file(folder: Path, camera: str) -> Path:
    """Return the file in a state folder with the totals of a camera."""
    return folder / "counts" / f"{camera}.json"


def load(path: Path) -> dict[str, Passed]:
    """Return the totals of a file; a missing one has none, and a damaged one is kept beside it, with a warning."""
    try:
        return _parse(strict_json.loads(read_file(path, "file of totals", MAX_BYTES), str(path), MAX_BYTES))
    except MissingFile:
        return {}
    except (BadInput, OSError) as error:
        aside = path.with_name(f"{path.name}.damaged")
        try:
            path.replace(aside)
        except OSError:
            aside = path
        log.warning("%s; counting starts at 0 (the old file is %s)", error, aside)
        return {}


def _parse(document: object) -> dict[str, Passed]:
    lines = document.get("lines") if isinstance(document, dict) and document.get("schema") == SCHEMA else None
    if not isinstance(lines, dict):
        raise BadInput(f"expected a file with the schema {SCHEMA}")
    found = {}
    for name, one in lines.items():
        if not isinstance(one, dict):
            raise BadInput(f"the totals of {name!r:.50} are not an object")
        try:
            found[name] = Passed(*(strict_json.whole(one.get(way), way, 0, MAX_TOTAL) for way in DIRECTIONS))
        except ValueError as error:
            raise BadInput(f"the totals of {name!r:.50}: {error}") from None
    return found
