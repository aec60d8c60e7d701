"""FAT file names: the short 8.3 name of every entry, and the optional long name before it.

Follows Microsoft's "FAT: General Overview of On-Disk Format", version 1.03 (2000).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection

from edgevision.errors import BadInput

LONG = 0x0F
"""Attribute of an entry that holds 13 characters of a long name."""
LAST = 0x40
LETTERS = 13
_SHORT = re.compile(rb"[A-Z0-9!#$%&'()\-@^_`{}~]{1,8}(\.[A-Z0-9!#$%&'()\-@^_`{}~]{1,3})?")
_FORBIDDEN = set('"*/:<>?\\|') | {chr(code) for code in range(32)} | {"\x7f"}
LOWER_BASE, LOWER_EXTENSION = 0x08, 0x10
"""Bits in which Windows NT and Linux store that the base or the extension is all lowercase."""


def check(name: str) -> str:
    """Return the name if it is valid on FAT. Raises BadInput."""
    try:
        units = len(name.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        units = 0
    if not 0 < units <= 255 or set(name) & _FORBIDDEN or name[-1] in ". " or name[0] == " ":
        raise BadInput(f"invalid file name on a FAT partition: {name!r:.80}")
    return name


def same(one: str, other: str) -> bool:
    """Return whether two names are equal on FAT, which preserves but ignores case."""
    return one.upper() == other.upper()


def short_name(raw: bytes, case: int) -> str:
    """Return the short name from the first 11 bytes of an entry; ``case``: its byte 12."""
    # 0x05 replaces a first character (0xE5) that would mark the entry as deleted.
    raw = b"\xe5" + raw[1:] if raw[0] == 0x05 else raw
    base, extension = raw[:8].decode("cp437").rstrip(), raw[8:].decode("cp437").rstrip()
    base = base.lower() if case & LOWER_BASE else base
    extension = extension.lower() if case & LOWER_EXTENSION else extension
    return f"{base}.{extension}" if extension else base


def entries_for(name: str, taken: Collection[bytes]) -> tuple[bytes, list[bytes]]:
    """Return the short name (11 bytes) and the entries of the long name in disk order, if one is needed.

    ``taken``: short names that exist in the folder.
    """
    raw = name.encode("ascii", "replace")
    if _SHORT.fullmatch(raw) and _padded(raw) not in taken:
        return _padded(raw), []
    short = _alias(name, taken)
    text = name.encode("utf-16-le")
    units = [text[at : at + 2] for at in range(0, len(text), 2)]
    if len(units) % LETTERS:
        units.append(b"\0\0")
    units += [b"\xff\xff"] * (-len(units) % LETTERS)
    parts = [b"".join(units[at : at + LETTERS]) for at in range(0, len(units), LETTERS)]
    made = [_long_entry(number, part, checksum(short)) for number, part in enumerate(parts, 1)]
    made[-1] = bytes([made[-1][0] | LAST]) + made[-1][1:]
    return short, made[::-1]


def long_part(entry: bytes) -> bytes:
    """Return the UTF-16 characters in one entry of a long name."""
    return entry[1:11] + entry[14:26] + entry[28:32]


def long_name(parts: list[bytes]) -> str:
    """Return a long name from the parts of its entries, in order."""
    text = b"".join(parts).decode("utf-16-le", "replace")
    return text.partition("\0")[0].rstrip("\uffff")


def checksum(short: bytes) -> int:
    """Return the checksum of a short name; entries of a long name with another checksum are orphans."""
    total = 0
    for byte in short:
        total = ((total & 1) << 7 | total >> 1) + byte & 0xFF
    return total


def _long_entry(number: int, part: bytes, check_byte: int) -> bytes:
    return struct.pack("<B10sBBB12sH4s", number, part[:10], LONG, 0, check_byte, part[10:22], 0, part[22:])


def _padded(raw: bytes) -> bytes:
    base, _, extension = raw.partition(b".")
    return base.ljust(8) + extension.ljust(3)


def _alias(name: str, taken: Collection[bytes]) -> bytes:
    """Return the first unused short name of the form BASE~1.EXT. Raises BadInput."""
    base, _, extension = name.upper().rpartition(".") if "." in name.lstrip(".") else (name.upper(), "", "")
    base, extension = (re.sub(r"[^A-Z0-9_-]", "", part) for part in (base, extension))
    for number in range(1, 1_000_000):
        tail = f"~{number}"
        short = _padded(f"{(base or 'FILE')[: 8 - len(tail)]}{tail}.{extension[:3]}".encode())
        if short not in taken:
            return short
    raise BadInput(f"too many similar file names in one folder: {name!r}")
