"""Loads a Keras 3 ``.h5`` with operators (``x + 3``, as in MobileNetV3), which Keras writes and then takes for layers.

In a ``.keras`` each operator says which module it is from, and so is known; here that is added before Keras reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from . import backend
from .allowlist import is_operator
from .scan import Scan

MODULES = ("numpy", "nn", "core", "image", "math")
"""Of ``keras.src.ops``, where Keras keeps the classes of its operators."""


def has_operators(config: object) -> bool:
    """Whether any layer of a serialized model, nested ones included, is an operator without a module."""
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
    """The model of a scanned file, its weights too; never compiled. Raises whatever Keras raises."""
    keras = backend.keras()
    config = with_modules(found.config)
    kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
    model = kind.from_config(config["config"])
    model.load_weights(str(found.path))
    return model


def with_modules(config: Any) -> Any:
    """A copy of a serialized model whose operators say where they are from."""
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
