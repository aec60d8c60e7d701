"""``data.yaml`` of a YOLO data set: the names of the classes and the folders of the splits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ...errors import BadInput
from ..readers import FileContainer
from .annotation_file import find_files, read_text
from .names import class_name
from .yaml_text import MAX_CHARACTERS, load_yaml

SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
"""Split -> keys that name its images."""
_NAMES = re.compile(r"^names\s*:", re.MULTILINE)
_PARTS = re.compile(r"^(?:train|val|valid|validation|test)\s*:", re.MULTILINE)
_EMPTY = ("", "null", "~")
"""Values of a key that is there but says nothing."""
_MAX_CLASSES = 100_000


@dataclass(frozen=True, slots=True)
class YoloConfig:
    """The content of a ``data.yaml``."""

    names: tuple[str, ...]
    """Name of each class by its number."""
    root: str
    """The folder that the paths below are relative to, as written; empty if not given."""
    splits: dict[str, tuple[str, ...]]
    """Split -> its folders, or text files that list images, as written. Splits that are not given are absent."""
    keypoints: bool = False
    """Whether key points follow the box on each line (``kpt_shape``)."""


def find_config(source: FileContainer) -> str | None:
    """Return the YAML file with names and splits: of several, the one nearest to the top, called data.yaml if possible."""
    files = find_files(source, ".yaml", ".yml")
    ranked = sorted(files, key=lambda name: (name.count("/"), "data" not in name.rpartition("/")[2].lower(), name))
    return next((name for name in ranked if _is_config(source, name)), None)


def _is_config(source: FileContainer, name: str) -> bool:
    try:
        text = read_text(source, name, MAX_CHARACTERS)
    except BadInput:
        return False
    return bool(_NAMES.search(text) and _PARTS.search(text))


def read_config(source: FileContainer, name: str) -> YoloConfig:
    """Read a ``data.yaml``. Raises BadInput, MissingFile, MissingDependency."""
    value = load_yaml(read_text(source, name, MAX_CHARACTERS), name)
    try:
        if not isinstance(value, dict):
            raise ValueError(f"expected keys and values, got {value!r:.60}")
        names = _names(value.get("names"))
        count = value.get("nc", "")
        if count not in (*_EMPTY, str(len(names))):
            raise ValueError(f"nc is {count!s:.20}, but names has {len(names)} classes")
        splits = {split: _paths(value, keys) for split, keys in SPLITS.items()}
        root = value.get("path", "")
        if not isinstance(root, str):
            raise ValueError(f"path: expected a folder, got {root!r:.60}")
        given = {split: paths for split, paths in splits.items() if paths}
        root = "" if root in _EMPTY else root.replace("\\", "/")
        return YoloConfig(names, root, given, "kpt_shape" in value)
    except ValueError as error:
        raise BadInput(f"{name}: {error}") from None


def _names(value: Any) -> tuple[str, ...]:
    """Return the names, given as a list or by number. Raises ValueError."""
    if isinstance(value, dict):
        numbers = [str(number) for number in range(len(value))]
        if set(numbers) != value.keys():
            raise ValueError(f"names must be numbered from 0 without gaps, got {list(value)[:5]!r:.60}")
        value = [value[number] for number in numbers]
    if not isinstance(value, list) or not 0 < len(value) <= _MAX_CLASSES:
        raise ValueError(f"names: expected a list of class names, got {value!r:.60}")
    found = tuple(class_name(one, "names") for one in value)
    twice = next((name for number, name in enumerate(found) if name in found[:number]), None)
    if twice is not None:
        raise ValueError(f"names has {twice!r} twice")
    return found


def _paths(value: dict[Any, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the paths of one split. Raises ValueError."""
    given: Any = next((value[key] for key in keys if value.get(key, "") not in (*_EMPTY, [])), [])
    paths = given if isinstance(given, list) else [given]
    wrong = next((one for one in paths if not isinstance(one, str)), None)
    if wrong is not None:
        raise ValueError(f"{keys[0]}: expected a folder or a list of them, got {wrong!r:.60}")
    return tuple(path.replace("\\", "/") for path in paths)
