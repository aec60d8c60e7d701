"""cpio archives ("newc") for an initramfs (kernel documentation, early-userspace/buffer-format)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

END = "TRAILER!!!"
FOLDER, FILE = 0o040000, 0o100000


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder owned by root."""

    name: str
    content: bytes | None
    """Content of the file; None for a folder."""
    mode: int = 0o755


def archive(entries: Iterable[Entry]) -> bytes:
    """Return the archive. Folders must come before their contents."""
    parts = [_packed(number, one) for number, one in enumerate(entries, 1)]
    return b"".join([*parts, _packed(0, Entry(END, b"", 0))])


def _packed(number: int, entry: Entry) -> bytes:
    content = entry.content or b""
    name = entry.name.encode() + b"\0"
    kind = FOLDER if entry.content is None else FILE
    mode = 0 if entry.name == END else kind | entry.mode
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % value for value in fields) + name
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
