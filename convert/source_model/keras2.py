"""Loader of Keras 2 model files with tf_keras, from the scanned configuration."""

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
"""Decoders of values that Keras 2 wrote as objects because JSON cannot represent them."""


def load(found: Scan) -> Any:
    """Load the tf_keras model of a scanned ``.h5`` or ``.keras``, without compiling. Raises whatever tf_keras raises."""
    keras = backend.tf_keras()
    from tf_keras.src.saving.serialization_lib import SafeModeScope

    config = current(minimal(found.config, keras_2=True))
    safe = not found.options.allow_code
    with SafeModeScope(safe):  # without it, loading an .h5 has no safe mode
        if found.format == "h5":
            model = keras.models.model_from_config(config)
        else:
            model = keras.saving.deserialize_keras_object(config, safe_mode=safe)
    with weights_of(found) as path:
        model.load_weights(str(path))
    return model


def current(config: Any) -> Any:
    """Return the configuration for tf_keras: float32 computation and float inputs."""
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
    """Return float32 for half precision (the weights are float32 already) and for inputs (a CAST cannot be quantized)."""
    settings = dtype.get("config") if isinstance(dtype, dict) else None
    name = settings.get("name") if isinstance(settings, dict) else dtype
    return "float32" if is_input or (isinstance(name, str) and _HALF.fullmatch(name)) else dtype
