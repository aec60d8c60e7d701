"""Loader of Keras 3 ``.h5`` files with operators (``x + 3``, as in MobileNetV3), which Keras writes but cannot read.

Keras mistakes these operators for layers, because an ``.h5`` does not record their modules as a ``.keras`` does. The
modules are added before Keras reads the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from .. import backend
from ..keras_files.allowlist import is_operator
from ..keras_files.scan import Scan

MODULES = ("numpy", "nn", "core", "image", "math")
"""Submodules of ``keras.src.ops`` that define the operator classes."""


def has_operators(config: object) -> bool:
    """Return whether any layer of a serialized model, including nested ones, is an operator without a module."""
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            if is_operator(value):
                return True
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return False


def load(found: Scan) -> Any:
    """Load a scanned file with its weights, without compiling. Raises whatever Keras raises."""
    keras = backend.keras()
    config = with_modules(found.config)
    kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
    model = kind.from_config(config["config"])
    model.load_weights(str(found.path))
    return model


def with_modules(config: Any) -> Any:
    """Return a copy of a serialized model with the module of each operator."""
    if isinstance(config, list):
        return [with_modules(value) for value in config]
    if not isinstance(config, dict):
        return config
    made = {key: with_modules(value) for key, value in config.items()}
    if is_operator(config):
        made.update(module=_module(config["class_name"]), registered_name=config["class_name"])
    return made


def _module(operator: str) -> str:
    backend.keras()
    names = [f"keras.src.ops.{name}" for name in MODULES]
    return next((name for name in names if hasattr(import_module(name), operator)), names[0])
