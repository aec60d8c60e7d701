"""Loader of Keras 3 model files from the scanned configuration."""

from __future__ import annotations

from typing import Any

from .. import backend
from ..keras_files.minimal_config import minimal
from ..keras_files.scan import Scan
from ..keras_files.weight_arrays import weights_of
from . import hdf5_operators


def load(found: Scan) -> Any:
    """Load a scanned ``.h5`` or ``.keras`` with its weights, without compiling. Raises whatever Keras raises."""
    keras = backend.keras()
    from keras.src.saving.serialization_lib import ObjectSharingScope, SafeModeScope

    config = minimal(found.config)
    safe = not found.options.allow_code
    with SafeModeScope(safe), ObjectSharingScope():
        if found.format == "h5":
            if hdf5_operators.has_operators(config):
                config = hdf5_operators.with_modules(config)
            kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
            model = kind.from_config(config["config"])
        else:
            model = keras.saving.deserialize_keras_object(config, safe_mode=safe)
    if model.built:  # an unbuilt model has no weights
        with weights_of(found) as path:
            model.load_weights(str(path))
    return model
