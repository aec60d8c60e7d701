"""Loads model files of Keras 2 with tf_keras, from the configuration that was scanned."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .. import backend
from ..keras_files.minimal_config import minimal
from ..keras_files.scan import Scan
from ..keras_files.weight_arrays import weights_of

_HALF = re.compile(r"(?:mixed_)?b?float16")
MARKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "__tuple__": lambda value: tuple(current(value.get("items", []))),
    "TensorShape": lambda value: tuple(current(value.get("items", []))),
    "__ellipsis__": lambda value: ...,
}
"""Values that JSON cannot hold, as Keras 2 wrote them."""


def load(found: Scan) -> Any:
    """The tf_keras model of a scanned ``.h5`` or ``.keras``; never compiled. Raises whatever tf_keras raises."""
    keras = backend.tf_keras()
    from tf_keras.src.saving.serialization_lib import SafeModeScope

    config = current(minimal(found.config, keras_2=True))
    safe = not found.options.allow_code
    with SafeModeScope(safe):  # an .h5 has no safe mode otherwise
        if found.format == "h5":
            model = keras.models.model_from_config(config)
        else:
            model = keras.saving.deserialize_keras_object(config, safe_mode=safe)
    with weights_of(found) as path:
        model.load_weights(str(path))
    return model


def current(config: Any) -> Any:
    """The configuration as this version reads it: computed in 32 bits, fed with floats."""
    if isinstance(config, list):
        return [current(value) for value in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") in MARKERS:
        return MARKERS[config["class_name"]](config)
    made = {key: current(value) for key, value in config.items()}
    inner = made.get("config")
    if isinstance(inner, dict) and "dtype" in inner:
        inner["dtype"] = _precision(inner["dtype"], is_input=made.get("class_name") == "InputLayer")
    return made


def _precision(dtype: Any, is_input: bool) -> Any:
    """float32 for half precision (the weights are 32 bits already) and for inputs (a CAST cannot be quantized)."""
    settings = dtype.get("config") if isinstance(dtype, dict) else None
    name = settings.get("name") if isinstance(settings, dict) else dtype
    return "float32" if is_input or (isinstance(name, str) and _HALF.fullmatch(name)) else dtype
