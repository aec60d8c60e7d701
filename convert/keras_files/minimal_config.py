"""Rewriter of a scanned Keras configuration to what inference needs; Keras gets only the result.

Scanning alone is not enough: Keras 2, Keras 3 and their readers of ``.h5`` files look up classes in different ways, and
each reads settings that inference does not need. What is left out cannot be interpreted differently from the scan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .allowlist import (
    HELPERS,
    KERAS_2_INITIALIZERS,
    KERAS_2_OPERATOR_MODULE,
    KERAS_2_OPERATORS,
    MODELS,
    OPERATOR_MODULES,
    VALUES,
)

_KEPT = ("class_name", "config", "name", "inbound_nodes", "shared_object_id", "items", "value")
"""Keys of an object that are kept; all others are left out, such as compile_config, registered_name and spec_name."""
_TRAINING_ONLY = ("_regularizer", "_constraint")
"""Suffixes of settings without effect on inference."""
_INITIALIZER = "_initializer"
"""Suffix of settings that matter only until the weights are loaded."""
_MARKERS = ("__tuple__", "TensorShape")


def minimal(config: Any, keras_2: bool = False) -> Any:
    """Return a copy of a configuration that passed the scan, with only what inference needs.

    It has no training settings, regularizers, constraints, initializers or registered names. Each module is replaced by
    the current one of the class.
    """
    if isinstance(config, list):
        return [minimal(value, keras_2) for value in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config:
        return {key: minimal(value, keras_2) for key, value in config.items()}
    if config["class_name"] == "function":
        return {
            "module": "builtins",
            "class_name": "function",
            "config": config.get("config"),
            "registered_name": "function",
        }
    made = {key: minimal(config[key], keras_2) for key in _KEPT if key in config}
    if isinstance(made.get("config"), dict):
        made["config"] = {key: _setting(key, value) for key, value in made["config"].items()}
    if _is_shape(config.get("build_config")):
        made["build_config"] = config["build_config"]
    if config.get("module") is not None and config["class_name"] not in VALUES:
        made |= {"module": _module(config["module"], config["class_name"], keras_2), "registered_name": None}
    return made


def _setting(name: str, value: Any) -> Any:
    if name.endswith(_TRAINING_ONLY):
        return None
    return "zeros" if name.endswith(_INITIALIZER) and value is not None else value


def _is_shape(build_config: object) -> bool:
    """Return whether a ``build_config`` contains only shapes."""
    if not isinstance(build_config, Mapping):
        return False
    stack: list[object] = [build_config]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            if "class_name" in value and value["class_name"] not in _MARKERS:
                return False
            stack.extend(inner for key, inner in value.items() if key != "class_name")
        elif isinstance(value, list):
            stack.extend(value)
        elif value is not None and type(value) is not int:
            return False
    return True


def _module(module: str, name: str, keras_2: bool) -> str:
    """Return the current module of a class, given as an allowed pair of module and name."""
    if (module in HELPERS and name in HELPERS[module]) or module in OPERATOR_MODULES:
        return module
    if module == KERAS_2_INITIALIZERS:
        return "keras.initializers"
    if name == "Policy":
        return "keras.mixed_precision"
    if name in KERAS_2_OPERATORS and re.fullmatch(KERAS_2_OPERATOR_MODULE, module):
        return "tf_keras.src.layers.core.tf_op_layer"
    if name == "Functional":
        return "tf_keras.src.engine.functional" if keras_2 else "keras.src.models.functional"
    return "keras" if name in MODELS else "keras.layers"
