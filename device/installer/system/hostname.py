"""Host name, and its entry in /etc/hosts."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..base.atomic_files import place, read_text
from ..base.checks import text
from ..base.inside import inside

LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
"""Host name label (RFC 1123, section 2.1)."""
LOCAL = "127.0.1.1"
"""Address that Debian maps to the host name of a machine without a fixed address."""


def set_hostname(value: Any, root: Path) -> None:
    """Set /etc/hostname and its line in /etc/hosts. Raises Refused, OSError."""
    name = text(value, LABEL, "host name")
    place(inside(root, "etc/hostname", follow=False), f"{name}\n".encode())
    hosts = _hosts(read_text(inside(root, "etc/hosts")), name)
    place(inside(root, "etc/hosts", follow=False), hosts.encode("utf-8", "surrogateescape"))
    if root == Path("/"):
        with suppress(OSError):  # the next boot reads it from the file
            socket.sethostname(name)


def _hosts(before: str, name: str) -> str:
    """Return /etc/hosts with the line for the host name replaced."""
    lines = before.splitlines() or ["127.0.0.1\tlocalhost", "::1\t\tlocalhost ip6-localhost ip6-loopback"]
    ours = f"{LOCAL}\t{name}"
    at = next((place for place, line in enumerate(lines) if line.split()[:1] == [LOCAL]), len(lines))
    return "\n".join([*lines[:at], ours, *(line for line in lines[at:] if line.split()[:1] != [LOCAL])]) + "\n"
