"""Names in FAT folders: the short one of 8 and 3 letters that every entry has, and the long one before it.

Written after Microsoft's "FAT: General Overview of On-Disk Format", version 1.03 (2000).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection

from edgevision.errors import BadInput

LONG = 0x0F
"""Attribute of an entry that holds 13 letters of a long name."""
LAST = 0x40
LETTERS = 13
_SHORT = re.compile(rb"[A-Z0-9!#$%&'()\-@^_`{}~]{1,8}(\.[A-Z0-9!#$%&'()\-@^_`{}~]{1,3})?")
_FORBIDDEN = set('"*/:<>?\\|') | {chr(code) for code in range(32)} | {"\x7f"}
LOWER_BASE, LOWER_EXTENSION = 0x08, 0x10
"""Windows NT and Linux keep the case of a name that is all small letters in these bits."""


def check(name: str) -> str:
    """The name, if a FAT folder can hold it. Raises BadInput."""
    try:
        units = len(name.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        units = 0
    if not 0 < units <= 255 or set(name) & _FORBIDDEN or name[-1] in ". " or name[0] == " ":
        raise BadInput(f"{name!r:.80} cannot be the name of a file on a FAT partition")
    return name


def same(one: str, other: str) -> bool:
    """FAT keeps the case and does not tell by it."""
    return one.upper() == other.upper()


def short_name(raw: bytes, case: int) -> str:
    """Of the first 11 bytes of an entry; ``case``: its byte 12."""
    # 0x05 stands for a first letter that would mark the entry as deleted.
    raw = b"\xe5" + raw[1:] if raw[0] == 0x05 else raw
    base, extension = raw[:8].decode("cp437").rstrip(), raw[8:].decode("cp437").rstrip()
    base = base.lower() if case & LOWER_BASE else base
    extension = extension.lower() if case & LOWER_EXTENSION else extension
    return f"{base}.{extension}" if extension else base


def entries_for(name: str, taken: Collection[bytes]) -> tuple[bytes, list[bytes]]:
    """The short name (11 bytes) and the entries of the long one, in their order on the disk; none where it says no more.

    ``taken``: the short names of the folder.
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
    """The letters of one entry of a long name, as UTF-16."""
    return entry[1:11] + entry[14:26] + entry[28:32]


def long_name(parts: list[bytes]) -> str:
    """Of the letters of all its entries, first part first."""
    text = b"".join(parts).decode("utf-16-le", "replace")
    return text.partition("\0")[0].rstrip("\uffff")


def checksum(short: bytes) -> int:
    """Of the short name, in each entry of the long one: one that does not match is an orphan."""
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
    """BASE~1.EXT and so on, until there is none of that name."""
    base, _, extension = name.upper().rpartition(".") if "." in name.lstrip(".") else (name.upper(), "", "")
    base, extension = (re.sub(r"[^A-Z0-9_-]", "", part) for part in (base, extension))
    for number in range(1, 1_000_000):
        tail = f"~{number}"
        short = _padded(f"{(base or 'FILE')[: 8 - len(tail)]}{tail}.{extension[:3]}".encode())
        if short not in taken:
            return short
    raise BadInput(f"there are too many names like {name!r} in its folder")
