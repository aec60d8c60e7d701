"""Operators of Keras 3 ``.h5`` files (``x + 3``, as in MobileNetV3), which Keras writes but cannot read.

Keras mistakes these operators for layers, because an ``.h5`` does not record their modules as a ``.keras`` does. The
modules are added before Keras reads the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from .. import backend
from ..keras_files.allowlist import OPERATOR_MODULES, is_operator


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
    return next((name for name in OPERATOR_MODULES if hasattr(import_module(name), operator)), OPERATOR_MODULES[0])
