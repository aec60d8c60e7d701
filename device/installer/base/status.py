"""status.json: the progress of an installation, for reading the SD card in another machine."""

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
    """Report each step on stdout and, if a path is given, in a file that is replaced atomically."""

    def __init__(self, path: Path | None, log: Path | None = None, step: str = "check", quiet: bool = False) -> None:
        """Prepare the report.

        Args:
            path: status.json; None: print only.
            log: File to which all lines are appended as well.
            step: Step to report for a failure before the first step.
            quiet: Whether stdout belongs to somebody else.
        """
        self._path, self._log, self._quiet = path, log, quiet
        self._step, self._release, self._failed = step, "", ""

    def step(self, name: str, message: str, release: str = "") -> None:
        """Report the start of a step."""
        self._step, self._release = name, release or self._release
        self.note(f"{name}: {message}")
        self._write("running", message)

    def note(self, line: str) -> None:
        """Print a line and append it to the log."""
        line = printable(line)
        if not self._quiet:
            say(line)
        if self._log is not None:
            with suppress(OSError), self._log.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")
                stream.flush()
                os.fsync(stream.fileno())

    def ok(self, message: str) -> None:
        """Report that the installation has finished."""
        self.note(message)
        self._write("ok", message)

    def failed(self, message: str) -> None:
        """Report that the current step failed; repeated messages are ignored."""
        if message == self._failed:
            return
        self._failed = message
        if self._log is not None:
            self.note(f"{self._step}: failed: {message}")
        self._write("failed", message)

    def _write(self, state: State, message: str) -> None:
        """Write status.json; a failure to write it does not stop the installation."""
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
        # Synced with its folder: otherwise the FAT may refer to half a file for a minute, which a power cut would keep.
        place_text(self._path, json.dumps(value))


def complain(message: str) -> None:
    """Print an error line to stderr."""
    print(f"edgevision install: error: {printable(message)}", file=sys.stderr)


def say(text: str) -> None:
    """Print text to stdout, at once."""
    print(text, flush=True)


def journal(text: str) -> None:
    """Print a line to stderr, which a unit sends to the journal."""
    print(f"edgevision: {printable(text)}", file=sys.stderr)


def printable(text: str) -> str:
    r"""Show control characters and what is not valid text as ``\x1b``: names come from bundles, SD cards and folders."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def reason(error: OSError) -> str:
    """Return a description of the error, with the file name if known."""
    said = error.strerror or str(error)
    return said if error.filename is None else f"{said}: {error.filename}"
