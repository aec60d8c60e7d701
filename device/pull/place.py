"""Fetched images: verified, then given their names in the local folder. Nothing there is replaced, no link is followed."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from edgevision.errors import BadImage, BadInput, CannotWrite, MissingFile
from edgevision.input_file import read_file
from edgevision.preprocessing.decode import decode

from ..collection.provenance import Provenance, provenance_of
from .remote_image import MAX_IMAGE_BYTES, RemoteImage


class Verified(NamedTuple):
    """A complete image."""

    image: RemoteImage
    digest: str
    """sha256 of the file."""
    provenance: Provenance


def verify(staged: Path, image: RemoteImage) -> Verified | str | None:
    """Return a fetched image that is complete and can be decoded, why it cannot be used, or None if it is not complete.

    ``staged``: the folder that it was fetched to.
    """
    path = staged / image.path
    try:
        if not stat.S_ISDIR(path.parent.lstat().st_mode) or not stat.S_ISREG(path.lstat().st_mode):
            return "it is not a file"
        data = read_file(path, "image", MAX_IMAGE_BYTES)
    except (FileNotFoundError, MissingFile):
        return None
    except BadInput as error:
        return str(error)
    if len(data) != image.bytes:
        return None
    try:
        decode(data, image.path)
    except BadImage as error:
        return str(error).removeprefix(f"{image.path}: ")
    return Verified(image, hashlib.sha256(data).hexdigest(), provenance_of(data))


def place(staged: Path, folder: Path, one: Verified) -> str:
    """Give a verified image its name below ``folder``; return its path there. Raises CannotWrite.

    If there is another file of that name, it gets a number; if there is the same file, that one stays.
    """
    source, target = staged / one.image.path, folder / one.image.path
    try:
        target.parent.mkdir(exist_ok=True)
        if not stat.S_ISDIR(target.parent.lstat().st_mode):
            raise CannotWrite(f"{target.parent} is not a folder; move it away, or give another folder with -o")
        _sync(source)
        number = 1
        while not _linked(source, target):
            if _same(target, one.digest):
                break
            number += 1
            target = folder / one.image.label / f"{Path(one.image.name).stem}-{number}{Path(one.image.name).suffix}"
    except OSError as error:
        raise CannotWrite(f"cannot write {target}: {error.strerror or error}") from None
    return f"{one.image.label}/{target.name}"


def _linked(source: Path, target: Path) -> bool:
    """Name a file unless the name is taken; return whether it was free. Works without hard links, too."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError:  # FAT and some network file systems have no hard links
        try:
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return False
        with os.fdopen(handle, "wb") as stream:
            stream.write(read_file(source, "image", MAX_IMAGE_BYTES))
            stream.flush()
            os.fsync(handle)
    return True


def _same(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(read_file(path, "image", MAX_IMAGE_BYTES)).hexdigest() == digest
    except (MissingFile, BadInput):
        return False


def _sync(path: Path) -> None:
    """Write a file to the disk, with the rights of a file that this user writes."""
    handle = os.open(path, os.O_RDONLY)
    try:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(handle, 0o666 & ~mask)
        os.fsync(handle)
    finally:
        os.close(handle)
