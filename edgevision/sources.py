"""Where pictures lie: a folder, or a zip that is read in place. Names are relative, with forward slashes."""

from __future__ import annotations

import lzma
import os
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from .errors import BadInput, BadPicture, MissingFile

MAX_BYTES = 256 * 1024 * 1024
"""A larger file is no photo; an entry of a zip is not unpacked beyond it, whatever its header says."""
_DAMAGE = (
    # All that the zip reader and the decompressors raise for damaged or strange files.
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


class Source(Protocol):
    """Something that holds files."""

    path: Path
    """The folder, or the zip."""
    files: tuple[str, ...]
    """Sorted; hidden files and folders are left out."""
    folders: frozenset[str]
    """Of every depth, those without a file too."""

    def has(self, name: str) -> bool:
        """Whether a file of this name can be read."""

    def read(self, name: str) -> bytes:
        """The content of a file. Raises MissingFile, BadPicture."""


class FolderSource:
    """The files below a folder. Links to folders are followed, once each."""

    def __init__(self, path: Path, listed: bool = True) -> None:
        """``listed=False``: a CSV names the files, so the tree need not be walked."""
        self.path = path
        names, folders = _walk(path) if listed else ([], [])
        self.files = tuple(sorted(names))
        self.folders = frozenset(folders)

    def has(self, name: str) -> bool:
        """Names may also lead out of the folder: a CSV of the user's may point anywhere."""
        return (self.path / name).is_file()

    def read(self, name: str) -> bytes:
        """See ``Source``."""
        path = self.path / name
        try:
            if path.stat().st_size > MAX_BYTES:
                raise BadPicture(f"{path}: larger than {MAX_BYTES >> 20} MiB; no picture is")
            return path.read_bytes()
        except FileNotFoundError:
            raise MissingFile(f"no such picture: {path}") from None
        except OSError as error:
            raise BadPicture(f"cannot read {path}: {error.strerror}") from None


class ZipSource:
    """The files of a zip. Nothing is written to disk, so no name in it can reach outside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise BadInput(f"{path} cannot be read as a zip: {error}") from None
        entries = [entry for entry in self._zip.infolist() if _visible(entry.filename)]
        self._entries = {entry.filename: entry for entry in entries if not entry.is_dir()}
        self.files = tuple(sorted(self._entries))
        named = {entry.filename.rstrip("/") for entry in entries if entry.is_dir()}
        self.folders = frozenset(named | {str(p) for name in self.files for p in PurePosixPath(name).parents} - {"."})

    def has(self, name: str) -> bool:
        """See ``Source``."""
        return name in self._entries

    def read(self, name: str) -> bytes:
        """See ``Source``."""
        entry = self._entries.get(name)
        if entry is None:
            raise MissingFile(f"no such picture in {self.path}: {name}")
        if entry.flag_bits & 0x1:
            raise BadPicture(f"{name}: encrypted within {self.path}; make the zip without a password")
        try:
            with self._zip.open(entry) as stream:
                data = stream.read(MAX_BYTES + 1)
        except _DAMAGE as error:
            raise BadPicture(f"{name}: damaged within {self.path}: {error}") from None
        if len(data) > MAX_BYTES:
            raise BadPicture(f"{name}: larger than {MAX_BYTES >> 20} MiB; no picture is")
        return data


def open_source(path: Path) -> FolderSource | ZipSource:
    """A folder or a zip. Raises MissingFile, BadInput."""
    if not path.exists():
        raise MissingFile(f"no such folder, zip or CSV of pictures: {path}")
    if path.is_dir():
        return FolderSource(path)
    if zipfile.is_zipfile(path):
        return ZipSource(path)
    raise BadInput(f"{path} is neither a folder, nor a zip, nor a CSV; give a folder with one sub-folder per class")


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
        children[:] = sorted(name for name in children if not name.startswith("."))
        base = Path(here).relative_to(root)
        folders += [(base / name).as_posix() for name in children]
        names += [(base / name).as_posix() for name in files if not name.startswith(".")]
    return names, folders


def _refuse(error: OSError) -> None:
    """A folder that cannot be entered would otherwise be a class that is silently missing."""
    raise BadInput(f"cannot read the folder {error.filename}: {error.strerror}") from None


def _visible(name: str) -> bool:
    """Not hidden, not a Mac's resource fork, and no name that could mean a place outside."""
    parts = name.rstrip("/").split("/")
    return not any(part.startswith(".") or part in ("", "__MACOSX") or "\\" in part for part in parts)
