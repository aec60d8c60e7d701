"""Bounds and damage checks for the items of an HDF5 file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgevision.errors import BadModel, first_line

MAX_ITEMS = 100_000
"""Groups and data sets; the largest keras.applications model has a few thousand."""
MAX_BYTES = 4 << 30
"""Of all arrays together; more is a damaged or hostile file, not a model for a small board."""


def read_all(source: Any, name: str) -> None:
    """Reads all attributes and arrays of an HDF5 file (a path or a stream); may take the whole process down.

    Raises BadModel, and whatever h5py raises.
    """
    import h5py

    def read_item(_: str, item: Any) -> None:
        for key in item.attrs:
            item.attrs[key]
        if isinstance(item, h5py.Dataset):
            item[()]

    with h5py.File(source, "r") as file:
        check_items(file, name)
        read_item("/", file)
        file.visititems(read_item)


def check_items(file: Any, source: str) -> None:
    """Refuses links and arrays that live in other files, and sizes that no model has. Raises BadModel."""
    total, count, groups = 0, 0, [file]
    while groups:
        group = groups.pop()
        for name in group:
            count += 1
            if count > MAX_ITEMS:
                raise BadModel(f"{source} holds more than {MAX_ITEMS} groups and arrays: not a model")
            item = _own_item(group, name, source)
            if hasattr(item, "keys"):
                groups.append(item)
            else:
                total += int(item.nbytes)
        if total > MAX_BYTES:
            raise BadModel(f"{source} claims more than {MAX_BYTES >> 30} GiB of weights: damaged, or not a model")


def _own_item(group: Any, name: str, source: str) -> Any:
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise BadModel(f"{source}: {group.name.rstrip('/')}/{name} is a link; a model file holds its own weights")
    item = group[name]
    if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
        raise BadModel(f"{source}: the array {item.name} lies in another file; a model file holds its own weights")
    return item


def damage(path: Path, name: str, error: Exception) -> str:
    """What is wrong with a file, in one line; ``name``: what the user calls it."""
    if "truncated file" in str(error):
        return f"{name} is truncated ({path.stat().st_size} bytes are left of it); copy or download it again"
    return f"{name} is a damaged HDF5 file: {first_line(error)}"
