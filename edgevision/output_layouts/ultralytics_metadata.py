"""The description that Ultralytics puts into its exports: JSON, a Python literal in older versions, or YAML beside them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from ..errors import BadInput
from ..files import strict_json
from ..files.text import decode_text
from ..records import record

ENTRIES = ("metadata.json", "temp_meta.txt")
"""Names of the description in the archive, the newest form first."""
AUTHOR = "Ultralytics"
MAX_NAMES = 100_000
MAX_TEXT = 1000
MAX_SIDE = 8192
MAX_KEYPOINTS = 1000
MAX_BYTES = 2**20
"""Largest description; 1000 class names have 20 KB."""
_NESTED = re.compile(r"(?:[-+~(\[{]\s*){50}|(?:\bnot\s+){50}")
"""What nests an expression far deeper than a description, which has two levels."""
_KEY = re.compile(r"( *)([A-Za-z0-9_]+|'[^']*'): ?(.*)")


@record
class Description:
    """What a description says about a model."""

    author: str
    task: str
    """detect, segment, pose, classify or obb."""
    size: tuple[int, int] | None
    """Height and width of the input (pixels); None if it is not stated."""
    names: tuple[str, ...]
    """Class names in the order of their numbers."""
    title: str
    """One line on the model: "Ultralytics YOLOv8n model trained on coco.yaml"."""
    keypoints: tuple[int, int] | None = None
    """Number of key points of an object, and numbers of each: 2 for x and y, 3 with a score; None if there are none."""
    keypoint_names: tuple[str, ...] = ()
    """Names of the key points; empty if they are not stated."""


def describe(files: Mapping[str, bytes]) -> Description | None:
    """Return what the archive of a model file says about it; None if Ultralytics did not write it, or it is damaged."""
    for entry in ENTRIES:
        content = files.get(entry, b"")
        if 0 < len(content) <= MAX_BYTES:
            try:
                found = parse(decode_text(content), entry)
            except (BadInput, UnicodeDecodeError):
                continue
            if found.author == AUTHOR:
                return found
    return None


def exported_task(files: Mapping[str, bytes]) -> str | None:
    """Return the task of an Ultralytics export: detect, segment, pose, classify or obb; None for other files."""
    about = describe(files)
    return about.task if about is not None and about.task else None


def parse(text: str, what: str) -> Description:
    """Return the content of a description. Raises BadInput."""
    value = _value(text, what)
    try:
        fields = strict_json.fields(value, what)
        return Description(
            author=_text(fields, "author"),
            task=_text(fields, "task"),
            size=_size(fields.get("imgsz")),
            names=_names(fields.get("names")),
            title=_text(fields, "description"),
            keypoints=_keypoints(fields.get("kpt_shape")),
            keypoint_names=_keypoint_names(fields.get("kpt_names")),
        )
    except ValueError as error:
        raise BadInput(f"{what} is damaged: {error}") from None


def _value(text: str, what: str) -> Any:
    if what.endswith(".json"):
        return strict_json.loads(text, what)
    if what.endswith((".yaml", ".yml")):
        return _yaml(text)
    if _NESTED.search(text):
        raise BadInput(f"{what} is damaged: it is nested too deeply")
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise BadInput(f"{what} is damaged: it is not a Python literal") from None


def _yaml(text: str) -> dict[str, Any]:
    """Parse the YAML of Ultralytics: keys with a scalar, a list of scalars, or a mapping of scalars one level below."""
    found: dict[str, Any] = {}
    key = ""
    for line in text.splitlines():
        match = _KEY.fullmatch(line.rstrip())
        if match is not None and not match[1]:
            key = match[2]
            found[key] = _scalar(match[3]) if match[3] else None
        elif match is not None and key and isinstance(found[key], dict | None):
            found[key] = (found[key] or {}) | {match[2].strip("'"): _scalar(match[3])}
        elif line.lstrip().startswith("- ") and key and isinstance(found[key], list | None):
            found[key] = [*(found[key] or []), _scalar(line.lstrip()[2:])]
    return found


def _scalar(text: str) -> str | int:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace("''", "'")
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else text


def _text(fields: dict[str, Any], key: str) -> str:
    return strict_json.text(fields.get(key) or "", key, MAX_TEXT)


def _size(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    sides = [value, value] if isinstance(value, int) else list(value) if isinstance(value, tuple | list) else []
    if len(sides) != 2:
        raise ValueError(f"imgsz: expected height and width, got {strict_json.short(value)}")
    height, width = (strict_json.whole(side, "imgsz", 1, MAX_SIDE) for side in sides)
    return height, width


def _keypoints(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    shape = list(value) if isinstance(value, tuple | list) else []
    if len(shape) != 2:
        raise ValueError(f"kpt_shape: expected two numbers, got {strict_json.short(value)}")
    return strict_json.whole(shape[0], "kpt_shape", 1, MAX_KEYPOINTS), strict_json.whole(shape[1], "kpt_shape", 2, 3)


def _keypoint_names(value: object) -> tuple[str, ...]:
    """Return the names of ``{0: ["nose", ...]}``, by class; those of the first class if there are several."""
    names = next(iter(value.values()), ()) if isinstance(value, dict) else ()
    if not isinstance(names, list | tuple) or len(names) > MAX_KEYPOINTS:
        return ()
    return tuple(strict_json.text(name, "kpt_names", MAX_TEXT) for name in names)


def _names(value: object) -> tuple[str, ...]:
    """Return the names of ``{0: "person"}`` or ``["person"]``, in the order of their numbers."""
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    given = strict_json.fields(value, "names")
    if len(given) > MAX_NAMES:
        raise ValueError(f"names: expected at most {MAX_NAMES}, got {len(given)}")
    numbered = {_number(key): strict_json.text(name, "names", MAX_TEXT) for key, name in given.items()}
    if sorted(numbered) != list(range(len(given))):
        raise ValueError(f"names: expected the numbers 0 to {len(given) - 1}, each once")
    return tuple(numbered[number] for number in range(len(given)))


def _number(key: object) -> int:
    if isinstance(key, str) and re.fullmatch(r"[0-9]{1,6}", key):
        return int(key)
    return strict_json.whole(key, "names", 0, MAX_NAMES)
