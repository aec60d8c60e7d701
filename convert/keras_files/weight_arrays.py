"""Reader of the arrays of a Keras weights or model file by layer name, without building the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadModel
from edgevision.files.scratch import scratch_folder
from edgevision.input_file import open_file

from . import hdf5, keras_archive
from .windows_names import with_slashes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .scan import Scan

Arrays = dict[str, list["npt.NDArray[np.float32]"]]
"""Layer name -> arrays of the layer, in Keras' order; layers without arrays are left out."""


def read(path: Path) -> Arrays:
    """Read the arrays of a ``.h5``, ``.weights.h5`` or ``.keras``, including nested models. Raises MissingFile, BadModel."""
    found = read_named(path)
    if not found:
        raise BadModel(
            f"{path} has no layer names for its weights; save the whole model with Keras 3: model.save('model.keras')"
        )
    return found


def read_named(path: Path) -> Arrays:
    """Like ``read``, but return an empty dict if the weights have no layer names. Raises MissingFile, BadModel."""
    with open_file(path, "weights file") as stream:
        start = stream.read(8)
    if start.startswith(keras_archive.MAGIC):
        keras_archive.read(path)  # rejects corrupt and malicious archives
        with keras_archive.weights_file(path) as weights:
            return _open(weights, path)
    if start == hdf5.MAGIC:
        hdf5.read(path)
        return _open(path, path)
    raise BadModel(f"{path} does not contain Keras weights; give a .h5 or .keras file")


@contextmanager
def weights_of(found: Scan) -> Iterator[Path]:
    """Yield a file from which Keras can load the weights of a scanned model, with a name that matches its format."""
    if found.format == "keras":
        with keras_archive.weights_file(found.path) as path, with_slashes(path) as weights:
            yield weights
        return
    with with_slashes(found.path) as path:
        if not path.name.endswith((".weights.h5", ".keras")):  # Keras goes by the name
            yield path
            return
        with scratch_folder() as folder:
            link = folder / "model.h5"
            link.symlink_to(path.resolve())
            yield link


def _open(source: Path, path: Path) -> Arrays:
    import h5py

    try:
        with with_slashes(source) as weights, h5py.File(weights, "r") as file:
            root = file.get("model_weights", file)
            return _by_layer_names(root) if "layer_names" in root.attrs else _by_groups(file)
    # h5py raises almost any exception for a corrupt file.
    except Exception as error:
        raise BadModel(f"{path}: cannot read the weights: {error}") from None


def _by_layer_names(root: Any) -> Arrays:
    """Read a Keras .h5: a list of layers, each with ``layer/variable`` names, nested layers included."""
    arrays: dict[str, list[Any]] = {}
    for layer in (_text(name) for name in root.attrs["layer_names"]):
        group = root[layer]
        for name in (_text(n) for n in group.attrs.get("weight_names", ())):
            arrays.setdefault(name.rpartition("/")[0] or layer, []).append(group[name][()])
    last = [path.rpartition("/")[2] for path in arrays]
    # MobileNetV3 of Keras 2 has many layers x/BatchNorm: if last names repeat, use the full names.
    return dict(zip(last, arrays.values(), strict=True)) if len(set(last)) == len(last) else arrays


def _by_groups(file: Any) -> Arrays:
    """Read Keras 3 weights: groups named by class, each with the layer name as an attribute of ``vars``."""
    found: Arrays = {}

    def visit(path: str, item: Any) -> None:
        if path.rpartition("/")[2] == "vars" and len(item) and "name" in item.attrs and "optimizer" not in path:
            found[_text(item.attrs["name"])] = [item[key][()] for key in sorted(item, key=int)]

    file.visititems(visit)
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
