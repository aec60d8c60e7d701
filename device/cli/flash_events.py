"""The progress of ``flash write`` and ``flash card``: bars for people, one JSON line per event for programs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from edgevision.cli.terminal import bytes_bar, note, say_json
from edgevision.errors import EdgeVisionError

from ..flash.disk.transfer_rate import Meter
from ..flash.disk.write import PHASES
from ..flash.image.atomic_output import ended_by_signals

SCHEMA = "edgevision.flash_event/1"
EVERY_S = 0.5
TEXTS = {
    "unpack": "unpacking the OS image",
    "inject": "adding the bundle and the settings",
    "check": "checking the image",
    "wipe": "removing the old partition table",
    "write": "writing",
    "flush": "flushing to the drive",
    "verify": "verifying",
    "finish": "writing the partition table",
    "files": "checking the files",
}


class Events:
    """Receiver of the progress reports and of the final event."""

    def __init__(self, as_json: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.phase = ""
        self.meter = Meter(clock)
        self.show: Callable[[str, int, int], None] = lambda text, done, total: None
        """Draws the progress bar."""
        self._as_json, self._clock = as_json, clock
        self._said = clock()

    def report(self, phase: str, done: int, total: int) -> None:
        """Emit an event at the start and end of each phase and every ``EVERY_S`` seconds between."""
        progress = self.meter.at(phase, done, total)
        self.show(TEXTS.get(phase, phase), done, total)
        now = self._clock()
        if phase != self.phase or done == total or now - self._said >= EVERY_S:
            self.phase, self._said = phase, now
            fields = asdict(progress).items()
            self._line({key: round(value, 3) if isinstance(value, float) else value for key, value in fields})

    def end(self, phase: str, **more: Any) -> None:
        """Emit the final event, with ``phase`` ``done`` or ``failed``."""
        self._line({"phase": phase, **more})

    def _line(self, fields: dict[str, Any]) -> None:
        if not self._as_json:
            return
        try:
            say_json({"schema": SCHEMA, **fields})
        except BrokenPipeError:
            # The reader has gone; the SD card must be finished all the same.
            self._as_json = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def events(as_json: bool, quiet: bool) -> Iterator[Events]:
    """Yield the events of one command.

    A program always gets a final event; a person learns what an interruption (Ctrl-C, SIGTERM) left behind.
    """
    made = Events(as_json)
    try:
        with ended_by_signals(), bytes_bar(quiet) as made.show:
            yield made
    except (EdgeVisionError, OSError) as error:
        code = error.exit_code if isinstance(error, EdgeVisionError) else 1
        made.end("failed", exit_code=code, message=str(error))
        raise
    except (KeyboardInterrupt, SystemExit) as error:
        ended = error.code if isinstance(error, SystemExit) else getattr(error, "exit_code", 130)
        made.end("failed", exit_code=ended, message="interrupted")
        if made.phase in PHASES:
            note("the drive is only partly written and will not boot; write it again")
        raise
