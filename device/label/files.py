"""Moving images without overwriting any, in steps that can be repeated after a power cut."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from edgevision.errors import CannotWrite, MissingFile, OutputExists
from edgevision.files.atomic import write_new
from edgevision.input_file import read_file

from .journal import FOLDER, sync_folder
from .records import DISCARDED

ORIGINALS = "originals"
"""Folder of annotation files as they were before the first change, in the folder of the log."""
MAX_ANNOTATION_BYTES = 512 * 2**20


def move(root: Path, before: str, after: str) -> None:
    """Move a file below ``root``; if that was done already, nothing happens. Raises MissingFile, OutputExists, CannotWrite."""
    source, target = root / before, root / after
    if before == after or (target.is_file() and not source.exists()):
        return
    if not source.is_file():
        raise MissingFile(f"{before} was moved or deleted by another program")
    if target.exists():
        raise OutputExists(f"cannot move {before}: {after} exists already")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    except OSError as error:
        raise CannotWrite(f"cannot move {source} to {target}: {error.strerror or error}") from None
    sync_folder(target.parent)
    sync_folder(source.parent)


def free_path(root: Path, wanted: str, taken: set[str]) -> str:
    """Return a path that no file has: the wanted one, or one with a number; it is added to ``taken``."""
    path = PurePosixPath(wanted)
    number = 1
    while str(path) in taken or (root / path).exists():
        number += 1
        path = PurePosixPath(wanted).with_stem(f"{PurePosixPath(wanted).stem}-{number}")
    taken.add(str(path))
    return str(path)


def discarded_path(root: Path, path: str, taken: set[str]) -> str:
    """Return where a discarded image goes: the same path below the folder of discarded ones."""
    return free_path(root, f"{DISCARDED}/{path}", taken)


def keep_original(root: Path, path: str) -> None:
    """Keep a copy of an annotation file as it was before its first change. Raises CannotWrite, BadInput."""
    source, copy = root / path, root / FOLDER / ORIGINALS / path
    if source.is_file() and not copy.exists():
        write_new(copy, read_file(source, "annotation file", MAX_ANNOTATION_BYTES))


def original(root: Path, path: str) -> bytes | None:
    """Return an annotation file as it was before its first change; None if there was none. Raises BadInput."""
    copy = root / FOLDER / ORIGINALS / path
    return read_file(copy, "annotation file", MAX_ANNOTATION_BYTES) if copy.is_file() else None
