"""Image files of a folder: the one walk over folders of users, with guards, and the one way to read a file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BadImage, BadInput, MissingFile
from ..input_file import open_file, other_kind
from . import READABLE, SUFFIX_KIND, SUFFIXES
from .sniff import sniff

MAX_BYTES = 512 * 1024 * 1024
"""Size limit of an image file."""
MAX_ENTRIES = 2_000_000
"""Number of files and folders after which a walk stops: a link to the root of a disk would take hours."""
SYSTEM_FOLDERS = frozenset(
    """__macosx $recycle.bin recycler #recycle @recycle @eadir @tmp lost+found #snapshot @recently-snapshot
    __pycache__""".split()
) | {"system volume information"}
"""Folders, in lower case, that operating systems and network drives create: trash, thumbnails and snapshots."""
HEAD_BYTES = 64
"""Number of bytes that tell the format of a file."""
_LISTED = 3
"""Number of names in a note."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is below a folder. Names are relative, with forward slashes; hidden ones and system folders are left out."""

    files: list[str] = field(default_factory=list)
    """Regular files, in the order of the walk."""
    folders: list[str] = field(default_factory=list)
    """Folders at every depth, including empty ones."""
    special: list[tuple[str, str]] = field(default_factory=list)
    """Entries that are not files, such as pipes and links to nothing, each with what it is."""


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """The images of a folder."""

    paths: list[Path]
    """Sorted."""
    notes: tuple[str, ...] = ()
    """Lines about what was left out."""


def walk(root: Path) -> Listing:
    """List what is below a folder. Links to folders are followed, but each folder is visited once. Raises BadInput."""
    found = Listing()
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    count = 0
    while waiting:
        base = waiting.pop()
        here = root / base
        folders: list[str] = []
        try:
            status = os.stat(here)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(here) as entries:
                for entry in entries:
                    count += 1
                    if count > MAX_ENTRIES:
                        raise BadInput(f"{root} has more than {MAX_ENTRIES} files and folders; give a smaller folder")
                    if not entry.name.startswith("."):
                        _add(entry, base, found, folders)
        except OSError as error:
            raise BadInput(f"cannot read the folder {here}: {error.strerror}") from None
        folders.sort()
        found.folders.extend(folders)
        waiting.extend(reversed(folders))
    return found


def survey(folder: Path) -> ImageFiles:
    """Find the images below a folder by suffix, and by content if the suffix stands for a format that is not supported.

    Raises BadInput if a folder cannot be read.
    """
    listing = walk(folder)
    found = _images(folder / name for name in listing.files)
    return ImageFiles(found.paths, (*found.notes, *special_notes(listing.special)))


def of_files(paths: Iterable[Path]) -> ImageFiles:
    """Find the images among some paths in the same way; folders and what is not a file are left out."""
    return _images(path for path in paths if path.suffix.lower() in SUFFIX_KIND and path.is_file())


def _images(paths: Iterable[Path]) -> ImageFiles:
    images, left_out = [], Counter[str]()
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in SUFFIXES or (suffix in SUFFIX_KIND and has_image(read_head(path))):
            images.append(path)
        elif suffix in SUFFIX_KIND:
            left_out[suffix] += 1
    return ImageFiles(sorted(images), left_out_notes(left_out))


def find(folder: Path) -> list[Path]:
    """Return all image files below a folder, sorted. Hidden files, hidden folders and system folders are skipped."""
    return survey(folder).paths


def left_out_notes(suffixes: Counter[str]) -> tuple[str, ...]:
    """Return a line for each suffix of an image format that cannot be decoded."""
    return tuple(
        f"{count} {'file' if count == 1 else 'files'} of type {suffix} {'was' if count == 1 else 'were'} left out: "
        f"convert {'it' if count == 1 else 'them'} to JPEG or PNG"
        for suffix, count in sorted(suffixes.items())
    )


def special_notes(special: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return a line about entries that are not files; none if there are none."""
    shown = [f"{name} ({what})" for name, what in special]
    if not shown:
        return ()
    listed = ", ".join(shown[:_LISTED]) + (" ..." if len(shown) > _LISTED else "")
    entries = "1 entry was" if len(shown) == 1 else f"{len(shown)} entries were"
    return (f"{entries} left out: {listed}",)


def has_image(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of an image that can be decoded."""
    return sniff(head).kind in READABLE


def read_head(path: Path, count: int = HEAD_BYTES) -> bytes:
    """Return the first ``count`` bytes of a file, by default enough to detect its format; empty if it cannot be read."""
    try:
        return _read(path, count)
    except (BadImage, MissingFile):
        return b""


def read_file(path: Path) -> bytes:
    """Read an image file. Raises MissingFile, BadImage, also for a pipe or a device, which could block forever."""
    data = _read(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadImage(_too_large(path))
    return data


def _read(path: Path, count: int) -> bytes:
    try:
        with open_file(path, "image") as stream:
            if os.fstat(stream.fileno()).st_size > MAX_BYTES:
                raise BadImage(_too_large(path))
            return stream.read(count)
    except MissingFile:
        raise
    except OSError as error:
        raise BadImage(f"cannot read {path}: {error.strerror}") from None


def _add(entry: os.DirEntry[str], base: str, found: Listing, folders: list[str]) -> None:
    name = f"{base}/{entry.name}" if base else entry.name
    try:
        if entry.is_file():
            found.files.append(name)
        elif not entry.is_dir():
            found.special.append((name, other_kind(entry.stat().st_mode) or "a file"))
        elif entry.name.lower() not in SYSTEM_FOLDERS:
            folders.append(name)
    except OSError as error:  # a link that leads nowhere or to itself, or a file that was just removed
        found.special.append((name, f"a link: {error.strerror}" if entry.is_symlink() else str(error.strerror)))


def _too_large(path: Path) -> str:
    return f"{path}: larger than {MAX_BYTES >> 20} MiB, the limit for an image"
