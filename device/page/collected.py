"""Images labeled on the page: a folder per class, in the form that ``edgevision train`` reads."""

from __future__ import annotations

import os
import re
import secrets
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from edgevision.datasets.folder_layout import UNSORTED
from edgevision.errors import BadInput, CannotWrite, MissingFile
from edgevision.files.atomic import write_new
from edgevision.input_file import read_file

from ..collection.capture import class_folder, next_number
from ..system.disk_space import LEAST_FREE

DISCARDED = ".discarded"
"""Folder of discarded images; undo brings them back."""
IMAGE = re.compile(r"[^/\\\0.][^/\\\0]{0,250}\.(?:jpe?g|png)", re.IGNORECASE)
PAGE = 60
"""Images on one page of the review."""
MAX_CLASSES = 1000
MAX_UNDO = 100
MAX_IMAGE_BYTES = 64_000_000


class CollectedImage(NamedTuple):
    """A collected image."""

    id: str
    """CLASS/FILE."""
    time_s: float
    """When it was written, in seconds since 1970."""


class _Move(NamedTuple):
    now: Path
    before: Path | None
    """None: the image is new."""


class Collected:
    """Saves, lists, moves and discards images. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()
        self._moves: OrderedDict[str, _Move] = OrderedDict()

    def counts(self) -> dict[str, int]:
        """Return the number of images of each class."""
        return {folder.name: len(self._names(folder)) for folder in self._classes()}

    def save(self, name: str, jpeg: bytes) -> tuple[str, str]:
        """Save an image; return its id and the id to undo it. Raises BadInput, CannotWrite."""
        with self._lock:
            path = self._free_path(name, ".jpg")
            self._require_space(len(jpeg))
            write_new(path, jpeg)
            return _id(path), self._remember(_Move(path, None))

    def page(self, name: str, page: int) -> tuple[list[CollectedImage], int]:
        """Return one page (from 1) of a class, newest first, and the number of all images. Raises MissingFile."""
        folder = self._known(name)
        names = self._names(folder)
        shown = names[(page - 1) * PAGE : page * PAGE]
        return [CollectedImage(f"{name}/{one}", time_s) for time_s, one in shown], len(names)

    def read(self, image: str) -> bytes:
        """Return the content of an image. Raises MissingFile, BadInput."""
        return read_file(self._path(image), "image", MAX_IMAGE_BYTES)

    def move(self, image: str, name: str) -> tuple[str, str]:
        """Move an image to a class; return its new id and the id to undo it. Raises EdgeVisionError."""
        with self._lock:
            path = self._path(image)
            if path.parent.name == name:
                return image, self._remember(_Move(path, path))
            target = self._free_path(name, path.suffix.lower())
            _rename(path, target)
            return _id(target), self._remember(_Move(target, path))

    def discard(self, image: str) -> str:
        """Discard an image; return the id to undo it. Raises EdgeVisionError."""
        with self._lock:
            path = self._path(image)
            target = self.folder / DISCARDED / f"{secrets.token_hex(8)}{path.suffix}"
            _rename(path, target)
            return self._remember(_Move(target, path))

    def undo(self, number: str) -> str | None:
        """Undo a change; return the id of the image, None if it is gone. Raises BadInput, EdgeVisionError."""
        with self._lock:
            move = self._moves.pop(number, None)
            if move is None:
                raise MissingFile("nothing to undo: this was undone before, or the program was restarted")
            if not move.now.is_file():
                raise MissingFile("cannot undo: the image was moved or deleted since")
            if move.before is None:
                _rename(move.now, self.folder / DISCARDED / f"{secrets.token_hex(8)}{move.now.suffix}")
                return None
            target = move.before
            if target.exists() and target != move.now:
                target = self._free_path(target.parent.name, target.suffix)
            if target != move.now:
                _rename(move.now, target)
            return _id(target)

    def zipped(self) -> Iterator[bytes]:
        """Yield a zip of all images; it needs no memory or disk space for the whole."""
        sink = _Chunks()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            for folder in self._classes():
                for _, name in self._names(folder):
                    with suppress(MissingFile, BadInput, OSError):  # it was moved meanwhile
                        data = self.read(f"{folder.name}/{name}")
                        archive.writestr(f"{folder.name}/{name}", data)
                    yield sink.take()
        yield sink.take()

    def _classes(self) -> list[Path]:
        """Return the class folders, sorted by name."""
        try:
            found = [entry for entry in os.scandir(self.folder) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return []
        names = sorted(one.name for one in found if not one.name.startswith(".") and _printable(one.name))
        return [self.folder / name for name in names[:MAX_CLASSES]]

    def _names(self, folder: Path) -> list[tuple[float, str]]:
        """Return times and names of the images of a class, newest first."""
        try:
            found = [entry for entry in os.scandir(folder) if IMAGE.fullmatch(entry.name) and _printable(entry.name)]
            kept = [(entry.stat(follow_symlinks=False), entry) for entry in found]
        except OSError:
            return []
        files = [(stat.st_mtime, entry.name) for stat, entry in kept if entry.is_file(follow_symlinks=False)]
        return sorted(files, reverse=True)

    def _known(self, name: str) -> Path:
        folder = next((one for one in self._classes() if one.name == name), None)
        if folder is None:
            raise MissingFile(f"no collected images of {name!r:.120}")
        return folder

    def _path(self, image: str) -> Path:
        """Return the path of an image by its id, CLASS/FILE. Raises MissingFile."""
        name, _, file = image.partition("/")
        path = self._known(name) / file if IMAGE.fullmatch(file) else None
        if path is None or path.is_symlink() or not path.is_file():
            raise MissingFile(f"no such image: {image!r:.200}")
        return path

    def _free_path(self, name: str, suffix: str) -> Path:
        """Return the path of a new image of a class. Raises BadInput."""
        folder = self.folder / UNSORTED if name == UNSORTED else class_folder(self.folder, name)
        if name.startswith("_") and name != UNSORTED:
            raise BadInput(f"invalid class name {name!r}: names that start with _ are reserved")
        if folder.is_symlink():
            raise BadInput(f"{folder} is a link; use another class name")
        path = folder / f"{name[:60]}-{next_number(folder):05d}{suffix}"
        while path.exists():
            path = folder / f"{name[:60]}-{secrets.token_hex(4)}{suffix}"
        return path

    def _require_space(self, size: int) -> None:
        parent = self.folder
        while not parent.exists():
            parent = parent.parent
        stats = os.statvfs(parent)
        if stats.f_bavail * stats.f_frsize < LEAST_FREE + size:
            raise CannotWrite(f"image not saved: less than {LEAST_FREE / 1e6:.0f} MB free on the disk of {parent}")

    def _remember(self, move: _Move) -> str:
        number = secrets.token_hex(8)
        self._moves[number] = move
        while len(self._moves) > MAX_UNDO:
            self._moves.popitem(last=False)
        return number


class _Chunks(RawIOBase):
    """A writable stream whose content is taken as it grows."""

    def __init__(self) -> None:
        self._data = bytearray()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: object) -> int:
        """Add bytes."""
        more = bytes(data)  # type: ignore[call-overload]
        self._data += more
        return len(more)

    def take(self) -> bytes:
        """Return what was added since the last call."""
        taken = bytes(self._data)
        self._data.clear()
        return taken


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _printable(name: str) -> bool:
    """Return whether a name can be shown and sent."""
    return name.isprintable() and not any(0xD800 <= ord(letter) < 0xE000 for letter in name)


def _rename(path: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    except OSError as error:
        raise CannotWrite(f"cannot move {path}: {error.strerror or error}") from None
