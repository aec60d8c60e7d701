"""Checks of the groups and arrays of an HDF5 file: size limits, links, corruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgevision.errors import BadModel, first_line

MAX_ITEMS = 30_000
"""Maximum number of groups and datasets; the largest keras.applications model has a few thousand."""
MAX_DEPTH = 64
"""Maximum nesting of groups; each nested model adds about two."""
MAX_BYTES = 4 << 30
"""Maximum size of all arrays in bytes; a larger file is corrupt, malicious or too large for a small board."""


MAX_RATIO = 200
"""Maximum size of all arrays per byte of the file; Keras does not compress them."""
BLOCK = 16 << 20
"""Number of bytes of an array that are read at once."""


def read_all(source: Any, name: str) -> None:
    """Read all attributes and arrays of an HDF5 file (a path or a stream); this may crash the process.

    Raises BadModel, and whatever h5py raises.
    """
    import h5py

    def read_item(_: str, item: Any) -> None:
        for key in item.attrs:
            item.attrs[key]
        if isinstance(item, h5py.Dataset):
            _read_array(item)

    with h5py.File(source, "r") as file:
        check_items(file, name)
        read_item("/", file)
        file.visititems(read_item)


def _read_array(item: Any) -> None:
    """Read an array in blocks of rows, so that it is never in the memory as a whole."""
    if item.shape is None or not item.shape or item.nbytes <= BLOCK:
        item[()]
        return
    rows = max(1, BLOCK * item.shape[0] // item.nbytes)
    for start in range(0, item.shape[0], rows):
        item[start : start + rows]


def check_items(file: Any, source: str) -> None:
    """Reject links, arrays stored in other files, and implausible sizes. Raises BadModel."""
    total, count, groups = 0, 0, [file]
    while groups:
        group = groups.pop()
        for name in group:
            count += 1
            if count > MAX_ITEMS:
                raise BadModel(f"{source} has more than {MAX_ITEMS} groups and arrays: not a Keras model")
            item = _own_item(group, name, source)
            if hasattr(item, "keys"):
                groups.append(item)
                if item.name.count("/") > MAX_DEPTH:
                    raise BadModel(f"{source} has groups nested more than {MAX_DEPTH} deep: not a Keras model")
            else:
                total += int(item.nbytes)
        if total > MAX_BYTES:
            raise BadModel(
                f"{source} declares more than {MAX_BYTES >> 30} GiB of weights: corrupt or not a Keras model"
            )
    size = file.id.get_filesize()
    if total > max(BLOCK, MAX_RATIO * size):
        raise BadModel(f"{source} declares {total / 1e6:.0f} MB of weights in {size} bytes: corrupt or malicious file")


def _own_item(group: Any, name: str, source: str) -> Any:
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise BadModel(f"{source}: {group.name.rstrip('/')}/{name} is a link; a model file must contain its weights")
    item = group[name]
    if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
        raise BadModel(f"{source}: the array {item.name} is in another file; a model file must contain its weights")
    return item


def damage(path: Path, name: str, error: Exception) -> str:
    """Describe in one line what is wrong with a file; ``name`` is its name for the user."""
    if "truncated file" in str(error):
        return f"{name} is truncated to {path.stat().st_size} bytes; copy or download it again"
    return f"{name} is a corrupt HDF5 file: {first_line(error)}"
