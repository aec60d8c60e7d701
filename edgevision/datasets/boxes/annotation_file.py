"""Reading annotation files from a folder or zip, within limits, and numbers from them."""

from __future__ import annotations

from contextlib import suppress

from ...errors import BadImage, BadInput
from ...files.text import decode_text
from ..readers import FileContainer

MAX_JSON_BYTES = 512 * 2**20
"""Largest JSON or XML file with the annotations of a whole data set; that of COCO 2017 has 470 MB."""
MAX_VALUE = 1e7
"""Largest coordinate, in pixels or as a proportion; larger ones are mistakes."""


MAX_DEPTH = 3
"""Folders below the data set in which files with the annotations of many images are looked for."""
MAX_LOOKED_AT = 1000
"""Number of files that are looked at; a folder may have a text or JSON file beside each of a million images."""


def find_files(source: FileContainer, *suffixes: str) -> list[str]:
    """Return the files with one of the suffixes (lower case) that may hold annotations, those near the top first."""
    files = (name for name in source.files if name.lower().endswith(suffixes) and name.count("/") <= MAX_DEPTH)
    return sorted(files, key=lambda name: (name.count("/"), name))[:MAX_LOOKED_AT]


def read_bytes(source: FileContainer, name: str, limit: int) -> bytes:
    """Read an annotation file of at most ``limit`` bytes. Raises BadInput, MissingFile."""
    try:
        data = source.read(name)
    except BadImage as error:
        raise BadInput(str(error)) from None
    if len(data) > limit:
        raise BadInput(f"{name} is too large: {len(data) / 1e6:.1f} MB; at most {limit / 1e6:.0f} MB are allowed")
    return data


def read_text(source: FileContainer, name: str, limit: int) -> str:
    """Read an annotation file of UTF-8 or UTF-16 text. Raises BadInput, MissingFile."""
    try:
        return decode_text(read_bytes(source, name, limit))
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not UTF-8 text: byte {error.start}; save it as UTF-8") from None


def coordinate(value: object, where: str) -> float:
    """Return a number, given as a number or as text. Raises ValueError, whose message starts with ``where``."""
    number = float("nan")
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            number = float(value)
    if not abs(number) <= MAX_VALUE:
        raise ValueError(f"{where}: expected a number, got {value!r:.60}")
    return number
