"""Walk over all objects of a serialized Keras model, before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgevision.errors import BadModel

from .allowlist import training_refusal

MAX_OBJECTS = 1_000_000
"""Maximum number of values in the config; the largest keras.applications model has about 50,000."""
MAX_DEPTH = 200
"""Maximum nesting depth of objects and lists; each nested model adds four levels."""
TRAINING = "compile_config"
"""Key of a model's loss, optimizer and metrics; never loaded (see ``minimal_config``)."""
_OF_CLASSES = frozenset({"module", "registered_name", "spec_name"})
"""Keys that occur only in objects with a class."""
_COMPOSITE = "COMPOSITE_TYPE"
"""Marker of Keras 2 for JSON within text, which it parses again."""


def check_training(training: object, path: Path, allow_code: bool) -> None:
    """Reject training settings with objects that no training needs. Raises BadModel; ``allow_code`` skips the check."""
    for value, _ in () if allow_code else _values(training, path):
        reason = training_refusal(value) if isinstance(value, dict) else None
        if reason:
            raise BadModel(
                f"{path}: an object in the training settings ({TRAINING}) {reason}, which does not belong there: "
                "possibly a malicious file"
            )


def objects(config: object, path: Path, allow_code: bool) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Yield every object with a ``class_name`` and the names of its enclosing layers, in file order. Raises BadModel."""
    for value, names in _values(config, path):
        if isinstance(value, dict):
            if "class_name" in value:
                check_training(value.get(TRAINING), path, allow_code)
                yield value, names
            elif not allow_code and not _OF_CLASSES.isdisjoint(value):
                raise BadModel(f"{path}: {where(names)} names a module without a class: corrupt or malicious file")
        elif value == _COMPOSITE:
            raise BadModel(f"{path}: {where(names)} contains a composite tensor, which is not supported")


def _values(config: object, path: Path) -> Iterator[tuple[object, tuple[str, ...]]]:
    """Yield every value that ``minimal_config`` may keep and the names of its enclosing layers, in file order."""
    stack: list[tuple[object, tuple[str, ...], int]] = [(config, (), 0)]
    count = 0
    while stack:
        value, names, depth = stack.pop()
        count += 1
        if count > MAX_OBJECTS:
            raise BadModel(f"{path}: the architecture has more than {MAX_OBJECTS} values: not a Keras model")
        if depth > MAX_DEPTH:
            raise BadModel(f"{path}: the architecture is nested more than {MAX_DEPTH} levels deep: not a Keras model")
        if isinstance(value, dict):
            is_object = "class_name" in value
            if is_object:
                names = _named(value, names)
            yield value, names
            children = [v for k, v in value.items() if not (is_object and k == TRAINING)]
            stack.extend((v, names, depth + 1) for v in reversed(children))
        elif isinstance(value, list):
            stack.extend((v, names, depth + 1) for v in reversed(value))
        else:
            yield value, names


def _named(value: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the layer names down to this object; objects without a name (initializers ...) belong to their layer."""
    inner = value.get("config")
    name = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    is_layer = isinstance(name, str) and value.get("class_name") not in ("DTypePolicy",)
    return (*names, str(name)) if is_layer else names


def where(names: tuple[str, ...]) -> str:
    """Describe the place of an object for a message, from the names of its enclosing layers."""
    inner = "/".join(names[1:])  # the outermost name is that of the model
    return f"layer {inner!r}" if inner else "the model itself"
