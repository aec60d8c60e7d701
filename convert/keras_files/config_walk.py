"""Walk over a serialized Keras model: every object in it, wherever it is, before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgevision.errors import BadModel

from .allowlist import training_refusal

MAX_OBJECTS = 1_000_000
"""Values in the config; the largest keras.applications model has about 50,000."""
MAX_DEPTH = 200
"""Objects and lists within each other; a model within a model adds four."""
TRAINING = "compile_config"
"""Where Keras keeps a model's loss, optimizer and metrics; never loaded (see ``minimal_config``)."""
_OF_CLASSES = frozenset({"module", "registered_name", "spec_name"})
"""Keys that only objects of a class have."""
_COMPOSITE = "COMPOSITE_TYPE"
"""How Keras 2 marks JSON within text, which it takes apart once more."""


def check_training(training: object, path: Path, allow_code: bool) -> None:
    """Refuse training settings that name what no training does; ``allow_code`` skips this. Raises BadModel."""
    for value, _ in () if allow_code else _values(training, path):
        reason = training_refusal(value) if isinstance(value, dict) else None
        if reason:
            raise BadModel(
                f"{path}: an object in the training settings ({TRAINING}) {reason}, which does not belong there; "
                "the file may be malicious"
            )


def objects(config: object, path: Path, allow_code: bool) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Yield all objects with a ``class_name`` and the names of the layers around them, in file order. Raises BadModel."""
    for value, names in _values(config, path):
        if isinstance(value, dict):
            if "class_name" in value:
                check_training(value.get(TRAINING), path, allow_code)
                yield value, names
            elif not allow_code and not _OF_CLASSES.isdisjoint(value):
                raise BadModel(f"{path}: {where(names)} names a module without a class: damaged, or malicious")
        elif value == _COMPOSITE:
            raise BadModel(f"{path}: {where(names)} holds a composite tensor, which is not converted")


def _values(config: object, path: Path) -> Iterator[tuple[object, tuple[str, ...]]]:
    """Yield all values that ``minimal_config`` may keep and the names of the layers around them, in file order."""
    stack: list[tuple[object, tuple[str, ...], int]] = [(config, (), 0)]
    count = 0
    while stack:
        value, names, depth = stack.pop()
        count += 1
        if count > MAX_OBJECTS:
            raise BadModel(f"{path}: the architecture has more than {MAX_OBJECTS} values: not a model")
        if depth > MAX_DEPTH:
            raise BadModel(f"{path}: the architecture is nested more than {MAX_DEPTH} deep: not a model")
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
    """Return the place of an object for a message, from the names of the layers around it."""
    inner = "/".join(names[1:])  # the outermost name is the model's own
    return f"layer {inner!r}" if inner else "the model itself"
