"""Reads what an HDF5 file of Keras says of itself, without Keras and without loading any weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadModel, first_line

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_ITEMS = 100_000
"""Groups and data sets; the largest keras.applications model has a few thousand."""
MAX_BYTES = 4 << 30
"""Of all arrays together; more is a damaged or hostile file, not a model for a small board."""


@dataclass(frozen=True, slots=True)
class H5Contents:
    """The texts in the root attributes of a Keras ``.h5``."""

    config: str | None
    """JSON of the architecture; None: weights only, or no Keras file."""
    keras_version: str | None
    training: str | None
    """JSON of the loss and optimizer."""
    card: str | None
    """JSON of our own card."""
    is_weights: bool
    """Without a config: whether it looks like a file of Keras weights."""


def read(path: Path) -> H5Contents:
    """The texts of an ``.h5``. Raises BadModel for a damaged file or one that points outside itself."""
    import h5py

    from . import h5_reader

    h5_reader.require_readable(path)
    try:
        with h5py.File(path, "r") as file:
            return H5Contents(
                config=_text(file.attrs.get("model_config")),
                keras_version=_text(file.attrs.get("keras_version")),
                training=_text(file.attrs.get("training_config")),
                card=_text(file.attrs.get("edgevision_card")),
                is_weights=_is_weights(file, path),
            )
    except BadModel:
        raise
    # h5py turns damage into nearly any exception: OSError, KeyError, RuntimeError, UnicodeDecodeError, MemoryError ...
    except Exception as error:
        raise BadModel(damage(path, str(path), error)) from None


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


def _is_weights(file: Any, path: Path) -> bool:
    names = {"layers", "vars", "_layer_checkpoint_dependencies", "top_level_model_weights"}
    return "layer_names" in file.attrs or path.name.endswith(".weights.h5") or bool(names & set(file))


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value if isinstance(value, str) else None


def damage(path: Path, name: str, error: Exception) -> str:
    """What is wrong with a file, in one line; ``name``: what the user calls it."""
    if "truncated file" in str(error):
        return f"{name} is truncated ({path.stat().st_size} bytes are left of it); copy or download it again"
    return f"{name} is a damaged HDF5 file: {first_line(error)}"
