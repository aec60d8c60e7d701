"""Reader of the metadata of a Keras HDF5 file, without Keras and without loading weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadModel

from .hdf5_items import damage
from .windows_names import plain

MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class H5Contents:
    """Texts in the root attributes of a Keras ``.h5``."""

    config: str | None
    """JSON of the architecture; None if the file has only weights or is not a Keras file."""
    keras_version: str | None
    training: str | None
    """JSON of the loss and optimizer."""
    card: str | None
    """JSON of the model card."""
    is_weights: bool
    """Whether a file without config looks like Keras weights."""


def read(path: Path) -> H5Contents:
    """Read the texts of an ``.h5``. Raises BadModel if it is corrupt or refers to other files."""
    import h5py

    from . import hdf5_sandbox

    hdf5_sandbox.require_readable(path)
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
    # h5py raises almost any exception for a corrupt file: OSError, KeyError, RuntimeError, UnicodeDecodeError, MemoryError.
    except Exception as error:
        raise BadModel(damage(path, str(path), error)) from None


def _is_weights(file: Any, path: Path) -> bool:
    names = {"layers", "vars", "_layer_checkpoint_dependencies", "top_level_model_weights"}
    found = {plain(name).partition("/")[0] for name in file}
    return "layer_names" in file.attrs or path.name.endswith(".weights.h5") or bool(names & found)


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value if isinstance(value, str) else None
