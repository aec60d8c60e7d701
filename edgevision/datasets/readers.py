"""Readers for folders and zip files of images. A zip is read in place. Names are relative, with forward slashes."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol

from ..errors import BadImage, BadInput, MissingFile
from ..input_file import require_file
from ..preprocessing.image_folder import (
    HEAD_BYTES,
    MAX_BYTES,
    SYSTEM_FOLDERS,
    Listing,
    read_file,
    read_head,
    special_notes,
    walk,
)

_SMALL, _MAX_RATIO = 32 << 20, 200
"""Unpacked size in bytes below which an entry of a zip may be compressed by any ratio, and the ratio above."""
_DAMAGE = (
    # Everything that the zip reader and the decompressors raise for damaged or unusual files.
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


class FileContainer(Protocol):
    """A container of files."""

    path: Path
    """Path of the folder or zip."""
    files: tuple[str, ...]
    """Sorted file names, without hidden files and files in hidden folders."""
    folders: frozenset[str]
    """Folder names at every depth, including empty folders."""
    notes: tuple[str, ...]
    """Lines about entries that cannot be used at all, such as pipes."""

    def has(self, name: str) -> bool:
        """Return whether there is a file with this name."""

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        """Return the first ``count`` bytes of a file, by default enough to detect its format; empty if it cannot be read."""

    def read(self, name: str) -> bytes:
        """Read a file. Raises MissingFile, BadImage."""


class FolderSource:
    """The files below a folder. Links to folders are followed, but each folder is visited once."""

    def __init__(self, path: Path, listed: bool = True) -> None:
        """Open a folder. ``listed=False`` skips walking the tree, because a CSV lists the files."""
        self.path = path
        listing = walk(path) if listed else Listing()
        self.files = tuple(sorted(listing.files))
        self.folders = frozenset(listing.folders)
        self.notes = special_notes(listing.special)

    def has(self, name: str) -> bool:
        """Return whether a file exists. The name may lead out of the folder: a user's CSV may point anywhere."""
        return (self.path / name).is_file()

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        """Return the first ``count`` bytes of a file, by default enough to detect its format; empty if it cannot be read."""
        return read_head(self.path / name, count)

    def read(self, name: str) -> bytes:
        """Read a file. Raises MissingFile, BadImage."""
        return read_file(self.path / name)


class ZipSource:
    """The files of a zip. Nothing is unpacked to disk, so no entry can write outside a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise BadInput(f"cannot read {path} as a zip: {error}") from None
        special = [(entry.filename, what) for entry in self._zip.infolist() if (what := _special(entry))]
        left_out = {name for name, _ in special}
        entries = [e for e in self._zip.infolist() if e.filename not in left_out and _visible(e.filename)]
        self._entries = {entry.filename: entry for entry in entries if not entry.is_dir()}
        self.files = tuple(sorted(self._entries))
        named = {entry.filename.rstrip("/") for entry in entries if entry.is_dir()}
        self.folders = frozenset(named | {str(p) for name in self.files for p in PurePosixPath(name).parents} - {"."})
        self.notes = special_notes(special)

    def has(self, name: str) -> bool:
        """Return whether there is an entry with this name."""
        return name in self._entries

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        """Return the first ``count`` bytes of an entry, by default enough to detect its format; empty if it cannot be read."""
        try:
            with self._zip.open(self._entries[name]) as stream:
                return stream.read(count)
        except (*_DAMAGE, KeyError):
            return b""

    def read(self, name: str) -> bytes:
        """Read an entry. Raises MissingFile, BadImage."""
        entry = self._entries.get(name)
        if entry is None:
            raise MissingFile(f"image not found in {self.path}: {name}")
        if entry.flag_bits & 0x1:
            raise BadImage(f"{name}: encrypted in {self.path}; make the zip without a password")
        if entry.file_size > MAX_BYTES:
            raise BadImage(f"{name}: larger than {MAX_BYTES >> 20} MiB, the limit for an image")
        if entry.file_size > _SMALL and entry.file_size > _MAX_RATIO * entry.compress_size:
            raise BadImage(
                f"{name}: unpacks to {entry.file_size >> 20} MiB, over {_MAX_RATIO} times its size in the zip"
            )
        try:
            with self._zip.open(entry) as stream:
                return stream.read(MAX_BYTES)
        except _DAMAGE as error:
            raise BadImage(f"{name}: damaged in {self.path}: {error}") from None


def open_source(path: Path) -> FolderSource | ZipSource:
    """Open a folder or a zip. Raises MissingFile, BadInput."""
    if not path.exists():
        raise MissingFile(f"images not found: {path}; give a folder, a zip or a CSV")
    if path.is_dir():
        return FolderSource(path)
    if zipfile.is_zipfile(require_file(path, "zip of images")):
        return ZipSource(path)
    raise BadInput(f"{path} is not a folder, zip or CSV; give a folder with one subfolder per class")


def _special(entry: zipfile.ZipInfo) -> str | None:
    """Return what an entry is that is not used because of what it could do to a careless reader; None for others."""
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "a link"
    parts = entry.filename.split("/")
    if not parts[0] or ".." in parts or PureWindowsPath(entry.filename).drive:
        return "a path that leads outside"
    return "a path with \\ in it" if "\\" in entry.filename else None


def _visible(name: str) -> bool:
    """Return whether an entry is used: not hidden and not in a system folder."""
    parts = name.rstrip("/").split("/")
    return not any(part.startswith(".") or not part or part.lower() in SYSTEM_FOLDERS for part in parts)
