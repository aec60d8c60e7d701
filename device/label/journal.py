"""The log of labeling: one JSON line per answer, on the disk before any file changes, so a power cut loses nothing.

An answer is first added to the log, then carried out, then noted as done. Only the last one can therefore be unfinished,
and carrying it out again finishes it. A line that the power cut off is removed: nothing was done for it yet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from edgevision.errors import BadInput, CannotWrite
from edgevision.files import strict_json
from edgevision.input_file import open_file, read_file
from edgevision.log import Log

from ..system.clock import SYSTEM, Clock, rfc3339
from .records import Action, Change, Entry, Guess, parse_entry

log = Log("edgevision.label")
FOLDER = ".edgevision-label"
"""Folder of the log, of the lock, and of annotation files as they were, in the folder of images."""
FILE = "log.jsonl"
DONE_FILE = "done"
"""Holds the number of the newest entry that was carried out."""
MAX_DONE_BYTES = 20
MAX_LINE_BYTES = 64 * 2**20


class Journal:
    """The entries of a folder of images, and which of them are undone. Not safe for several threads."""

    def __init__(self, folder: Path, clock: Clock = SYSTEM) -> None:
        """``folder``: of the images. Raises BadInput, CannotWrite."""
        self.path = folder / FOLDER / FILE
        self._clock = clock
        self._last: Entry | None = None
        self._open: list[Entry] = []
        self._marks: dict[str, list[Action]] = {}
        for entry in self._read():
            self._note(entry)

    @property
    def unfinished(self) -> Entry | None:
        """The newest entry if it may not have been carried out, after a power cut."""
        if self._last is None:
            return None
        try:
            done = read_file(self.path.parent / DONE_FILE, "number of an answer", MAX_DONE_BYTES)
        except (OSError, BadInput):  # MissingFile is an OSError
            done = b""
        return None if done == str(self._last.number).encode() else self._last

    def note_done(self, entry: Entry) -> None:
        """Note that an entry was carried out. If a power cut loses this note, the entry is carried out again."""
        try:
            (self.path.parent / DONE_FILE).write_text(str(entry.number), "ascii")
        except OSError as error:
            log.info("cannot write %s: %s", DONE_FILE, error.strerror)

    @property
    def undoable(self) -> Entry | None:
        """The newest entry that is not undone."""
        return self._open[-1] if self._open else None

    @property
    def undo_count(self) -> int:
        """Number of entries that can be undone."""
        return len(self._open)

    def mark(self, path: str) -> Action | None:
        """Return the newest answer about the image at this path that is not undone."""
        marks = self._marks.get(path)
        return marks[-1] if marks else None

    def add(self, action: Action, changes: Iterable[Change], guess: Guess | None = None) -> Entry:
        """Write an answer down, safe from power cuts; it is carried out afterwards. Raises CannotWrite."""
        return self._append(action, tuple(changes), None, guess)

    def add_undo(self, undone: Entry) -> Entry:
        """Write down that the newest open entry is undone. Raises CannotWrite."""
        changes = tuple(Change(one.after, one.before) for one in reversed(undone.changes))
        return self._append("undo", changes, undone.number, None)

    def forget(self, entry: Entry) -> None:
        """Leave the newest open entry out of what can be undone, because its images are gone."""
        self._open.remove(entry)

    def _append(self, action: Action, changes: tuple[Change, ...], undoes: int | None, guess: Guess | None) -> Entry:
        number = 1 if self._last is None else self._last.number + 1
        entry = Entry(number, rfc3339(self._clock.wall()), action, changes, undoes, guess)
        line = json.dumps(entry.to_json(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = not self.path.exists()
            with self.path.open("ab") as stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise CannotWrite(f"cannot write {self.path}: {error.strerror or error}; nothing was changed") from None
        self._note(entry)
        return entry

    def _note(self, entry: Entry) -> None:
        self._last = entry
        if entry.action == "import":
            return
        if entry.action == "undo":
            self._open = [one for one in self._open if one.number != entry.undoes]
        else:
            self._open.append(entry)
        for change in entry.changes:
            marks = self._marks.pop(change.before.path, [])
            marks = marks[:-1] if entry.action == "undo" else [*marks, entry.action]
            self._marks[change.after.path] = marks

    def _read(self) -> list[Entry]:
        """Return all entries; a cut off line at the end is removed. Raises BadInput."""
        if not self.path.exists():
            return []
        found: list[Entry] = []
        with open_file(self.path, "log of labels") as stream:
            complete = 0
            for number, line in enumerate(_lines(stream, self.path), 1):
                if not line.endswith(b"\n"):
                    break
                found.append(self._parse(line, number))
                complete += len(line)
        if complete < self.path.stat().st_size:
            self._cut(complete)
        return found

    def _parse(self, line: bytes, number: int) -> Entry:
        where = f"{self.path}, line {number}"
        try:
            return parse_entry(strict_json.loads(line, where, MAX_LINE_BYTES))
        except (ValueError, KeyError) as error:
            said = str(error).removeprefix(f"{where} ") if isinstance(error, BadInput) else str(error)
            raise BadInput(f"{where} is damaged: {said}; move the file away to start a new log") from None

    def _cut(self, size: int) -> None:
        log.info("%s: removed a line that a power cut left unfinished", self.path)
        try:
            os.truncate(self.path, size)
        except OSError as error:
            raise CannotWrite(f"cannot write {self.path}: {error.strerror or error}") from None


def _lines(stream: BinaryIO, path: Path) -> Iterable[bytes]:
    while line := stream.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES:
            raise BadInput(f"{path} has a line of more than {MAX_LINE_BYTES >> 20} MiB; move the file away")
        yield line


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:  # some file systems cannot
        pass
    finally:
        os.close(handle)
