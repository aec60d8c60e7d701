"""The machine's name, and that it finds itself by it."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..base.atomic_files import place, read_text
from ..base.checks import text

LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
"""RFC 1123, section 2.1."""
LOCAL = "127.0.1.1"
"""Debian's address for a machine without a fixed one."""


def set_hostname(value: Any, root: Path) -> None:
    """/etc/hostname and its line in /etc/hosts. Raises Refused, OSError."""
    name = text(value, LABEL, "the host name")
    place(root / "etc/hostname", f"{name}\n".encode())
    place(root / "etc/hosts", _hosts(read_text(root / "etc/hosts"), name).encode("utf-8", "surrogateescape"))
    if root == Path("/"):
        with suppress(OSError):  # the next start takes it from the file
            socket.sethostname(name)


def _hosts(before: str, name: str) -> str:
    """Every other line stays as it is."""
    lines = before.splitlines() or ["127.0.0.1\tlocalhost", "::1\t\tlocalhost ip6-localhost ip6-loopback"]
    ours = f"{LOCAL}\t{name}"
    at = next((place for place, line in enumerate(lines) if line.split()[:1] == [LOCAL]), len(lines))
    return "\n".join([*lines[:at], ours, *(line for line in lines[at:] if line.split()[:1] != [LOCAL])]) + "\n"
