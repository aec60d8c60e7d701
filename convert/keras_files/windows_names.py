r"""Names written on Windows, where some versions of Keras join the parts of a name by ``\`` instead of ``/``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.files.scratch import scratch_folder

if TYPE_CHECKING:
    from zipfile import ZipFile

NAME_LISTS = ("layer_names", "weight_names")
"""Attributes of a Keras ``.h5`` that hold names of groups and arrays."""


def plain(name: str) -> str:
    """Return a name with slashes and without a leading ``./``."""
    return name.replace("\\", "/").removeprefix("./")


def entry_name(archive: ZipFile, name: str) -> str:
    """Return the name under which a zip archive has an entry. Raises KeyError if it has none."""
    for own in archive.namelist():
        if plain(own) == name:
            return own
    raise KeyError(name)


@contextmanager
def with_slashes(path: Path) -> Iterator[Path]:
    """Yield an HDF5 file whose names have slashes: the file itself, or a temporary copy if it has any backslash."""
    import h5py

    with h5py.File(path, "r") as file:
        clean = not _has_backslash(file)
    if clean:
        yield path
        return
    with scratch_folder() as folder:
        copy = folder / path.name
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            _rename(file)
        yield copy


def _has_backslash(file: Any) -> bool:
    return bool(file.visit(lambda name: True if "\\" in name else None))


def _rename(file: Any) -> None:
    names: list[str] = []
    file.visit(names.append)
    for name in reversed(names):  # what is in a group before the group itself
        group, _, last = name.rpartition("/")
        if "\\" in last:
            file.move(name, f"{group}/{plain(last)}")
    file.visititems(lambda _, item: _rename_in_lists(item))
    _rename_in_lists(file)


def _rename_in_lists(item: Any) -> None:
    import numpy as np

    for key in NAME_LISTS:
        if key in item.attrs:
            texts = [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in item.attrs[key]]
            item.attrs[key] = np.array([plain(text).encode() for text in texts])
