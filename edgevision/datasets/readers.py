"""Readers for folders and zip files of images. A zip is read in place. Names are relative, with forward slashes."""

from __future__ import annotations

import lzma
import os
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from ..errors import BadImage, BadInput, MissingFile
from ..preprocessing.sniff import SYSTEM_FOLDERS

MAX_BYTES = 256 * 1024 * 1024
"""Size limit of an image file. An entry of a zip is not unpacked beyond it, whatever its header says."""
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

    def has(self, name: str) -> bool:
        """Return whether there is a file with this name."""

    def read(self, name: str) -> bytes:
        """Read a file. Raises MissingFile, BadImage."""


class FolderSource:
    """The files below a folder. Links to folders are followed, but each folder is visited once."""

    def __init__(self, path: Path, listed: bool = True) -> None:
        """Open a folder. ``listed=False`` skips walking the tree, because a CSV lists the files."""
        self.path = path
        names, folders = _walk(path) if listed else ([], [])
        self.files = tuple(sorted(names))
        self.folders = frozenset(folders)

    def has(self, name: str) -> bool:
        """Return whether a file exists. The name may lead out of the folder: a user's CSV may point anywhere."""
        return (self.path / name).is_file()

    def read(self, name: str) -> bytes:
        """Read a file. Raises MissingFile, BadImage."""
        path = self.path / name
        try:
            if path.stat().st_size > MAX_BYTES:
                raise BadImage(f"{path}: larger than {MAX_BYTES >> 20} MiB, the limit for an image")
            return path.read_bytes()
        except FileNotFoundError:
            raise MissingFile(f"image not found: {path}") from None
        except OSError as error:
            raise BadImage(f"cannot read {path}: {error.strerror}") from None


class ZipSource:
    """The files of a zip. Nothing is unpacked to disk, so no entry can write outside a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise BadInput(f"cannot read {path} as a zip: {error}") from None
        entries = [entry for entry in self._zip.infolist() if _visible(entry.filename)]
        self._entries = {entry.filename: entry for entry in entries if not entry.is_dir()}
        self.files = tuple(sorted(self._entries))
        named = {entry.filename.rstrip("/") for entry in entries if entry.is_dir()}
        self.folders = frozenset(named | {str(p) for name in self.files for p in PurePosixPath(name).parents} - {"."})

    def has(self, name: str) -> bool:
        """Return whether there is an entry with this name."""
        return name in self._entries

    def read(self, name: str) -> bytes:
        """Read an entry. Raises MissingFile, BadImage."""
        entry = self._entries.get(name)
        if entry is None:
            raise MissingFile(f"image not found in {self.path}: {name}")
        if entry.flag_bits & 0x1:
            raise BadImage(f"{name}: encrypted in {self.path}; make the zip without a password")
        try:
            with self._zip.open(entry) as stream:
                data = stream.read(MAX_BYTES + 1)
        except _DAMAGE as error:
            raise BadImage(f"{name}: damaged in {self.path}: {error}") from None
        if len(data) > MAX_BYTES:
            raise BadImage(f"{name}: larger than {MAX_BYTES >> 20} MiB, the limit for an image")
        return data


def open_source(path: Path) -> FolderSource | ZipSource:
    """Open a folder or a zip. Raises MissingFile, BadInput."""
    if not path.exists():
        raise MissingFile(f"images not found: {path}; give a folder, a zip or a CSV")
    if path.is_dir():
        return FolderSource(path)
    if zipfile.is_zipfile(path):
        return ZipSource(path)
    raise BadInput(f"{path} is not a folder, zip or CSV; give a folder with one subfolder per class")


def _walk(root: Path) -> tuple[list[str], list[str]]:
    names: list[str] = []
    folders: list[str] = []
    seen: set[str] = set()
    for here, children, files in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            children.clear()
            continue
        seen.add(real)
        children[:] = sorted(n for n in children if not n.startswith(".") and n.lower() not in SYSTEM_FOLDERS)
        base = Path(here).relative_to(root)
        folders += [(base / name).as_posix() for name in children]
        names += [(base / name).as_posix() for name in files if not name.startswith(".")]
    return names, folders


def _refuse(error: OSError) -> None:
    """Raise BadInput for an unreadable folder; without it, a class would be missing silently."""
    raise BadInput(f"cannot read the folder {error.filename}: {error.strerror}") from None


def _visible(name: str) -> bool:
    """Return whether an entry is used: not hidden, not in a system folder, and not a path that leads outside."""
    parts = name.rstrip("/").split("/")
    return not any(part.startswith(".") or not part or part.lower() in SYSTEM_FOLDERS or "\\" in part for part in parts)
