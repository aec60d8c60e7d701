"""Decodes text files as Windows, macOS and Linux programs write them."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and their encodings; UTF-32 first, because its mark begins with that of UTF-16."""


def decode_text(data: bytes) -> str:
    """Return UTF-8 or UTF-16 text without its byte order mark. Raises UnicodeDecodeError."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    even, odd = data[:1000:2].count(0), data[1:1000:2].count(0)
    if max(even, odd) > len(data[:1000]) // 4:  # UTF-16 without a mark: one byte of most characters is zero
        return data.decode("utf-16-be" if even > odd else "utf-16-le")
    return data.decode("utf-8")
