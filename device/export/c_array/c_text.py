"""Values as C++ source text: identifiers, strings, numbers, arrays."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

BYTES_PER_LINE = 20
NUMBERS_PER_LINE = 16
SUFFIX = "_model"
"""End of each name, so that none is a word of the language."""
MAX_NAME = 60
_PLAIN = re.compile(r"[ !#-&(->@-\[\]-~]")
"""Characters that a string may hold as they are: no quotes, backslashes or question marks, which form trigraphs."""
_C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t", "float32": "float"}


def identifier(name: str) -> str:
    """Return a name for files and a namespace: lower-case ASCII letters, digits and underlines, ending in _model."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    text = "_".join(words)[:MAX_NAME].strip("_").removesuffix(SUFFIX) or "my"
    return f"m_{text}{SUFFIX}" if text[0].isdigit() else f"{text}{SUFFIX}"


def c_type(dtype: str) -> str:
    """Return the C type of a tensor's values."""
    return _C_TYPES.get(dtype, f"{dtype}_t")


def string(text: str) -> str:
    """Return a string literal with the bytes of its UTF-8 form."""
    return '"' + "".join(c if _PLAIN.fullmatch(c) else _escaped(c) for c in text) + '"'


def comment(text: str) -> str:
    """Return text that stays within one line comment."""
    return "".join(c if c.isprintable() and c != "\\" else "?" for c in text)[:200]


def real(value: float) -> str:
    """Return a float literal that reads back as exactly this 32-bit value."""
    return f"{np.float32(value)!s}f" if "e" in str(np.float32(value)) else f"{float(np.float32(value))!r}f"


def numbers(values: Iterable[int | float]) -> str:
    """Return values separated by commas, on one line."""
    return ", ".join(real(one) if isinstance(one, float) else str(one) for one in values)


def array(values: npt.NDArray[np.generic]) -> str:
    """Return the lines of an initializer without its braces."""
    flat = values.ravel()
    if flat.dtype.kind == "f":
        return _lines([real(float(one)) for one in flat], NUMBERS_PER_LINE)
    return _lines([str(int(one)) for one in flat], NUMBERS_PER_LINE)


def byte_array(data: bytes) -> str:
    """Return the lines of an initializer of bytes without its braces."""
    return _lines([f"0x{one:02x}" for one in data], BYTES_PER_LINE)


def _lines(items: Sequence[str], each: int) -> str:
    return "\n".join("  " + ",".join(items[start : start + each]) + "," for start in range(0, len(items), each))


def _escaped(character: str) -> str:
    """Return three octal digits for each byte: unlike hexadecimal ones, they do not swallow what follows."""
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "replace"))
