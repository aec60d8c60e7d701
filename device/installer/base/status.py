"""status.json: how far an installation came, for somebody who reads the card in another machine."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from .atomic_files import place_text

State = Literal["running", "ok", "failed"]
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Status:
    """Tells each step on stdout and, with a path, in a file that is always whole."""

    def __init__(self, path: Path | None, log: Path | None = None, step: str = "check") -> None:
        """``log``: a file that gets all lines, too. ``step``: what a fault before the first step belongs to."""
        self._path, self._log = path, log
        self._step, self._release, self._failed = step, "", ""

    def step(self, name: str, message: str, release: str = "") -> None:
        """A step begins."""
        self._step, self._release = name, release or self._release
        self.note(f"{name}: {message}")
        self._write("running", message)

    def note(self, line: str) -> None:
        """A line for the log alone."""
        print(line, flush=True)
        if self._log is not None:
            with suppress(OSError), self._log.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")
                stream.flush()
                os.fsync(stream.fileno())

    def ok(self, message: str) -> None:
        """All is done."""
        self.note(message)
        self._write("ok", message)

    def failed(self, message: str) -> None:
        """The step that had begun failed; told once."""
        if message == self._failed:
            return
        self._failed = message
        if self._log is not None:
            self.note(f"{self._step}: failed: {message}")
        self._write("failed", message)

    def _write(self, state: State, message: str) -> None:
        """An installation does not end because nobody can be told of it."""
        try:
            self._put(state, message)
        except OSError as error:
            complain(f"cannot write {self._path}: {error.strerror or error}")

    def _put(self, state: State, message: str) -> None:
        if self._path is None:
            return
        value = {
            "step": self._step,
            "state": state,
            "message": message,
            "release": self._release,
            "time_monotonic": round(time.monotonic(), 3),
            "boot_id": BOOT_ID.read_text().strip() if BOOT_ID.exists() else None,
        }
        # Synced with its folder: a card's FAT may otherwise name half a file for a minute, and a power cut leaves it so.
        place_text(self._path, json.dumps(value))


def complain(message: str) -> None:
    """One line on stderr."""
    print(f"edgevision install: error: {message}", file=sys.stderr)


def reason(error: OSError) -> str:
    """What went wrong, and with which file where that is known."""
    said = error.strerror or str(error)
    return said if error.filename is None else f"{said}: {error.filename}"
