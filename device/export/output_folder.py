"""The folder that an export makes: complete, or not there at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from edgevision.errors import CannotWrite, OutputExists
from edgevision.files.scratch import scratch_folder
from edgevision.input_file import open_file

HEAD = 200
"""Bytes of a mark that hold its schema."""


class Mark(NamedTuple):
    """The file by which a folder that was exported before is recognized."""

    path: Path
    """Its path in the folder."""
    schema: str
    """Schema of the JSON document that it is."""


def require_replaceable(folder: Path, mark: Mark, overwrite: bool) -> None:
    """Raise OutputExists if a folder may not be made: something is there that is not an earlier export."""
    require_free(folder, lambda earlier: is_export(earlier, mark), overwrite, "an exported app")


def require_free(folder: Path, is_ours: Callable[[Path], bool], overwrite: bool, what: str) -> None:
    """Raise OutputExists like ``require_replaceable``, for what an export without a mark made.

    ``is_ours``: whether a folder is an earlier export; ``what``: what that is called, such as "an exported app".
    """
    if not os.path.lexists(folder):
        return
    if not is_ours(folder):
        empty = folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
        if not empty:
            raise OutputExists(f"{folder} already exists and is not {what}; give another folder with -o")
    elif not overwrite:
        raise OutputExists(f"{folder} already exists; give another folder with -o, or replace it with --overwrite")


def is_export(folder: Path, mark: Mark) -> bool:
    """Return whether a folder was made by an export with this mark."""
    try:
        with open_file(folder / mark.path, "app") as stream:
            return not folder.is_symlink() and mark.schema.encode() in stream.read(HEAD)
    except OSError:  # MissingFile is one, too
        return False


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder under a temporary name and rename it; an earlier one is replaced. Raises CannotWrite."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder.parent, f".{folder.name}.") as scratch:
            made = scratch / "app"
            for name, data in files.items():
                path = made / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            if folder.is_dir():
                folder.rename(scratch / "old")
            made.rename(folder)
    except OSError as error:
        raise CannotWrite(f"cannot write {folder}: {error.strerror or error}; choose another folder with -o") from None
